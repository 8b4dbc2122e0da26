//! A member's database made of a snapshot: what the snapshot holds, how the entries are edited on
//! their way into a fresh file, and the proof that the file holds them.
//!
//! Invariant: an image is only read; a restore is a copy with edits, so every revision, lease, user
//! and unknown bucket arrives unless it is listed in [`Edit`].

mod edit;
mod error;
mod foretell;
mod rewrite;
mod survey;

#[cfg(test)]
mod tests;

// What the files of a data directory are made of, for those who put them in their place.
pub use crate::datadir::bolt::{Image, WriteError};
pub use crate::datadir::wal::{SEGMENT_BYTES, SEGMENT_NAME, founding_segment, read_segment};
pub use crate::datadir::{Founding, FoundingMember, TERM, founding_snap, read_snap, snap_name};

pub use crate::snapshot::Watch;
pub use edit::Edit;
pub use error::RestoreError;
pub use foretell::foretell_hash_kv;
pub use rewrite::{Rewritten, prove, rewrite};
pub use survey::{Survey, survey};
