//! A directory of snapshots, or a prefix of a store: what is in it (`etcdha snapshot list`), and what may go (`prune`).
//!
//! Invariant: only snapshots with a record of ours are ever removed, and never the newest good one of
//! a cluster.

mod look;
mod prune;
mod remote;
mod sound;

pub use look::{Directory, State, Stored, StoredUpload, look};
pub use prune::{Judged, PruneRequest, Pruning, plan};
pub use remote::look_remote;
pub use sound::is_sound;

use crate::model::SnapshotPlace;
use crate::s3::{S3Access, S3Error};
use crate::snapshot::packing::is_ending;
use crate::sys::files::FileError;

/// Why a place can't be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The directory, or a file in it.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store.
    #[error(transparent)]
    Store(#[from] S3Error),
    /// Nothing says how the store is reached.
    #[error("{0} is in a store, and nothing says how it is reached")]
    NoStore(SnapshotPlace),
}

/// The newest snapshot of a directory or below a prefix, or the very one that is named.
///
/// # Errors
/// [`LookError`].
pub async fn newest_at(
    place: &SnapshotPlace,
    store: Option<&S3Access>,
) -> Result<Option<Stored>, LookError> {
    match place {
        SnapshotPlace::Path(path) if !path.is_dir() => Ok(Some(look::look_at(path.clone())?)),
        SnapshotPlace::Object(object) if is_ending(&object.key) => {
            let beside = look_at(&SnapshotPlace::Object(object.parent()), store).await?;
            let mut beside = beside.snapshots.into_iter();
            Ok(beside.find(|stored| stored.place == *place))
        }
        _ => Ok(look_at(place, store).await?.snapshots.pop()),
    }
}

/// Looks at every snapshot of a directory or below a prefix.
///
/// # Errors
/// [`LookError`].
pub async fn look_at(
    place: &SnapshotPlace,
    store: Option<&S3Access>,
) -> Result<Directory, LookError> {
    match (place, store) {
        (SnapshotPlace::Path(path), _) => Ok(look(path)?),
        (SnapshotPlace::Object(prefix), Some(access)) => Ok(look_remote(access, prefix).await?),
        (SnapshotPlace::Object(_), None) => Err(LookError::NoStore(place.clone())),
    }
}
