//! Snapshots that etcd has written, with the numbers that its own tools gave.

use super::inspect::{InspectOptions, inspect};
use super::*;
use crate::datadir::bolt::Image;

pub(super) struct Vector {
    pub(super) facts: serde_json::Value,
    pub(super) bytes: Vec<u8>,
}

/// Every snapshot below `tests/data/snapshots`.
pub(super) fn vectors() -> Vec<Vector> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/snapshots");
    let list = std::fs::read(format!("{dir}/snapshots.json")).unwrap();
    let list: Vec<serde_json::Value> = serde_json::from_slice(&list).unwrap();
    assert_eq!(list.len(), 16);
    let read = |facts: serde_json::Value| {
        let name = facts["file"].as_str().unwrap();
        let bytes = std::fs::read(format!("{dir}/{name}")).unwrap();
        Vector { facts, bytes }
    };
    list.into_iter().map(read).collect()
}

#[test]
fn status_is_what_etcdutl_of_that_version_prints() {
    for Vector { facts, bytes } in vectors() {
        let found = status(&Image::open(bytes).unwrap()).unwrap();
        let official = &facts["official_status"];
        assert_eq!(official["hash"], found.hash, "{facts}");
        assert_eq!(official["revision"], found.revision, "{facts}");
        assert_eq!(official["totalKey"], found.total_key, "{facts}");
        assert_eq!(official["totalSize"], found.total_size, "{facts}");
        assert_eq!(
            facts["live_hashkv"]["current_revision"],
            found.current_revision
        );
        let version = match &found.version {
            StorageVersion::Stated(version) => version.as_str(),
            StorageVersion::V3_4 | StorageVersion::V3_5 => "",
        };
        let expected = official["version"].as_str().unwrap_or_default();
        assert_eq!(version, expected, "{facts}");
        let series = facts["etcd_version"].as_str().unwrap();
        assert!(series.starts_with(&found.version.to_string()[..3]));
    }
}

#[test]
fn hash_kv_is_what_the_server_answered() {
    for Vector { facts, bytes } in vectors() {
        let image = Image::open(bytes).unwrap();
        let found = hash_kv(&image, None).unwrap();
        let live = &facts["live_hashkv"];
        assert_eq!(live["hash"], found.hash, "{facts}");
        assert_eq!(live["compact_revision"], found.compact_revision, "{facts}");
        assert_eq!(live["current_revision"], found.revision, "{facts}");
        assert_eq!(current_revision(&image).unwrap(), found.revision);
        assert_eq!(facts["live_user_keys"].as_u64(), found.live_keys, "{facts}");
        if let Some(hash) = facts.get("live_hashkv_at_rev_35") {
            assert_eq!(*hash, hash_kv(&image, Some(35)).unwrap().hash, "{facts}");
        }
        let future = hash_kv(&image, Some(found.revision + 1));
        assert!(matches!(future, Err(SnapshotError::Future { .. })));
        if found.compact_revision > 0 {
            let compacted = hash_kv(&image, Some(found.compact_revision - 1));
            assert!(matches!(compacted, Err(SnapshotError::Compacted { .. })));
        }
    }
}

#[test]
fn the_digest_is_the_one_at_the_end() {
    for Vector { facts, bytes } in vectors() {
        let length = bytes.len() as u64 - 32;
        let found = digest(&bytes, length).unwrap();
        assert_eq!(found, bytes[bytes.len() - 32..], "{facts}");
    }
}

#[test]
fn an_inspection_counts_what_is_there() {
    let options = InspectOptions {
        depth: 2,
        largest: 3,
    };
    for Vector { facts, bytes } in vectors() {
        let found = inspect(&Image::open(bytes).unwrap(), options).unwrap();
        assert_eq!(facts["live_user_keys"], found.live_keys, "{facts}");
        let by_prefix: u64 = found.prefixes.iter().map(|prefix| prefix.keys).sum();
        assert_eq!(by_prefix, found.live_keys);
        let counts = facts["bucket_entry_counts"].as_object().unwrap();
        assert_eq!(counts.len(), found.buckets.len());
        for bucket in &found.buckets {
            assert_eq!(counts[&bucket.name], bucket.entries, "{facts}");
        }
        assert_eq!(found.members.len(), 1);
        assert_eq!(found.leases.len(), 1);
        assert!(found.largest.is_sorted_by(|a, b| a.bytes >= b.bytes));
        let has_auth = facts["file"].as_str().unwrap().contains("auth");
        assert_eq!(found.users, u64::from(has_auth));
    }
}

/// A tree with a branch and an overflow page; pages of 512 bytes.
const BRANCH: &[u8] = include_bytes!("../../fuzz/corpus/snapshot/branch");

#[test]
fn sections_add_up_to_the_whole() {
    let image = Image::open(BRANCH).unwrap();
    let buckets = image.buckets().unwrap();
    let (mut hash, mut total) = (0, 0);
    for bucket in &buckets {
        hash = crc32c::crc32c_append(hash, &bucket.name);
        let mut entries = image.entries(bucket);
        while let Some(entry) = entries.next().unwrap() {
            hash = crc32c::crc32c_append(hash, entry.key);
            hash = crc32c::crc32c_append(hash, entry.value);
            total += 1;
        }
        for parts in 1..4 {
            let sections = image.sections(bucket, parts).unwrap();
            let is_key = bucket.name == b"key";
            let expected = if is_key { usize::from(parts.min(2)) } else { 1 };
            assert_eq!(sections.len(), expected);
        }
    }
    let found = status(&image).unwrap();
    assert_eq!(
        (found.hash, found.total_key, found.revision),
        (hash, total, 7)
    );
}

#[test]
fn sections_that_share_a_page_are_damage() {
    let mut bytes = BRANCH.to_vec();
    // The second child of the branch on page 8 becomes the first one again.
    let child = 8 * 512 + 16 + 16 + 8;
    assert_eq!(bytes[child], 10);
    bytes[child] = 9;
    let image = Image::open(bytes).unwrap();
    assert!(matches!(status(&image), Err(SnapshotError::Image(_))));
}
