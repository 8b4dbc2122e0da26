//! Every kind of damage is found and named, and nothing that a file holds makes the reader panic.

use proptest::prelude::*;

use super::super::inspect::{InspectOptions, inspect};
use super::super::tests::{Vector, vectors};
use super::super::{hash_kv, status};
use super::*;
use crate::datadir::bolt::{Meta, PageHeader};

const PAGE: usize = 4096;

fn judge(bytes: &[u8]) -> Verification {
    verify(&bytes, VerifyOptions::default()).unwrap()
}

/// The ids of the errors.
fn errors(found: &Verification) -> Vec<&'static str> {
    let errors = found.findings.iter();
    let errors = errors.filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.rule.id()).collect()
}

/// The snapshot of 3.5 with authentication and an overflow page.
fn sample() -> Vec<u8> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/snapshots");
    std::fs::read(format!("{dir}/etcd-3.5-auth.snapshot.db")).unwrap()
}

/// The errors of a changed sample whose digest is made to fit again, so that only the change tells.
fn errors_after(change: impl FnOnce(&mut Vec<u8>)) -> Vec<&'static str> {
    let mut bytes = sample();
    bytes.truncate(bytes.len() - 32);
    change(&mut bytes);
    let digest = digest(&bytes, bytes.len() as u64).unwrap();
    bytes.extend_from_slice(&digest);
    errors(&judge(&bytes))
}

fn find(bytes: &[u8], needle: &[u8]) -> usize {
    let mut windows = bytes.windows(needle.len());
    windows.position(|window| window == needle).unwrap()
}

/// The page of the root bucket's leaf, and of the bucket `key`.
fn roots(bytes: &[u8]) -> (usize, usize) {
    let image = Image::open(bytes).unwrap();
    let buckets = image.buckets().unwrap();
    let key = buckets.iter().find(|bucket| bucket.name == b"key").unwrap();
    let crate::datadir::bolt::BucketRoot::Page(key) = key.root else {
        panic!("the sample's keys have a page of their own");
    };
    let page = |id| usize::try_from(id).unwrap() * PAGE;
    (page(image.meta().root), page(key))
}

/// Writes another valid meta page in both places.
fn set_meta(bytes: &mut [u8], change: impl FnOnce(&mut Meta)) {
    let mut meta = *Image::open(&*bytes).unwrap().meta();
    change(&mut meta);
    for at in [16, PAGE + 16] {
        bytes[at..at + Meta::BODY_BYTES].copy_from_slice(&meta.encode());
    }
}

#[test]
fn what_etcd_writes_is_sound() {
    for Vector { facts, bytes } in vectors() {
        let found = judge(&bytes);
        assert!(found.findings.is_empty(), "{facts}: {:?}", found.findings);
        let contents = found.contents.unwrap();
        let hash_kv = contents.hash_kv.unwrap();
        assert_eq!(facts["live_hashkv"]["hash"], hash_kv.hash, "{facts}");
        assert_eq!(facts["total_keys_all_buckets"], contents.entries);
        assert_eq!(contents.members.len(), 1);
    }
}

#[test]
fn flipped_bytes_of_every_class_are_found() {
    let bytes = sample();
    let heads = (0..bytes.len()).filter(|at| at % PAGE < 80);
    for at in heads.chain((0..bytes.len()).step_by(61)) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(!judge(&damaged).is_restorable(), "byte {at}");
    }
}

#[test]
fn every_cut_is_found() {
    let bytes = sample();
    let boundaries = (0..bytes.len()).filter(|at| at % 512 < 2 || at % 512 == 32 || *at < 200);
    for at in boundaries.chain(bytes.len() - 40..bytes.len()) {
        let found = judge(&bytes[..at]);
        assert!(!found.is_restorable(), "cut at {at}");
        let expected = match at {
            0 => "S001",
            1..80 => "S002",
            _ if at < bytes.len() - 32 => "S004",
            _ if at == bytes.len() - 32 => "S005",
            _ => "S007",
        };
        assert_eq!(errors(&found), [expected], "cut at {at}");
    }
}

#[test]
fn a_changed_value_shows_in_the_digest_alone() {
    let mut bytes = sample();
    let value = find(&bytes, &[b'A'; 64]);
    bytes[value + 7] ^= 1;
    assert_eq!(errors(&judge(&bytes)), ["S006"]);
    let options = VerifyOptions {
        skip_hash_check: true,
        ..VerifyOptions::default()
    };
    let found = verify(&bytes, options).unwrap();
    assert!(found.is_restorable());
    assert_eq!((found.errors, found.warnings), (0, 1));
}

#[test]
fn another_files_digest_and_a_database_copy_are_told_apart() {
    let mut swapped = sample();
    let length = swapped.len();
    let other = &vectors()[0].bytes;
    swapped[length - 32..].copy_from_slice(&other[other.len() - 32..]);
    assert_eq!(errors(&judge(&swapped)), ["S006"]);
    let mut copy = sample();
    copy.truncate(length - 32);
    copy.resize(length - 32 + 4 * PAGE, 0);
    assert_eq!(errors(&judge(&copy)), ["S005"]);
    copy.push(0);
    assert_eq!(errors(&judge(&copy)), ["S007"]);
}

#[test]
fn one_damaged_meta_page_is_reported_and_two_are_the_end() {
    let zero = |bytes: &mut Vec<u8>, page: usize| bytes[page * PAGE..][..PAGE].fill(0);
    assert_eq!(errors_after(|bytes| zero(bytes, 0)), ["S008"]);
    assert_eq!(errors_after(|bytes| zero(bytes, 1)), ["S008"]);
    let both = errors_after(|bytes| bytes[..2 * PAGE].fill(0));
    assert_eq!(both, ["S002"]);
    let version = errors_after(|bytes| {
        for at in [20, PAGE + 20] {
            bytes[at] = 3;
        }
    });
    assert_eq!(version, ["S002"]);
    let foreign = errors_after(|bytes| {
        for at in [16, PAGE + 16] {
            bytes[at..at + 4].reverse();
        }
    });
    assert_eq!(foreign, ["S003"]);
}

#[test]
fn a_damaged_page_is_named_by_its_rule() {
    let (root, key) = roots(&sample());
    let at = |place: usize, value: u8| errors_after(|bytes| bytes[place] = value);
    assert_eq!(at(key, 99)[0], "S010", "id");
    assert_eq!(at(key + 8, 0x10)[0], "S010", "flags");
    assert_eq!(at(key + 13, 0xff)[0], "S011", "overflow");
    assert_eq!(at(key + 11, 0xff)[0], "S013", "count");
    assert_eq!(at(root + 8, 0x04)[0], "S010", "the root's flags");
    let out = errors_after(|bytes| set_meta(bytes, |meta| meta.root = 1 << 40));
    assert_eq!(out[0], "S011");
    let freelist = errors_after(|bytes| set_meta(bytes, |meta| meta.freelist = 3));
    assert!(freelist.iter().all(|rule| matches!(*rule, "S010" | "S016")));
    let huge = errors_after(|bytes| set_meta(bytes, |meta| meta.high_water_mark = u64::MAX));
    assert_eq!(huge, ["S004"]);
}

#[test]
fn damage_to_what_etcd_keeps_is_named_by_its_rule() {
    let replace = |from: &'static [u8], to: &'static [u8]| {
        errors_after(|bytes| {
            let at = find(bytes, from);
            bytes[at..at + to.len()].copy_from_slice(to);
        })
    };
    assert_eq!(replace(b"consistent_index", b"consistent_indey"), ["S026"]);
    assert_eq!(replace(b"clusterVersion3", b"clusterVersionx"), ["S027"]);
    assert_eq!(replace(b"{\"id\":1", b"{\"id\":7"), ["S028"]);
    assert_eq!(replace(b"\"peerURLs\":[", b"\"peerURLs\":{"), ["S028"]);
    let order = replace(b"clusterVersion", b"clusterVersioo");
    assert!(order.is_empty(), "an unknown key is none of ours");
    let order = replace(b"finishedCompactRev", b"zzzzzzzzzzzzzzzzzz");
    assert_eq!(order[0], "S014");
}

/// The errors when page `id` is made the list of free pages, with these in it.
fn errors_with_freelist(id: u64, free: &[u64]) -> Vec<&'static str> {
    errors_after(|bytes| {
        let header = PageHeader {
            id,
            flags: 0x10,
            count: u16::try_from(free.len()).unwrap(),
            overflow: 0,
        };
        let mut page = header.encode().to_vec();
        page.extend(free.iter().flat_map(|id| id.to_le_bytes()));
        let at = usize::try_from(id).unwrap() * PAGE;
        bytes[at..at + page.len()].copy_from_slice(&page);
        set_meta(bytes, |meta| meta.freelist = id);
    })
}

#[test]
fn a_list_of_free_pages_must_be_complete_and_true() {
    // The sample has one page that is free: there a list can lie, and it has nothing to list.
    let sound: Vec<u64> = (2..9)
        .filter(|id| errors_with_freelist(*id, &[]).is_empty())
        .collect();
    let [list] = sound[..] else {
        panic!("one page is free, not {sound:?}");
    };
    let in_use = if list == 2 { 3 } else { 2 };
    for wrong in [[in_use].as_slice(), &[list], &[0], &[9], &[1 << 60]] {
        assert_eq!(errors_with_freelist(list, wrong), ["S016"], "{wrong:?}");
    }
}

/// An image of 4 KiB pages: metas and these pages, from page 2 on.
fn image(pages: Vec<Vec<u8>>) -> Vec<u8> {
    let mut bytes = vec![0; 2 * PAGE];
    for (index, page) in pages.into_iter().enumerate() {
        assert_eq!(bytes.len(), (index + 2) * PAGE);
        bytes.extend(page);
        bytes.resize((index + 3) * PAGE, 0);
    }
    let meta = Meta {
        page_size: 4096,
        root: 2,
        sequence: 0,
        freelist: u64::MAX,
        high_water_mark: (bytes.len() / PAGE) as u64,
        txid: 2,
    };
    for at in [16, PAGE + 16] {
        bytes[at..at + Meta::BODY_BYTES].copy_from_slice(&meta.encode());
    }
    bytes
}

/// A branch page whose children carry the keys `a`, `b`, …
fn branch(id: u64, children: &[u64]) -> Vec<u8> {
    let header = PageHeader {
        id,
        flags: 1,
        count: u16::try_from(children.len()).unwrap(),
        overflow: 0,
    };
    let mut page = header.encode().to_vec();
    for (index, child) in children.iter().enumerate() {
        let position = (children.len() - index) * 16 + index;
        page.extend(u32::try_from(position).unwrap().to_le_bytes());
        page.extend(1_u32.to_le_bytes());
        page.extend(child.to_le_bytes());
    }
    page.extend((b'a'..).take(children.len()));
    page
}

#[test]
fn cycles_and_shared_subtrees_end() {
    let cycle = image(vec![
        branch(2, &[3, 3]),
        branch(3, &[2, 4]),
        branch(4, &[4]),
    ]);
    let found = judge(&cycle);
    assert!(errors(&found).contains(&"S012"), "{:?}", found.findings);
    // Every level twice below the one above: 2^40 ways through forty pages.
    let levels = (2..42).map(|id| branch(id, &[id + 1, id + 1])).collect();
    let found = judge(&image(levels));
    assert!(errors(&found).contains(&"S012"));
    assert!(found.errors < 100);
    let deep = (2..102).map(|id| branch(id, &[id + 1])).collect();
    assert!(errors(&judge(&image(deep))).contains(&"S011"));
}

/// A file with a few bytes changed, its digest made to fit or not.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let places = proptest::collection::vec((0_usize..36_864, any::<u8>()), 1..12);
    (places, any::<bool>()).prop_map(|(places, fits)| {
        let mut bytes = sample();
        for (at, byte) in places {
            bytes[at] = byte;
        }
        if fits {
            let length = bytes.len() - 32;
            let sum = digest(&bytes, length as u64).unwrap();
            bytes[length..].copy_from_slice(&sum);
        }
        bytes
    })
}

fn look_at(bytes: &[u8]) {
    let verified = judge(bytes);
    let Ok(image) = Image::open(bytes) else {
        assert!(!verified.is_restorable());
        return;
    };
    let options = InspectOptions {
        depth: 2,
        largest: 3,
    };
    let found = (
        status(&image).is_ok(),
        hash_kv(&image, None).ok(),
        inspect(&image, options).is_ok(),
    );
    if verified.is_restorable() {
        let hash_kv = verified.contents.and_then(|contents| contents.hash_kv);
        assert_eq!(found, (true, hash_kv, true));
    }
}

proptest! {
    #[test]
    fn damaged_files_never_panic(bytes in damaged()) {
        look_at(&bytes);
    }

    #[test]
    fn arbitrary_pages_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..3 * PAGE)) {
        let mut bytes = image(vec![Vec::new(); 3]);
        bytes[2 * PAGE..][..tail.len()].copy_from_slice(&tail);
        look_at(&bytes);
    }
}
