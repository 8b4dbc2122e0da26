//! The JSON of etcd's v2 store as a restore begins it: nothing but the members.
//!
//! 3.4 and 3.5 take the membership they run with from here, 3.6 demands that it is there. Byte for
//! byte what etcdutl 3.4 and 3.5 write, the history of the events that made the members included
//! (etcd's `server/etcdserver/api/v2store`); 3.6 counts one failed read more.

use super::founding::{Founding, FoundingMember};
use super::go_json;

/// Places of the ring of events; etcd demands that the list has as many.
const EVENTS: usize = 1000;

/// Go's zero time: never expires.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// What the store counts; only creations have happened.
const COUNTERS: [&str; 16] = [
    "getsSuccess",
    "getsFail",
    "setsSuccess",
    "setsFail",
    "deleteSuccess",
    "deleteFail",
    "updateSuccess",
    "updateFail",
    CREATED,
    "createFail",
    "compareAndSwapSuccess",
    "compareAndSwapFail",
    "compareAndDeleteSuccess",
    "compareAndDeleteFail",
    "expireCount",
    "watchers",
];

const CREATED: &str = "createSuccess";

/// The store with the founding members.
pub(super) fn founding_store(founding: &Founding) -> String {
    let count = founding.index();
    let numbered = || (1..).zip(founding.members());
    // A directory's children stand in the order of their names, which is not that of the ids.
    let mut nodes: Vec<_> = numbered()
        .map(|(index, member)| (member.hex_id(), member_node(index, member)))
        .collect();
    nodes.sort();
    let members = directory("/0/members", first_index(count), &nodes);
    let zero = directory("/0", 0, &[("members".to_owned(), members)]);
    let one = directory("/1", 0, &[]);
    let root = directory("/", 0, &[("0".to_owned(), zero), ("1".to_owned(), one)]);
    let events = numbered().map(|(index, member)| event(index, member));
    let empty = std::iter::repeat_with(|| "null".to_owned());
    let events: Vec<_> = events.chain(empty).take(EVENTS).collect();
    let stats = COUNTERS.map(|name| {
        let number = if name == CREATED { count } else { 0 };
        format!(r#""{name}":{number}"#)
    });
    let queue = format!(
        r#"{{"Events":[{}],"Size":{count},"Front":0,"Back":{count},"Capacity":{EVENTS}}}"#,
        events.join(",")
    );
    let history = format!(
        r#"{{"Queue":{queue},"StartIndex":{},"LastIndex":{count}}}"#,
        first_index(count)
    );
    format!(
        r#"{{"Root":{root},"WatcherHub":{{"EventHistory":{history}}},"CurrentIndex":{count},"Stats":{{{}}},"CurrentVersion":2}}"#,
        stats.join(",")
    )
}

/// The index of the first member, where there is one.
fn first_index(count: u64) -> u64 {
    count.min(1)
}

fn member_path(member: &FoundingMember) -> String {
    format!("/0/members/{}", member.hex_id())
}

fn attributes(member: &FoundingMember) -> String {
    go_json::string(&format!(
        r#"{{"peerURLs":{}}}"#,
        go_json::strings(&member.peer_urls)
    ))
}

fn member_node(index: u64, member: &FoundingMember) -> String {
    let path = member_path(member);
    let leaf = node(
        &format!("{path}/raftAttributes"),
        index,
        &attributes(member),
        "null",
    );
    directory(&path, index, &[("raftAttributes".to_owned(), leaf)])
}

fn directory(path: &str, index: u64, children: &[(String, String)]) -> String {
    let children: Vec<_> = children
        .iter()
        .map(|(name, node)| format!(r#""{name}":{node}"#))
        .collect();
    // No children at all would make it a leaf.
    node(path, index, r#""""#, &format!("{{{}}}", children.join(",")))
}

fn node(path: &str, index: u64, value: &str, children: &str) -> String {
    format!(
        r#"{{"Path":"{path}","CreatedIndex":{index},"ModifiedIndex":{index},"ExpireTime":"{NEVER}","Value":{value},"Children":{children}}}"#
    )
}

fn event(index: u64, member: &FoundingMember) -> String {
    format!(
        r#"{{"action":"create","node":{{"key":"{}/raftAttributes","value":{},"modifiedIndex":{index},"createdIndex":{index}}}}}"#,
        member_path(member),
        attributes(member)
    )
}
