//! What the bucket `meta` says: applied index, compactions, version of the storage.

use super::error::{EntryError, SnapshotError};
use super::status::revision_of;
use crate::datadir::bolt::{Bucket, Image, ReadAt};
use crate::datadir::schema::{BucketName, ConfState, MetaKey, RevisionKey, RevisionKeyError};

/// The contents of the bucket `meta`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The raft index applied last.
    pub consistent_index: Option<u64>,
    /// Its raft term; from 3.5.
    pub term: Option<u64>,
    /// The revision a compaction was begun for.
    pub scheduled_compaction: Option<i64>,
    /// The revision a compaction was finished for.
    pub finished_compaction: Option<i64>,
    /// Who votes; from 3.5.
    pub conf_state: Option<ConfState>,
    /// The version of the storage as it is written; from 3.6.
    pub storage_version: Option<String>,
}

/// The version of the schema that a file is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageVersion {
    /// 3.4 or older.
    V3_4,
    /// 3.5.
    V3_5,
    /// 3.6 or newer, as the file says it.
    Stated(String),
}

/// A value of the bucket `meta` that etcd does not write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkError {
    /// A number of another size.
    #[error("{key} has {found} bytes, expected 8")]
    Number {
        /// The key.
        key: &'static str,
        /// Bytes of the value.
        found: usize,
    },
    /// A revision that is none.
    #[error("{key} is no revision: {reason}")]
    Revision {
        /// The key.
        key: &'static str,
        /// What is wrong.
        reason: RevisionKeyError,
    },
    /// JSON that is none.
    #[error("{key} is no JSON of the expected shape")]
    Json {
        /// The key.
        key: &'static str,
    },
    /// A version that is none.
    #[error("{key} is no version")]
    Version {
        /// The key.
        key: &'static str,
    },
}

impl Marks {
    /// Reads the bucket `meta`.
    ///
    /// # Errors
    /// Where it is missing or damaged.
    pub fn read<R: ReadAt>(image: &Image<R>, buckets: &[Bucket]) -> Result<Self, SnapshotError> {
        let mut marks = Self::default();
        let mut entries = image.entries(find(buckets, BucketName::Meta)?);
        while let Some(entry) = entries.next()? {
            marks
                .note(entry.key, entry.value)
                .map_err(|error| SnapshotError::Entry {
                    offset: entry.offset,
                    reason: EntryError::Mark(error),
                })?;
        }
        Ok(marks)
    }

    /// Takes an entry of the bucket. Keys that are not known are passed over.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn note(&mut self, key: &[u8], value: &[u8]) -> Result<(), MarkError> {
        let is = |known: MetaKey| (key == known.as_bytes()).then_some(known.as_str());
        if let Some(key) = is(MetaKey::ConsistentIndex) {
            self.consistent_index = Some(number(key, value)?);
        } else if let Some(key) = is(MetaKey::Term) {
            self.term = Some(number(key, value)?);
        } else if let Some(key) = is(MetaKey::ScheduledCompactRev) {
            self.scheduled_compaction = Some(revision(key, value)?);
        } else if let Some(key) = is(MetaKey::FinishedCompactRev) {
            self.finished_compaction = Some(revision(key, value)?);
        } else if let Some(key) = is(MetaKey::ConfState) {
            let state = serde_json::from_slice(value);
            self.conf_state = Some(state.map_err(|_| MarkError::Json { key })?);
        } else if let Some(key) = is(MetaKey::StorageVersion) {
            let text = std::str::from_utf8(value).ok();
            let text = text.filter(|text| semver::Version::parse(text).is_ok());
            self.storage_version = Some(text.ok_or(MarkError::Version { key })?.to_owned());
        }
        Ok(())
    }

    /// The revision that history begins at: finished, or begun and caught in flight. `None` where it was never
    /// compacted, which the live server gives as −1.
    pub fn compacted(&self) -> Option<i64> {
        self.finished_compaction.max(self.scheduled_compaction)
    }

    /// The revision the store is at, when the last entry of `key` is at `last`: a server may have deleted
    /// a tombstone at the revision that it compacted.
    pub fn current_revision(&self, last: i64) -> i64 {
        last.max(1).max(self.compacted().unwrap_or(1))
    }

    /// The version of the schema.
    pub fn version(&self) -> StorageVersion {
        match (&self.storage_version, self.term) {
            (Some(version), _) => StorageVersion::Stated(version.clone()),
            (None, Some(1..)) => StorageVersion::V3_5,
            (None, _) => StorageVersion::V3_4,
        }
    }
}

impl std::fmt::Display for StorageVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::V3_4 => f.write_str("3.4"),
            Self::V3_5 => f.write_str("3.5"),
            Self::Stated(version) => f.write_str(version),
        }
    }
}

/// The revision that the store is at, from the ends of the buckets.
///
/// # Errors
/// A source that fails, or damage on the way.
pub fn current_revision<R: ReadAt>(image: &Image<R>) -> Result<i64, SnapshotError> {
    let buckets = image.buckets()?;
    let marks = Marks::read(image, &buckets)?;
    let mut last = 0;
    for mut section in image.tail(find(&buckets, BucketName::Key)?)? {
        while let Some(entry) = section.next()? {
            last = revision_of(&entry)?.main;
        }
    }
    Ok(marks.current_revision(last))
}

/// The bucket of this name.
pub(super) fn find(buckets: &[Bucket], name: BucketName) -> Result<&Bucket, SnapshotError> {
    buckets
        .iter()
        .find(|bucket| bucket.name == name.as_bytes())
        .ok_or(SnapshotError::NoBucket(name.as_str()))
}

fn number(key: &'static str, value: &[u8]) -> Result<u64, MarkError> {
    let found = value.len();
    let bytes = value
        .try_into()
        .map_err(|_| MarkError::Number { key, found })?;
    Ok(u64::from_be_bytes(bytes))
}

fn revision(key: &'static str, value: &[u8]) -> Result<i64, MarkError> {
    RevisionKey::parse_mark(value).map_err(|reason| MarkError::Revision { key, reason })
}
