//! Are the records in etcd's buckets read or refused, and does what is written read back?

#![no_main]

use etcdha::datadir::schema::{KeyValueRef, MemberJson, RevisionKey, member_key, parse_member_key};
use etcdha::snapshot::Marks;
use libfuzzer_sys::fuzz_target;

const META_KEYS: [&str; 6] = [
    "consistent_index",
    "term",
    "scheduledCompactRev",
    "finishedCompactRev",
    "confState",
    "storageVersion",
];

fuzz_target!(|bytes: &[u8]| {
    if let Ok(revision) = RevisionKey::parse(bytes) {
        assert_eq!(revision.encode(), bytes);
    }
    if let Ok(found) = KeyValueRef::parse(bytes) {
        assert!(found.key.len() + found.value.len() <= bytes.len());
    }
    if let Ok(member) = MemberJson::parse(bytes) {
        let written = member.encode();
        assert_eq!(
            MemberJson::parse(written.as_bytes()).expect("what is written reads back"),
            member
        );
    }
    if let Some(id) = parse_member_key(bytes) {
        assert_eq!(member_key(id).as_bytes(), bytes);
    }
    let mut marks = Marks::default();
    for key in META_KEYS {
        let _ = marks.note(key.as_bytes(), bytes);
    }
    assert!(marks.current_revision(0) >= 1);
});
