//! What will the server of a restored database answer? Told from the snapshot alone.

use crate::datadir::bolt::{Image, ReadAt};
use crate::datadir::schema::RevisionKey;

use super::{RestoreError, Watch};
use crate::snapshot::hash_kv::KvHasher;
use crate::snapshot::marks::find;
use crate::snapshot::status::{change_of, revision_of};
use crate::snapshot::watch::Gauge;
use crate::snapshot::{HashKv, Marks};

/// The HashKV that every member will answer once it has started from a restore that begins with this
/// revision (none keeps the snapshot's). Reads the bucket `key` once.
///
/// # Errors
/// A damaged image.
pub fn foretell_hash_kv<R: ReadAt>(
    image: &Image<R>,
    first_revision: Option<i64>,
    watch: Watch<'_>,
) -> Result<HashKv, RestoreError> {
    let buckets = image.buckets()?;
    let mut marks = Marks::read(image, &buckets)?;
    // The server compacts there when it starts.
    marks.scheduled_compaction = first_revision.or(marks.scheduled_compaction);
    let mut hasher = KvHasher::new(&marks, None)?;
    let gauge = Gauge::new(watch);
    let mut meter = gauge.meter();
    let key = find(&buckets, crate::datadir::schema::BucketName::Key)?;
    let mut entries = image.entries(key);
    while let Some(entry) = entries.next()? {
        let change = change_of(&entry)?;
        hasher.note(revision_of(&entry)?, change.key, entry.key, entry.value)?;
        if !meter.add(entry.key.len() + entry.value.len()) {
            return Err(RestoreError::Interrupted);
        }
    }
    if let Some(main) = first_revision {
        // The entry from which the server takes its revision: of the empty key, without a value.
        let revision = RevisionKey {
            main,
            sub: 0,
            is_tombstone: false,
        };
        hasher.note(revision, b"", &revision.encode(), b"")?;
    }
    Ok(hasher.finish()?)
}
