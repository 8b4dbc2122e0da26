//! `snapshot status`, `verify`, `hashkv` and `inspect`: has an open snapshot looked at.
//!
//! Invariant: the file is only read.

use std::fs::File;
use std::sync::Arc;

use crate::datadir::bolt::{BoltError, Image};
use crate::model::SnapshotPlace;
use crate::snapshot::inspect::{self, InspectOptions, Inspection};
use crate::snapshot::verify::{self, Verification, VerifyOptions};
use crate::snapshot::{self, HashKv, SnapshotError, Status};

use super::snapshot_source::Source;

/// Why a snapshot cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// It could not be read to its end.
    #[error("read {place}")]
    Read {
        /// The file.
        place: SnapshotPlace,
        /// The cause.
        source: SnapshotError,
    },
    /// It is damaged, or no snapshot.
    #[error("{place} is damaged or no snapshot")]
    Damaged {
        /// The file.
        place: SnapshotPlace,
        /// What is wrong first.
        source: SnapshotError,
    },
    /// It is sound, but does not hold the revision that was asked for.
    #[error("{place} has no such revision")]
    Revision {
        /// The file.
        place: SnapshotPlace,
        /// Which ones it holds.
        source: SnapshotError,
    },
}

/// The numbers of `etcdutl snapshot status`.
///
/// # Errors
/// A file that cannot be read or is damaged.
pub fn snapshot_status(source: &Source) -> Result<Status, LookError> {
    let image = open(source)?;
    snapshot::status(&image).map_err(|error| look_error(&source.place, error))
}

/// The HashKV at a revision, or at the last one.
///
/// # Errors
/// As [`snapshot_status`], and a revision that the file does not hold.
pub fn snapshot_hash_kv(source: &Source, revision: Option<i64>) -> Result<HashKv, LookError> {
    let image = open(source)?;
    snapshot::hash_kv(&image, revision).map_err(|error| look_error(&source.place, error))
}

/// Judges the file; damage is part of the answer.
///
/// # Errors
/// A file that cannot be read.
pub fn snapshot_verify(source: &Source, options: VerifyOptions) -> Result<Verification, LookError> {
    verify::verify(&*source.file, options).map_err(|error| look_error(&source.place, error))
}

/// What is in the file.
///
/// # Errors
/// As [`snapshot_status`].
pub fn snapshot_inspect(source: &Source, options: InspectOptions) -> Result<Inspection, LookError> {
    let image = open(source)?;
    inspect::inspect(&image, options).map_err(|error| look_error(&source.place, error))
}

fn open(source: &Source) -> Result<Image<Arc<File>>, LookError> {
    let image = Image::open(source.file.clone());
    image.map_err(|error: BoltError| look_error(&source.place, error.into()))
}

fn look_error(place: &SnapshotPlace, source: SnapshotError) -> LookError {
    let place = place.clone();
    if source.is_io() {
        LookError::Read { place, source }
    } else if source.is_damage() {
        LookError::Damaged { place, source }
    } else {
        LookError::Revision { place, source }
    }
}
