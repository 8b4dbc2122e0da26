//! What is below a prefix of an S3-compatible store, from its list and the records. Reads no snapshot whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::model::{ObjectPlace, SnapshotPlace};
use crate::s3::{ListedObject, S3Access, S3Client, S3Error};
use crate::snapshot::SnapshotRecord;
use crate::snapshot::packing::is_ending;

use super::look::{Directory, ReadRecord, StoredUpload, judge, stored};

/// Records that are read at once.
const AT_ONCE: usize = 8;

/// What a record's name ends with.
const RECORD: &str = ".json";

/// Looks at every snapshot below a prefix, or at the one object that is named.
///
/// # Errors
/// The store can't be asked, or refuses.
pub async fn look_remote(access: &S3Access, prefix: &ObjectPlace) -> Result<Directory, S3Error> {
    let client = Arc::new(S3Client::new(access, &prefix.bucket)?);
    let below = prefix.join("").key;
    let listed = client.list(&below).await?;
    let listed: BTreeMap<String, ListedObject> = listed
        .into_iter()
        .map(|object| (object.key.clone(), object))
        .collect();
    let mut records = read_records(&client, &listed).await?;
    let mut found = Directory::default();
    let place = |key: &str| {
        SnapshotPlace::Object(ObjectPlace {
            bucket: prefix.bucket.clone(),
            key: key.to_owned(),
        })
    };
    for (key, object) in listed.iter().filter(|(key, _)| is_ending(key)) {
        let record = records.remove(key);
        let state = judge(record.as_ref(), object.size);
        let written = object.modified.unwrap_or(Timestamp::UNIX_EPOCH);
        let one = stored(place(key), object.size, written, record, state);
        found.snapshots.push(one);
    }
    // Records whose snapshots are not in the list.
    for (key, record) in records {
        if let Ok(record) = record {
            found.orphans.push((place(&key), record.taken_at));
        }
    }
    let uploads = client.uploads(&below).await?.into_iter();
    let uploads = uploads.filter(|upload| is_ending(&upload.key));
    found.uploads = uploads
        .map(|upload| StoredUpload {
            place: place(&upload.key),
            id: upload.id,
            begun: upload.begun,
        })
        .collect();
    found.sort();
    Ok(found)
}

/// The records of a list, by the keys of their snapshots.
async fn read_records(
    client: &Arc<S3Client>,
    listed: &BTreeMap<String, ListedObject>,
) -> Result<BTreeMap<String, ReadRecord>, S3Error> {
    let keys = listed.keys().filter_map(|key| {
        let snapshot = key.strip_suffix(RECORD)?;
        let is_small = listed[key].size <= SnapshotRecord::MAX_BYTES as u64;
        (is_ending(snapshot) && is_small).then(|| snapshot.to_owned())
    });
    let mut keys = keys.collect::<Vec<_>>().into_iter();
    let mut reading = JoinSet::new();
    let mut records = BTreeMap::new();
    loop {
        while reading.len() < AT_ONCE
            && let Some(key) = keys.next()
        {
            let client = client.clone();
            reading.spawn(async move {
                let bytes = client.get(&format!("{key}{RECORD}")).await;
                (key, bytes)
            });
        }
        let Some(read) = reading.join_next().await else {
            return Ok(records);
        };
        let (key, bytes) = match read {
            Ok(read) => read,
            Err(ended) => std::panic::resume_unwind(ended.into_panic()),
        };
        // One that went meanwhile is none.
        if let Some(bytes) = bytes? {
            records.insert(key, SnapshotRecord::parse(&bytes));
        }
    }
}
