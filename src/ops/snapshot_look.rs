//! `snapshot status`, `verify`, `hashkv` and `inspect`: opens a file and has it looked at.
//!
//! Invariant: the file is only read.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::datadir::bolt::{BoltError, Image};
use crate::snapshot::inspect::{self, InspectOptions, Inspection};
use crate::snapshot::verify::{self, Verification, VerifyOptions};
use crate::snapshot::{self, HashKv, SnapshotError, Status};
use crate::sys::files::{self, FileError};

/// Why a snapshot cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// There is no such file, or it cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It could not be read to its end.
    #[error("read {path}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: SnapshotError,
    },
    /// It is damaged, or no snapshot.
    #[error("{path} is damaged or no snapshot", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong first.
        source: SnapshotError,
    },
    /// It is sound, but does not hold the revision that was asked for.
    #[error("{path} has no such revision", path = path.display())]
    Revision {
        /// The file.
        path: PathBuf,
        /// Which ones it holds.
        source: SnapshotError,
    },
}

/// The numbers of `etcdutl snapshot status`.
///
/// # Errors
/// A file that cannot be read or is damaged.
pub fn snapshot_status(path: &Path) -> Result<Status, LookError> {
    let image = open(path)?;
    snapshot::status(&image).map_err(|error| look_error(path, error))
}

/// The HashKV at a revision, or at the last one.
///
/// # Errors
/// As [`snapshot_status`], and a revision that the file does not hold.
pub fn snapshot_hash_kv(path: &Path, revision: Option<i64>) -> Result<HashKv, LookError> {
    let image = open(path)?;
    snapshot::hash_kv(&image, revision).map_err(|error| look_error(path, error))
}

/// Judges the file; damage is part of the answer.
///
/// # Errors
/// A file that cannot be read.
pub fn snapshot_verify(path: &Path, options: VerifyOptions) -> Result<Verification, LookError> {
    let file = files::open_regular(path)?;
    verify::verify(&file, options).map_err(|error| look_error(path, error))
}

/// What is in the file.
///
/// # Errors
/// As [`snapshot_status`].
pub fn snapshot_inspect(path: &Path, options: InspectOptions) -> Result<Inspection, LookError> {
    let image = open(path)?;
    inspect::inspect(&image, options).map_err(|error| look_error(path, error))
}

fn open(path: &Path) -> Result<Image<File>, LookError> {
    let file = files::open_regular(path)?;
    Image::open(file).map_err(|error: BoltError| look_error(path, error.into()))
}

fn look_error(path: &Path, source: SnapshotError) -> LookError {
    let path = path.to_owned();
    if source.is_io() {
        LookError::Read { path, source }
    } else if source.is_damage() {
        LookError::Damaged { path, source }
    } else {
        LookError::Revision { path, source }
    }
}
