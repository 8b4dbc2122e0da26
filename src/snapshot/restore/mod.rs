//! A member's database made of a snapshot: what the snapshot holds, how the entries are edited on
//! their way into a fresh file, and the proof that the file holds them.
//!
//! Invariant: an image is only read; a restore is a copy with edits, so every revision, lease, user
//! and unknown bucket arrives unless it is listed in [`Edit`].

mod edit;
mod error;
mod rewrite;
mod survey;

#[cfg(test)]
mod tests;

// What the files of a data directory are made of, for those who put them in their place.
pub use crate::datadir::bolt::{Image, WriteError};
pub use crate::datadir::wal::{SEGMENT_BYTES, SEGMENT_NAME, founding_segment, read_segment};
pub use crate::datadir::{Founding, FoundingMember, TERM, founding_snap, read_snap, snap_name};

pub use edit::Edit;
pub use error::RestoreError;
pub use rewrite::{Rewritten, prove, rewrite};
pub use survey::{Survey, survey};

/// Is told how many bytes of the image have been read, about once a megabyte; false ends the work.
pub type Watch<'a> = &'a mut dyn FnMut(u64) -> bool;

/// Bytes between two calls of a [`Watch`].
const WATCHED: u64 = 1 << 20;

/// Counts bytes and calls the watch now and then.
struct Meter<'a> {
    watch: Watch<'a>,
    bytes: u64,
    told: u64,
}

impl<'a> Meter<'a> {
    fn new(watch: Watch<'a>) -> Self {
        Self {
            watch,
            bytes: 0,
            told: 0,
        }
    }

    fn add(&mut self, bytes: usize) -> Result<(), RestoreError> {
        self.bytes += bytes as u64;
        if self.bytes - self.told < WATCHED {
            return Ok(());
        }
        self.told = self.bytes;
        match (self.watch)(self.bytes) {
            true => Ok(()),
            false => Err(RestoreError::Interrupted),
        }
    }
}
