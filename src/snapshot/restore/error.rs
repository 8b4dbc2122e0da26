//! Why no database can be made of a snapshot.

use crate::datadir::bolt::{BoltError, WriteError};
use crate::snapshot::SnapshotError;
use crate::snapshot::verify::{ExamineError, Finding};

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
    /// It must not be restored: the first thing that is wrong with it.
    #[error("{}", .0.sentence())]
    Unsound(Box<Finding>),
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

impl From<ExamineError> for RestoreError {
    fn from(error: ExamineError) -> Self {
        match error {
            ExamineError::Interrupted => Self::Interrupted,
            ExamineError::Snapshot(error) => Self::Entry(error),
        }
    }
}
