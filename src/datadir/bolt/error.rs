//! Why an image cannot be read.

use std::io;

use super::defect::Defect;
use super::meta::MetaDefect;

/// What stops a reader.
#[derive(Debug, thiserror::Error)]
pub enum BoltError {
    /// The source failed, or became shorter while it was read.
    #[error("reading {length} bytes at offset {offset} failed")]
    Io {
        /// Where the read began.
        offset: u64,
        /// How many bytes were wanted.
        length: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// The file has no bytes.
    #[error("the file is empty, expected a bbolt database")]
    Empty,
    /// Neither meta page is usable.
    #[error(
        "no bbolt database: the meta page at offset {offset} has {reason}, and no other one is valid"
    )]
    NoMeta {
        /// Where the meta page that came nearest begins.
        offset: u64,
        /// What is wrong with it.
        reason: MetaDefect,
    },
    /// A machine of the other byte order wrote it.
    #[error(
        "the database was written on a big-endian machine, expected little-endian (x86-64, arm64)"
    )]
    BigEndian,
    /// The file ends before the pages that its meta page counts.
    #[error("the file is truncated: {size} bytes, but its meta page counts {expected}")]
    Truncated {
        /// Bytes there are.
        size: u64,
        /// Bytes of the image, without a digest.
        expected: u64,
    },
    /// A page contradicts the format.
    #[error("{0}")]
    Damaged(Defect),
}

impl BoltError {
    pub(super) fn io(offset: u64, length: usize, source: io::Error) -> Self {
        Self::Io {
            offset,
            length: length as u64,
            source,
        }
    }

    /// True where the source failed rather than its contents.
    pub fn is_io(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}

impl From<Defect> for BoltError {
    fn from(defect: Defect) -> Self {
        Self::Damaged(defect)
    }
}
