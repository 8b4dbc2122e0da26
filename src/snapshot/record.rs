//! The record beside a snapshot: what it is of, and what it was compared with.
//!
//! A snapshot is good without it; with it, a list of snapshots need not read them, and somebody who
//! restores one knows which cluster it was and that it was proven to be it.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the document.
const API_VERSION: &str = "etcdha.dev/v1alpha1";
const KIND: &str = "Snapshot";

/// Longest record that is read: one of a thousand members has a tenth of that.
const MAX_BYTES: usize = 1 << 20;

/// What is known of a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotRecord {
    /// `etcdha.dev/v1alpha1`.
    pub api_version: String,
    /// `Snapshot`.
    pub kind: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The cluster.
    pub cluster: RecordedCluster,
    /// The member that sent it, by name.
    pub member: String,
    /// Release of that member, such as `3.5.16`.
    pub etcd_version: String,
    /// Version of the storage: `3.4`, `3.5`, or as a newer file states it.
    pub storage_version: String,
    /// The revision it ends at.
    pub revision: i64,
    /// Bytes of the plain file.
    pub size_bytes: u64,
    /// SHA-256 of the database image in lower-case hex; the plain file's last 32 bytes.
    pub sha256: String,
    /// The file as it is stored; none in records from before files were packed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<RecordedFile>,
    /// The hash of its key space.
    pub hash_kv: RecordedHash,
    /// The members, by name, that gave the same hash when it was taken: it is proven to be the cluster.
    /// None where it could not be compared.
    pub equal_to: Vec<String>,
}

/// The cluster of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedCluster {
    /// Its name, where a cluster file gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its id in hex.
    pub id: String,
    /// Its members.
    pub members: Vec<RecordedMember>,
}

/// A member of that cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedMember {
    /// Its name.
    pub name: String,
    /// Its id in hex.
    pub id: String,
    /// Where its peers reach it.
    pub peer_urls: Vec<String>,
}

/// A snapshot's file as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedFile {
    /// How it is compressed, such as `zstd:3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
    /// The age recipients, which are public, that it is encrypted to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// Its bytes.
    pub size_bytes: u64,
    /// SHA-256 of all of them in lower-case hex.
    pub sha256: String,
}

/// A hash of the key space (`HashKV`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedHash {
    /// The revision it is about.
    pub revision: i64,
    /// The revision up to which history was compacted; −1 where never.
    pub compact_revision: i64,
    /// The hash.
    pub hash: u32,
}

/// Why a record can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// No JSON, or another document.
    #[error("no record of a snapshot: {0}")]
    Json(#[from] serde_json::Error),
    /// A document of another version or kind.
    #[error("found {found}, expected {API_VERSION} {KIND}")]
    Foreign {
        /// Version and kind.
        found: String,
    },
    /// Too long to be one.
    #[error("{bytes} bytes, expected at most {MAX_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

/// Where the record of a snapshot is: beside it, its name and `.json`.
pub fn record_path(snapshot: &Path) -> PathBuf {
    let mut name = snapshot.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

impl SnapshotRecord {
    /// Bytes of the longest record that is read.
    pub const MAX_BYTES: usize = MAX_BYTES;

    /// Version and kind of new records.
    pub fn identity() -> (String, String) {
        (API_VERSION.to_owned(), KIND.to_owned())
    }

    /// The document, with a line break at its end.
    ///
    /// # Errors
    /// None that is known: every field can be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Bytes of the file as it is stored.
    pub fn stored_bytes(&self) -> u64 {
        let stored = self.stored.as_ref();
        stored.map_or(self.size_bytes, |stored| stored.size_bytes)
    }

    /// True where the stored file is neither compressed nor encrypted.
    pub fn is_plain(&self) -> bool {
        let stored = self.stored.as_ref();
        stored.is_none_or(|stored| stored.compression.is_none() && stored.recipients.is_empty())
    }

    /// Reads a document.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > MAX_BYTES {
            return Err(RecordError::TooLong { bytes: bytes.len() });
        }
        let record: Self = serde_json::from_slice(bytes)?;
        if (record.api_version.as_str(), record.kind.as_str()) != (API_VERSION, KIND) {
            return Err(RecordError::Foreign {
                found: format!("{} {}", record.api_version, record.kind),
            });
        }
        Ok(record)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn record() -> SnapshotRecord {
        let (api_version, kind) = SnapshotRecord::identity();
        SnapshotRecord {
            api_version,
            kind,
            taken_at: "2026-02-03T04:05:06Z".parse().unwrap(),
            cluster: RecordedCluster {
                name: Some("prod".into()),
                id: "cdf818194e3a8c32".into(),
                members: vec![RecordedMember {
                    name: "m1".into(),
                    id: "8e9e05c52164694d".into(),
                    peer_urls: vec!["https://10.0.0.1:2380".into()],
                }],
            },
            member: "m1".into(),
            etcd_version: "3.5.16".into(),
            storage_version: "3.5".into(),
            revision: i64::MAX,
            size_bytes: 24_608,
            sha256: "00".repeat(32),
            stored: Some(RecordedFile {
                compression: Some("zstd:3".into()),
                recipients: vec!["age1…".into()],
                size_bytes: 2_048,
                sha256: "11".repeat(32),
            }),
            hash_kv: RecordedHash {
                revision: i64::MAX,
                compact_revision: -1,
                hash: u32::MAX,
            },
            equal_to: vec!["m1".into()],
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let text = record().to_json().unwrap();
        assert_eq!(SnapshotRecord::parse(&text).unwrap(), record());
    }

    #[test]
    fn another_document_is_refused_and_says_what_it_is() {
        let mut other = record();
        other.kind = "Cluster".into();
        let error = SnapshotRecord::parse(&other.to_json().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "found etcdha.dev/v1alpha1 Cluster, expected etcdha.dev/v1alpha1 Snapshot"
        );
        assert!(SnapshotRecord::parse(&vec![b' '; MAX_BYTES + 1]).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = SnapshotRecord::parse(&bytes);
        }
    }
}
