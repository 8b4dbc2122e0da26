//! The place of the directory: empty before, filled in one step, and emptied again as long as
//! nobody has used what is there.
//!
//! Invariant: with a directory of its own for the write-ahead log, that one is filled first. Its log
//! without the data does not start; the data without its log would start as a new member.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::restore::{EmptyDir, PlaceToBe, RestoreDataDir};
use crate::plan::step::StepError;
use crate::plan::world::World;
use crate::snapshot::restore::{Image, RestoreError, SEGMENT_NAME, founding_segment, survey};
use crate::sys::files::{self, FileError};
use crate::sys::staged_dir::{StagedDir, is_part_inside, leftovers};

use super::build::content_of;
use super::{LocalPlaces, places};

/// What a run writes down before it fills the log's own directory: should it be killed before it
/// has filled the other one, the next run takes that back.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    wal_dir: PathBuf,
    segment: Vec<u8>,
}

/// Removes what runs have left that were killed.
pub(super) fn sweep(places: &LocalPlaces) -> Result<(), StepError> {
    for leftover in leftovers(&places.data) {
        // Where the data is in place, its log belongs to it.
        let is_done = leftover.is_committed()? || places.data.join("member").exists();
        if let Ok(note) = serde_json::from_slice::<Note>(&leftover.note)
            && !is_done
        {
            remove_segment(&note.wal_dir, &note.segment)?;
        }
        leftover.remove()?;
    }
    for leftover in places.wal.iter().flat_map(|wal| leftovers(wal)) {
        leftover.remove()?;
    }
    Ok(())
}

/// True where all that is in the log's own directory is what a killed run has put there on its way to
/// `data`: the next run takes it back before it begins.
///
/// # Errors
/// Where a file can't be read.
pub(in crate::plan) fn is_unfinished_log(data: &Path, wal: &Path) -> Result<bool, FileError> {
    if data.join("member").exists() {
        return Ok(false);
    }
    let wal = std::path::absolute(wal).unwrap_or_else(|_| wal.to_owned());
    for leftover in leftovers(data) {
        if let Ok(note) = serde_json::from_slice::<Note>(&leftover.note)
            && note.wal_dir == wal
            && is_untouched(&wal, &note.segment)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Names in a directory that stand in the way of a restore.
fn occupants(path: &Path) -> Result<Vec<String>, FileError> {
    let mut names = files::list(path)?;
    names.retain(|name| name != "lost+found" && !is_part_inside(name));
    Ok(names)
}

pub(super) fn demand_empty(order: &RestoreDataDir, places: &LocalPlaces) -> Result<(), StepError> {
    let wal = order.wal_dir.iter().zip(&places.wal);
    for (place, local) in [(&order.data_dir, &places.data)].into_iter().chain(wal) {
        let names = occupants(local)?;
        if !names.is_empty() {
            return Err(StepError::Moved {
                what: place.path.display().to_string(),
                expected: "an empty directory".into(),
                found: names.join(" "),
            });
        }
    }
    Ok(())
}

/// Directories that were there get the owner and the mode that etcd wants.
pub(super) fn settle(order: &RestoreDataDir, places: &LocalPlaces) -> Result<(), StepError> {
    let wal = order.wal_dir.iter().zip(&places.wal);
    for (place, local) in [(&order.data_dir, &places.data)].into_iter().chain(wal) {
        let Some(before) = place.before else { continue };
        if let Some(owner) = order.owner
            && (before.uid, before.gid) != (owner.uid, owner.gid)
        {
            files::give(local, Some(owner.uid), Some(owner.gid))?;
        }
        if before.mode != 0o700 {
            files::change_mode(local, 0o700)?;
        }
    }
    Ok(())
}

/// Moves everything into place.
pub(super) fn commit(
    data: &mut StagedDir,
    wal: Option<&StagedDir>,
    places: &LocalPlaces,
    segment: &[u8],
) -> Result<(), StepError> {
    let (Some(wal), Some(wal_dir)) = (wal, &places.wal) else {
        return Ok(data.commit()?);
    };
    let note = Note {
        wal_dir: std::path::absolute(wal_dir).unwrap_or_else(|_| wal_dir.clone()),
        segment: segment.to_vec(),
    };
    let note = serde_json::to_vec(&note).unwrap_or_default();
    data.note(&note)?;
    wal.commit()?;
    data.commit().map_err(|error| {
        // The first error is the one to tell; what is left is swept by the next run.
        let _ = remove_segment(wal_dir, segment);
        error.into()
    })
}

/// Where the log of a restored member is.
fn wal_path(places: &LocalPlaces) -> PathBuf {
    match &places.wal {
        Some(wal) => wal.clone(),
        None => places.data.join("member/wal"),
    }
}

/// True where the directory's only segment is the one that was written, and nothing behind it.
fn is_untouched(wal: &Path, segment: &[u8]) -> Result<bool, FileError> {
    if occupants(wal)? != [SEGMENT_NAME] {
        return Ok(false);
    }
    let path = wal.join(SEGMENT_NAME);
    let failed = |source| FileError {
        doing: "read",
        path: path.clone(),
        source,
    };
    let mut found = Vec::new();
    // A record behind it would begin with a length.
    let limit = segment.len() as u64 + 8;
    let file = File::open(&path).map_err(failed)?;
    file.take(limit).read_to_end(&mut found).map_err(failed)?;
    let (used, behind) = found.split_at(segment.len().min(found.len()));
    Ok(used == segment && behind.iter().all(|byte| *byte == 0))
}

/// Removes a segment from a directory of its own, if nobody has written behind it; and the directory
/// where it is empty then.
fn remove_segment(wal: &Path, segment: &[u8]) -> Result<(), FileError> {
    if !is_untouched(wal, segment)? {
        return Ok(());
    }
    files::remove(&wal.join(SEGMENT_NAME))?;
    files::remove_empty_dir(wal)
}

/// True where this very restore has been done before and no etcd has used the directory since.
///
/// # Errors
/// Where a file can't be read.
pub(in crate::plan) fn is_restored(
    world: &World,
    on: &str,
    order: &RestoreDataDir,
) -> Result<bool, StepError> {
    let Some(db) = restored_files(world, on, order)? else {
        return Ok(false);
    };
    let opened = File::open(&db).map_err(|source| FileError {
        doing: "open",
        path: db,
        source,
    })?;
    // A damaged one is none of ours.
    let image = Image::open(opened).map_err(RestoreError::from);
    let found = image.and_then(|image| survey(&image, &|_| true));
    Ok(match found {
        Ok(found) => found.content == content_of(order, &places(world, on, order)?)?,
        Err(_) => false,
    })
}

/// Removes what killed runs have left on their way to this directory.
///
/// # Errors
/// Where a file can't be removed.
pub(in crate::plan) fn tidy(
    world: &World,
    on: &str,
    order: &RestoreDataDir,
) -> Result<(), StepError> {
    sweep(&places(world, on, order)?)
}

/// The database that such a restore has put there and no etcd has used since; none where there is no
/// such thing.
fn restored_files(
    world: &World,
    on: &str,
    order: &RestoreDataDir,
) -> Result<Option<PathBuf>, StepError> {
    let places = places(world, on, order)?;
    let founding = order.founding()?;
    let Some(member) = founding.member(&order.member) else {
        return Ok(None);
    };
    let db = places.data.join("member/snap/db");
    let is_ours = occupants(&places.data)? == ["member"]
        && db.is_file()
        && is_untouched(&wal_path(&places), &founding_segment(&founding, member))?;
    Ok(is_ours.then_some(db))
}

/// Removes what was restored, unless an etcd has been started on it.
pub(in crate::plan) fn take_back(
    world: &World,
    on: &str,
    order: &RestoreDataDir,
) -> Result<(), StepError> {
    let places = places(world, on, order)?;
    sweep(&places)?;
    if restored_files(world, on, order)?.is_none() {
        return match occupants(&places.data)?.is_empty() {
            true => put_back(order, &places),
            false => Err(StepError::Moved {
                what: format!("{} on {on}", order.data_dir.path.display()),
                expected: "the data as restored".into(),
                found: "data that etcd has worked on since".into(),
            }),
        };
    }
    // The log goes last: data without its log would start as a new member.
    if let Some(wal) = &places.wal {
        files::remove_tree(&places.data.join("member"))?;
        files::remove(&wal.join(SEGMENT_NAME))?;
    } else {
        files::remove_tree(&places.data.join("member"))?;
    }
    put_back(order, &places)
}

/// Directories as they were before.
fn put_back(order: &RestoreDataDir, places: &LocalPlaces) -> Result<(), StepError> {
    let put = |place: &PlaceToBe, local: &Path| match place.before {
        None => files::remove_empty_dir(local),
        Some(EmptyDir { mode, uid, gid }) if local.is_dir() => {
            if order.owner.is_some() {
                files::give(local, Some(uid), Some(gid))?;
            }
            files::change_mode(local, mode)
        }
        Some(_) => Ok(()),
    };
    if let (Some(place), Some(local)) = (&order.wal_dir, &places.wal) {
        put(place, local)?;
    }
    Ok(put(&order.data_dir, &places.data)?)
}
