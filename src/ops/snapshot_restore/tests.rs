//! Plans and refusals from facts alone.

use super::*;
use crate::datadir::schema::AlarmMember;
use crate::plan::{Action, OwnerIds};
use crate::snapshot::restore::Survey;

const ROOT: OwnerIds = OwnerIds { uid: 0, gid: 0 };

fn request() -> RestoreRequest {
    RestoreRequest {
        snapshot: "/backup/etcd.db".into(),
        opened: None,
        node: LocalNode {
            name: "m1".parse().unwrap(),
            root: "/".into(),
        },
        member: "m1".into(),
        members: ["m1", "m2"]
            .map(|name| FoundingPeer {
                name: name.into(),
                peer_urls: vec![format!("https://{name}:2380").parse().unwrap()],
            })
            .into(),
        token: None,
        data_dir: "/var/lib/etcd".into(),
        wal_dir: None,
        bump: None,
        skip_hash_check: false,
        version: Some(EtcdVersion::new(3, 5, 16)),
        allow_newer: false,
        owner: OwnerWish::AsFound,
    }
}

fn observed() -> Observed {
    Observed {
        snapshot: Ok(ObservedSnapshot {
            survey: Survey {
                revision: 49,
                stored_revision: 48,
                entries: 17,
                cluster_version: Some("3.5.0".into()),
                members: vec!["old".into()],
                alarms: vec![AlarmMember {
                    member_id: 0x2a,
                    alarm: 1,
                }],
                used_bytes: 4096,
                ..Survey::default()
            },
            digest: Digest::Right,
            sha256: "0123456789abcdef0123".into(),
        }),
        data_dir: ObservedPlace {
            path: "/var/lib/etcd".into(),
            occupancy: Occupancy::Empty,
            found: None,
            free_bytes: 1 << 30,
            device: 1,
        },
        wal_dir: None,
        owner: Ok(ROOT),
        self_ids: ROOT,
    }
}

fn id(request: &RestoreRequest, observed: &Observed) -> &'static str {
    plan(request, observed).unwrap_err().id
}

#[test]
fn the_plan_says_what_goes_and_why_a_bump_is_wise() {
    let made = plan(&request(), &observed()).unwrap();
    let notes = made.notes.join("\n");
    for word in [
        "last one that is stored is 48",
        "Revisions go back to 49",
        "--bump-revision 1000000000 --mark-compacted",
        "Dropped: the members of the old cluster (old).",
        "Dropped: alarm NOSPACE of member 2a",
        "Restore every member from this very file",
    ] {
        assert!(notes.contains(word), "{word}: {notes}");
    }
    let [step] = made.steps.as_slice() else {
        panic!("{:?}", made.steps)
    };
    let Action::RestoreDataDir(order) = &step.action else {
        panic!("{:?}", step.action)
    };
    assert_eq!(order.token, "restore-0123456789abcdef-49");
    assert_eq!((order.first_revision, order.owner), (None, None));
}

#[test]
fn a_bump_counts_from_the_revision_that_was_reached() {
    let bumped = RestoreRequest {
        bump: Some(1000),
        ..request()
    };
    let order = order(&bumped, &observed()).unwrap();
    assert_eq!(order.first_revision, Some(1049));
    assert_eq!(order.token, "restore-0123456789abcdef-1049");
    let whole = RestoreRequest {
        bump: Some(i64::MAX as u64 - 48),
        ..request()
    };
    assert_eq!(id(&whole, &observed()), "revision-overflow");
}

#[test]
fn room_owner_and_release_are_looked_at() {
    let mut tight = observed();
    tight.data_dir.free_bytes = 64_000_000;
    assert_eq!(id(&request(), &tight), "disk-space");
    let older = RestoreRequest {
        version: Some(EtcdVersion::new(3, 4, 23)),
        ..request()
    };
    assert_eq!(id(&older, &observed()), "snapshot-newer");
    let mut other = observed();
    other.owner = Ok(OwnerIds { uid: 7, gid: 7 });
    let order = order(&request(), &other).unwrap();
    assert_eq!(order.owner, Some(OwnerIds { uid: 7, gid: 7 }));
    other.self_ids = OwnerIds { uid: 9, gid: 9 };
    let named = RestoreRequest {
        owner: OwnerWish::Named {
            user: "etcd".into(),
            group: None,
        },
        ..request()
    };
    assert_eq!(id(&named, &other), "owner-needs-root");
}
