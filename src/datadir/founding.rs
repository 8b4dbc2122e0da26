//! The members that found a cluster, and the ids etcd gives them: what every file of a restored
//! data directory is made of.
//!
//! Ids (etcd's `server/etcdserver/api/membership/{member,cluster}.go`): a member's is the first 8
//! bytes of the SHA-1 of its sorted peer URLs and the cluster token, one after the other; the
//! cluster's that of all members' ids in ascending order. SHA-1 is the format's choice and protects
//! nothing here.

use aws_lc_rs::digest;

use super::protobuf::{put_bytes, put_number};
use super::schema::{MemberJson, member_key};

/// The raft term of all that a restore writes.
pub const TERM: u64 = 1;

/// A founding member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundingMember {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its peer URLs, sorted.
    pub peer_urls: Vec<String>,
}

/// A cluster of voting members at its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founding {
    cluster_id: u64,
    members: Vec<FoundingMember>,
}

/// Two members can't be told apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} and {1} have the same member id: their peer URLs are the same")]
pub struct SameId(pub String, pub String);

impl Founding {
    /// Gives ids to members, each a name and its peer URLs.
    ///
    /// # Errors
    /// Where two get the same id.
    pub fn new(
        members: impl IntoIterator<Item = (String, Vec<String>)>,
        token: &str,
    ) -> Result<Self, SameId> {
        let mut members: Vec<_> = members
            .into_iter()
            .map(|(name, mut peer_urls)| {
                peer_urls.sort();
                let id = first_eight(&[peer_urls.concat().as_bytes(), token.as_bytes()]);
                FoundingMember {
                    id,
                    name,
                    peer_urls,
                }
            })
            .collect();
        members.sort_by_key(|member| member.id);
        if let Some(pair) = members.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(SameId(pair[0].name.clone(), pair[1].name.clone()));
        }
        let ids: Vec<_> = members
            .iter()
            .map(|member| member.id.to_be_bytes())
            .collect();
        let ids: Vec<_> = ids.iter().map(<[u8; 8]>::as_slice).collect();
        Ok(Self {
            cluster_id: first_eight(&ids),
            members,
        })
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> u64 {
        self.cluster_id
    }

    /// The members by ascending id.
    pub fn members(&self) -> &[FoundingMember] {
        &self.members
    }

    /// The member of a name.
    pub fn member(&self, name: &str) -> Option<&FoundingMember> {
        self.members.iter().find(|member| member.name == name)
    }

    /// The raft index at which all members have joined: their number.
    pub fn index(&self) -> u64 {
        self.members.len() as u64
    }

    /// The members as raft's `ConfState`, not packed (proto2).
    pub(super) fn conf_state(&self) -> Vec<u8> {
        let mut message = Vec::new();
        for member in &self.members {
            put_number(&mut message, 1, member.id);
        }
        put_number(&mut message, 5, 0);
        message
    }

    /// The members as the `meta` bucket keeps them from 3.5 on (`confState`).
    pub fn conf_state_json(&self) -> String {
        let ids: Vec<_> = self.members.iter().map(|m| m.id.to_string()).collect();
        format!(r#"{{"voters":[{}],"auto_leave":false}}"#, ids.join(","))
    }
}

impl FoundingMember {
    /// The key in the buckets `members` and the v2 store.
    pub fn hex_id(&self) -> String {
        member_key(self.id)
    }

    /// The member as the bucket `members` and the raft log keep it.
    pub fn json(&self) -> String {
        let member = MemberJson {
            id: self.id,
            peer_urls: self.peer_urls.clone(),
            is_learner: false,
            name: self.name.clone(),
            client_urls: Vec::new(),
        };
        member.encode()
    }

    /// The raft entry that adds it: a configuration change.
    pub(super) fn joining(&self) -> Vec<u8> {
        let mut change = Vec::new();
        put_number(&mut change, 1, 0);
        put_number(&mut change, 2, 0);
        put_number(&mut change, 3, self.id);
        put_bytes(&mut change, 4, self.json().as_bytes());
        change
    }
}

fn first_eight(parts: &[&[u8]]) -> u64 {
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    for part in parts {
        hash.update(part);
    }
    let hash = hash.finish();
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_ref()[..8]);
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(members: &[(&str, &str)], token: &str) -> (Vec<String>, String) {
        let members = members
            .iter()
            .map(|(name, url)| ((*name).to_owned(), vec![(*url).to_owned()]));
        let founding = Founding::new(members, token).unwrap();
        let ids = founding.members().iter().map(FoundingMember::hex_id);
        (ids.collect(), format!("{:x}", founding.cluster_id()))
    }

    #[test]
    fn ids_are_those_that_etcd_gives() {
        let three = [
            ("m1", "http://127.0.0.1:7380"),
            ("m2", "http://127.0.0.1:7381"),
            ("m3", "http://127.0.0.1:7382"),
        ];
        let expected = ["18b5c9f7562e750", "711a51a7538197a2", "bdd9228d0ad6358c"];
        let (members, cluster) = ids(&three, "newtok");
        assert_eq!(
            (members, cluster.as_str()),
            (expected.map(str::to_owned).to_vec(), "2619acb4877e7ec8")
        );
        let (members, cluster) = ids(&[("default", "http://localhost:2380")], "etcd-cluster");
        assert_eq!(
            (members, cluster.as_str()),
            (vec!["8e9e05c52164694d".to_owned()], "cdf818194e3a8c32")
        );
    }

    #[test]
    fn members_with_the_same_urls_are_refused() {
        let url = || vec!["http://a:1".to_owned()];
        let two = [("a".to_owned(), url()), ("b".to_owned(), url())];
        assert!(Founding::new(two, "x").is_err());
    }

    #[test]
    fn a_member_is_written_as_go_writes_it() {
        let member = FoundingMember {
            id: 13_680_003_332_282_135_948,
            name: "a<b>&\"c".to_owned(),
            peer_urls: vec!["http://127.0.0.1:7380".to_owned()],
        };
        assert_eq!(
            member.json(),
            r#"{"id":13680003332282135948,"peerURLs":["http://127.0.0.1:7380"],"name":"a\u003cb\u003e\u0026\"c"}"#
        );
    }
}
