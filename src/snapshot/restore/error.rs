//! Why no database can be made of a snapshot.

use crate::datadir::bolt::{BoltError, WriteError};
use crate::datadir::schema::RevisionKeyError;
use crate::snapshot::SnapshotError;

/// What stops a restore.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The image can't be read or is damaged.
    #[error(transparent)]
    Image(#[from] BoltError),
    /// An entry can't be made sense of.
    #[error(transparent)]
    Entry(#[from] SnapshotError),
    /// The new file can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It is a bbolt file of something else.
    #[error("it has no bucket {0:?}, which every etcd database has: it is no database of etcd 3")]
    NotEtcd(&'static str),
    /// An entry of the bucket `key` stands under no revision.
    #[error(
        "damaged at byte {offset}: an entry of the bucket key has no revision for a key: {why}"
    )]
    RevisionKey {
        /// Offset in the file of the entry's key.
        offset: u64,
        /// What is wrong with it.
        why: RevisionKeyError,
    },
    /// A value that has a fixed form has another.
    #[error("damaged at byte {offset}: {what} is {found}, expected {expected}")]
    Value {
        /// Offset in the file of the value.
        offset: u64,
        /// What it is, such as `meta/scheduledCompactRev`.
        what: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Something else was read than when the snapshot was verified, or was not written as it was read.
    #[error("{what} has the checksum {found:08x}, expected {expected:08x}")]
    Differs {
        /// Which file.
        what: &'static str,
        /// What was found.
        found: u32,
        /// What was expected.
        expected: u32,
    },
    /// Someone asked for an end.
    #[error("interrupted")]
    Interrupted,
}
