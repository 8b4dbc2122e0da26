//! Why a snapshot cannot be looked at.

use super::marks::MarkError;
use crate::datadir::bolt::BoltError;
use crate::datadir::schema::{KeyValueError, RevisionKeyError};

/// What stops a command that needs the whole of a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The image cannot be read, or is damaged.
    #[error(transparent)]
    Image(#[from] BoltError),
    /// An entry is not what etcd writes.
    #[error("the entry at offset {offset} is damaged: {reason}")]
    Entry {
        /// Offset in the file of its element.
        offset: u64,
        /// What is wrong with it.
        reason: EntryError,
    },
    /// A bucket that no etcd database lacks.
    #[error("there is no bucket {0}, expected a database of etcd")]
    NoBucket(&'static str),
    /// A revision that was not reached yet.
    #[error("revision {wanted} is in the future: the snapshot ends at {current}")]
    Future {
        /// What was asked for.
        wanted: i64,
        /// The snapshot's own revision.
        current: i64,
    },
    /// A revision whose history is gone.
    #[error("revision {wanted} is compacted: the history begins at {compacted}")]
    Compacted {
        /// What was asked for.
        wanted: i64,
        /// The revision it is compacted at.
        compacted: i64,
    },
    /// More entries than any etcd can hold.
    #[error("more than {} entries in the bucket key", u32::MAX)]
    TooManyEntries,
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Its key is no revision.
    #[error("its key is no revision: {0}")]
    Revision(#[from] RevisionKeyError),
    /// Its value is no key and value.
    #[error("its value is {0}")]
    KeyValue(#[from] KeyValueError),
    /// An entry of the bucket `meta`.
    #[error(transparent)]
    Mark(#[from] MarkError),
}

impl SnapshotError {
    /// True where the file could not be read, rather than that it is damaged.
    pub fn is_io(&self) -> bool {
        matches!(self, Self::Image(error) if error.is_io())
    }

    /// True where the file is to blame.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Image(error) => !error.is_io(),
            Self::Entry { .. } | Self::NoBucket(_) | Self::TooManyEntries => true,
            Self::Future { .. } | Self::Compacted { .. } => false,
        }
    }
}
