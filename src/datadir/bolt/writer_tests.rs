//! What is written reads back, and is as bbolt would have it.

use std::collections::BTreeMap;
use std::io::Cursor;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::super::{BoltError, Image, Step, Trailer, Walk};
use super::*;

type Contents = BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Vec<u8>>>;

fn written(contents: &Contents, page_size: u32) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()), page_size).unwrap();
    for (name, entries) in contents {
        writer.bucket(name, 7).unwrap();
        for (key, value) in entries {
            writer.put(key, value).unwrap();
        }
    }
    let (sink, written) = writer.finish().unwrap();
    let bytes = sink.into_inner();
    assert_eq!(bytes.len() as u64, written.pages * u64::from(page_size));
    bytes
}

/// Reads everything and demands that no page was left out.
fn read(bytes: &[u8]) -> Result<Contents, BoltError> {
    let image = Image::open(bytes)?;
    assert_eq!(image.trailer(), Trailer::Absent);
    assert_eq!(image.image_bytes(), bytes.len() as u64);
    assert!(image.metas().iter().all(Result::is_ok));
    let mut contents = Contents::new();
    let mut roots = Walk::of_buckets(&image, image.page_set());
    while let Some(step) = roots.step()? {
        assert!(matches!(step, Step::Entry(_)), "{step:?}");
    }
    let mut reached = roots.into_reached();
    for bucket in &image.buckets()? {
        assert_eq!(bucket.sequence, 7);
        let entries = contents.entry(bucket.name.clone()).or_default();
        let mut walk = Walk::of_bucket(&image, bucket, reached);
        while let Some(step) = walk.step()? {
            match step {
                Step::Entry(entry) => entries.insert(entry.key.to_vec(), entry.value.to_vec()),
                Step::Defect(defect) => panic!("{defect}"),
            };
        }
        reached = walk.into_reached();
    }
    assert_eq!(reached.len() + 2, image.meta().high_water_mark);
    Ok(contents)
}

fn numbered(count: u64, value: usize) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let entry = |number: u64| (number.to_be_bytes().to_vec(), vec![number as u8; value]);
    (0..count).map(entry).collect()
}

#[test]
fn several_levels_of_branches_read_back() {
    for page_size in [512, 1024, 4096, 65_536] {
        let contents = Contents::from([
            (b"a".to_vec(), numbered(60_000, 9)),
            (b"empty".to_vec(), BTreeMap::new()),
            (b"small".to_vec(), numbered(3, 5)),
        ]);
        let bytes = written(&contents, page_size);
        assert_eq!(read(&bytes).unwrap(), contents, "{page_size}");
    }
}

#[test]
fn small_buckets_lie_within_the_root_and_large_values_overflow() {
    let one = |size| BTreeMap::from([(b"k".to_vec(), vec![7; size])]);
    // Header, element and key take 33 bytes of an inline page's 1024.
    for (size, is_inline, pages) in [(991, true, 3), (992, false, 4), (1 << 20, false, 260)] {
        let contents = Contents::from([(b"b".to_vec(), one(size))]);
        let bytes = written(&contents, 4096);
        let image = Image::open(&bytes).unwrap();
        assert_eq!(image.buckets().unwrap()[0].is_inline(), is_inline, "{size}");
        assert_eq!(image.meta().high_water_mark, pages, "{size}");
        assert_eq!(read(&bytes).unwrap(), contents, "{size}");
    }
}

#[test]
fn every_branch_has_two_children_or_more() {
    // From one leaf to more than two levels: a leaf of 512 bytes takes 15 such entries.
    for count in (1..2000).step_by(13) {
        let contents = Contents::from([(b"b".to_vec(), numbered(count, 9))]);
        let bytes = written(&contents, 512);
        for page in bytes.chunks(512).skip(2) {
            let header = PageHeader::parse(page);
            let is_branch = header.flags == PageFlags::BRANCH;
            assert!(!is_branch || header.count >= 2, "{count}: {header:?}");
        }
        assert_eq!(read(&bytes).unwrap(), contents);
    }
}

#[test]
fn what_bbolt_could_not_read_is_not_written() {
    let writer = || Writer::new(Cursor::new(Vec::new()), 4096).unwrap();
    let mut unordered = writer();
    unordered.bucket(b"b", 0).unwrap();
    unordered.put(b"k2", b"").unwrap();
    for key in [b"k2", b"k1"] {
        let found = unordered.put(key, b"");
        assert!(matches!(
            found,
            Err(WriteError::OutOfOrder { what: "key", .. })
        ));
    }
    let twice = unordered.bucket(b"b", 0);
    assert!(matches!(
        twice,
        Err(WriteError::OutOfOrder { what: "bucket", .. })
    ));
    assert!(matches!(writer().put(b"k", b""), Err(WriteError::NoBucket)));
    let mut sizes = writer();
    sizes.bucket(b"b", 0).unwrap();
    assert!(matches!(sizes.put(b"", b""), Err(WriteError::Size { .. })));
    let long = vec![0; 32_769];
    assert!(matches!(
        sizes.put(&long, b""),
        Err(WriteError::Size { .. })
    ));
    for size in [0, 511, 5000, 1 << 25] {
        let made = Writer::new(Cursor::new(Vec::new()), size);
        assert!(matches!(made, Err(WriteError::PageSize(_))), "{size}");
    }
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0..40usize, 3 => 200..2000usize, 1 => 4000..30_000usize]
}

fn entries() -> impl Strategy<Value = BTreeMap<Vec<u8>, Vec<u8>>> {
    let value = (any::<u8>(), sizes()).prop_map(|(byte, size)| vec![byte; size]);
    let key = prop_oneof![9 => vec(any::<u8>(), 1..20), 1 => vec(any::<u8>(), 1..900)];
    btree_map(key, value, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn any_contents_read_back(
        contents in btree_map(vec(any::<u8>(), 1..12), entries(), 0..12),
        power in 9..17u32,
    ) {
        let bytes = written(&contents, 1 << power);
        prop_assert_eq!(read(&bytes).unwrap(), contents);
    }
}
