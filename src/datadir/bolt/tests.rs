//! The reader against files that etcd has written.

use super::*;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/snapshots");

fn vectors() -> Vec<(serde_json::Value, Vec<u8>)> {
    let list = std::fs::read(format!("{VECTORS}/snapshots.json")).unwrap();
    let list: Vec<serde_json::Value> = serde_json::from_slice(&list).unwrap();
    assert!(!list.is_empty());
    let read = |vector: serde_json::Value| {
        let name = vector["file"].as_str().unwrap();
        let bytes = std::fs::read(format!("{VECTORS}/{name}")).unwrap();
        (vector, bytes)
    };
    list.into_iter().map(read).collect()
}

#[test]
fn every_bucket_of_every_version_is_read_to_its_end() {
    for (vector, bytes) in vectors() {
        let image = Image::open(bytes).unwrap();
        assert_eq!(image.page_size(), vector["page_size"].as_u64().unwrap());
        assert!(matches!(image.trailer(), Trailer::Digest(_)));
        let buckets = image.buckets().unwrap();
        assert!(buckets.is_sorted_by(|a, b| a.name < b.name));
        let mut counts = serde_json::Map::new();
        for bucket in &buckets {
            let mut entries = image.entries(bucket);
            let mut count = 0;
            while let Some(entry) = entries.next().unwrap() {
                let at = usize::try_from(entry.value_offset()).unwrap();
                let bytes = &image.source()[at..at + entry.value.len()];
                assert_eq!(bytes, entry.value);
                count += 1;
            }
            let name = String::from_utf8(bucket.name.clone()).unwrap();
            counts.insert(name, count.into());
        }
        let counts = serde_json::Value::Object(counts);
        assert_eq!(vector["bucket_entry_counts"], counts);
    }
}
