//! Pieces that are joined give what one pass over every entry gives.

use std::io::Cursor;

use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::datadir::bolt::{Walk, Writer};
use crate::snapshot::hash_kv;
use crate::snapshot::verify::finding::Findings;

/// A record as etcd keeps it; the fields that are looked at.
#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(int64, tag = "2")]
    create_revision: i64,
    #[prost(int64, tag = "3")]
    mod_revision: i64,
    #[prost(int64, tag = "4")]
    version: i64,
    #[prost(bytes = "vec", tag = "5")]
    value: Vec<u8>,
    #[prost(int64, tag = "6")]
    lease: i64,
}

/// A change: its key, whether it is a delete, its lease.
type Change = (u8, bool, i64);

/// The revisions that a server keeps of these changes, compacted as etcd compacts.
fn kept(changes: &[Change], compacted: Option<i64>) -> Vec<(RevisionKey, Change)> {
    let mut all: Vec<_> = changes
        .iter()
        .zip(2..)
        .map(|(change, main)| {
            let revision = RevisionKey {
                main,
                sub: 0,
                is_tombstone: change.1,
            };
            (revision, *change)
        })
        .collect();
    let Some(compacted) = compacted else {
        return all;
    };
    let old = all.iter().filter(|(at, _)| at.main <= compacted).copied();
    let old: Vec<_> = old.collect();
    all.retain(|(at, (key, is_delete, _))| {
        let is_last = !old
            .iter()
            .any(|(later, (other, ..))| other == key && later.main > at.main);
        at.main > compacted || (is_last && (!is_delete || at.main == compacted))
    });
    all
}

fn database(entries: &[(RevisionKey, Change)], compacted: Option<i64>) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()), 512).unwrap();
    writer.bucket(b"key", 0).unwrap();
    for (revision, (key, is_delete, lease)) in entries {
        let live = KeyValue {
            key: vec![*key],
            create_revision: revision.main,
            mod_revision: revision.main,
            version: 1,
            value: vec![7; 30],
            lease: *lease,
        };
        let gone = KeyValue {
            key: vec![*key],
            ..KeyValue::default()
        };
        let record = if *is_delete { gone } else { live };
        writer
            .put(&revision.encode(), &record.encode_to_vec())
            .unwrap();
    }
    writer.bucket(b"meta", 0).unwrap();
    if let Some(main) = compacted {
        let mark = RevisionKey {
            main,
            sub: 0,
            is_tombstone: false,
        };
        for key in ["finishedCompactRev", "scheduledCompactRev"] {
            writer.put(key.as_bytes(), &mark.encode()).unwrap();
        }
    }
    writer.finish().unwrap().0.into_inner()
}

/// What the pass over every entry finds of the leases.
fn orphans_in_order(image: &Image<Vec<u8>>, bucket: &Bucket, mut leases: Leases) -> Findings {
    let mut entries = image.entries(bucket);
    while let Some(entry) = entries.next().unwrap() {
        let revision = RevisionKey::parse(entry.key).unwrap();
        let change = KeyValueRef::parse(entry.value).unwrap();
        leases.note(revision, &change, entry.offset);
    }
    let mut findings = Findings::default();
    Leases::report(leases.orphans(), &mut findings);
    findings
}

fn leases() -> Leases {
    let mut leases = Leases::default();
    leases.add(&1_i64.to_be_bytes());
    leases
}

proptest! {
    #[test]
    fn sections_give_what_one_pass_gives(
        changes in proptest::collection::vec((0_u8..12, any::<bool>(), 0_i64..3), 1..120),
        compaction in proptest::option::of(0_i64..120),
    ) {
        let last = changes.len() as i64 + 1;
        let compacted = compaction.map(|compacted| compacted.clamp(1, last));
        let image = Image::open(database(&kept(&changes, compacted), compacted)).unwrap();
        let buckets = image.buckets().unwrap();
        let bucket = &buckets[0];
        let marks = Marks::read(&image, &buckets).unwrap();
        let leases = leases();
        let gauge = Gauge::new(&|_| true);
        let pass = KeyPass { marks: &marks, leases: &leases, gauge: &gauge, count_live: false };
        let found = pass.read(&image, bucket, image.page_set());
        let slow = hash_kv(&image, None).unwrap();
        let expected = orphans_in_order(&image, bucket, self::leases());
        let Ok((keys, reached)) = found else {
            // Whether a lease that is gone matters is not told here without a compaction.
            prop_assert!(compacted.is_none() && changes.iter().any(|change| change.2 > 1));
            return Ok(());
        };
        let live_keys = compacted.and(slow.live_keys);
        prop_assert_eq!(keys.hash_kv, HashKv { live_keys, ..slow });
        let mut findings = Findings::default();
        Leases::report(keys.orphans, &mut findings);
        prop_assert_eq!(findings.list, expected.list);
        let mut walk = Walk::of_bucket(&image, bucket, image.page_set());
        let mut entries = 0;
        while walk.step().unwrap().is_some() {
            entries += 1;
        }
        prop_assert_eq!(keys.entries, entries);
        prop_assert_eq!(reached.len(), walk.into_reached().len());
    }
}

#[test]
fn what_needs_the_order_is_left_to_the_other_pass() {
    let database = database(&kept(&[(1, false, 0), (1, true, 0)], None), None);
    let image = Image::open(database).unwrap();
    let buckets = image.buckets().unwrap();
    let gauge = Gauge::new(&|_| true);
    let leases = leases();
    let read = |marks: &Marks, count_live| {
        let pass = KeyPass {
            marks,
            leases: &leases,
            gauge: &gauge,
            count_live,
        };
        pass.read(&image, &buckets[0], image.page_set()).is_ok()
    };
    assert!(read(&Marks::default(), false));
    assert!(!read(&Marks::default(), true));
    let begun = Marks {
        scheduled_compaction: Some(3),
        ..Marks::default()
    };
    assert!(!read(&begun, false));
    // A delete that a finished compaction would have removed.
    let finished = Marks {
        scheduled_compaction: Some(4),
        finished_compaction: Some(4),
        ..Marks::default()
    };
    assert!(!read(&finished, false));
}
