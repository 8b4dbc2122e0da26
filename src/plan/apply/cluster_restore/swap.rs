//! Old data makes room for new: both only change their names, so nothing is copied and nothing is lost.
//!
//! Invariant: under the data directory's own name `member` is either the old data, whole, or the new,
//! whole, or not there. Nothing is renamed over anything.

use std::path::{Path, PathBuf};

use crate::node::LocalNode;
use crate::plan::cluster_restore::{DataSwap, SwapPlaces};
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::sys::files::{self, FileError};
use crate::sys::staged_dir::rename_new;

use super::stage::discard;
use super::{demand_no_mark, stopped};

/// The one entry of a data directory that is etcd's.
const MEMBER: &str = "member";

/// The places as seen from here.
struct Local {
    place: PathBuf,
    new: PathBuf,
    before: PathBuf,
}

impl Local {
    fn of(node: &LocalNode, places: &SwapPlaces) -> Self {
        Self {
            place: node.local(&places.place),
            new: node.local(&places.new),
            before: node.local(&places.before),
        }
    }
}

/// True where the new data is in place, whether or not its server has run since.
pub(super) fn holds_new(node: &LocalNode, swap: &DataSwap) -> Result<bool, FileError> {
    let data = Local::of(node, &swap.data_dir);
    let is_moved = data.place.join(MEMBER).is_dir() && !data.new.join(MEMBER).exists();
    Ok(is_moved && has_new_log(node, swap)?)
}

fn has_new_log(node: &LocalNode, swap: &DataSwap) -> Result<bool, FileError> {
    let log = match &swap.wal_dir {
        Some(wal) => wal.place.clone(),
        None => swap.data_dir.place.join("member/wal"),
    };
    Ok(node.log_identity(&log)? == Some((swap.member_id, swap.cluster_id)))
}

/// Moves the old data aside and the new data into its place.
pub(in crate::plan) async fn swap(
    world: &World,
    on: &str,
    swap: &DataSwap,
) -> Result<Outcome, StepError> {
    let node = world.node(on)?;
    let data = Local::of(node, &swap.data_dir);
    let wal = swap.wal_dir.as_ref().map(|wal| Local::of(node, wal));
    if holds_new(node, swap)? {
        files::remove_empty_dir(&data.new)?;
        return Ok(Outcome::Unchanged);
    }
    // The wait before has seen it end for good; this is for a run that took it over.
    if stopped::member_runs(node, swap).await?.is_some() {
        stopped::demand(node, swap).await?;
    }
    if !data.new.join(MEMBER).is_dir() {
        return Err(StepError::Moved {
            what: data.new.display().to_string(),
            expected: "the data that was made before".into(),
            found: "none".into(),
        });
    }
    move_all(&data.place, &data.before, |name| name == MEMBER)?;
    if let Some(wal) = &wal {
        if !has_new_log(node, swap)? {
            move_all(&wal.place, &wal.before, is_of_a_log)?;
        }
        settle(&wal.place, swap)?;
        // The log goes first: data without its log would start as a new member.
        move_all(&wal.new, &wal.place, is_of_a_log)?;
        files::remove_empty_dir(&wal.new)?;
    }
    settle(&data.place, swap)?;
    move_all(&data.new, &data.place, |name| name == MEMBER)?;
    files::remove_empty_dir(&data.new)?;
    Ok(Outcome::Plain)
}

/// What a directory for the log holds besides what is the file system's own.
fn is_of_a_log(name: &str) -> bool {
    name != "lost+found" && !name.starts_with(".etcdha")
}

/// The directory with the owner and the mode that etcd wants.
fn settle(place: &Path, swap: &DataSwap) -> Result<(), FileError> {
    files::ensure_dir(place, 0o700)?;
    if let Some(owner) = swap.owner {
        files::give(place, Some(owner.uid), Some(owner.gid))?;
    }
    files::change_mode(place, 0o700)
}

/// Moves entries of a directory to another one, which is made where there is something to move.
fn move_all(from: &Path, to: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<(), FileError> {
    let mut names = files::list(from)?;
    names.retain(|name| is_wanted(name));
    if names.is_empty() {
        return Ok(());
    }
    files::ensure_dir(to, 0o700)?;
    for name in names {
        rename_new(&from.join(&name), &to.join(&name))?;
    }
    files::sync_dir(to)?;
    files::sync_dir(from)
}

/// Puts the old data back. The new data is removed: it can be made again from the snapshot, and no
/// client has written to it.
pub(in crate::plan) async fn take_back(
    world: &World,
    on: &str,
    swap: &DataSwap,
) -> Result<(), StepError> {
    demand_no_mark(world, swap.cluster_id)?;
    let node = world.node(on)?;
    let data = Local::of(node, &swap.data_dir);
    let wal = swap.wal_dir.as_ref().map(|wal| Local::of(node, wal));
    let is_swapped = holds_new(node, swap)?;
    if !is_swapped && !data.before.join(MEMBER).exists() {
        // It was never begun, or the old data was none.
        put_log_back(node, swap, wal.as_ref())?;
        return Ok(());
    }
    stopped::demand(node, swap).await?;
    if is_swapped {
        // Out of its place in one step; what is removed afterwards is nobody's.
        move_all(&data.place, &data.new, |name| name == MEMBER)?;
    }
    put_log_back(node, swap, wal.as_ref())?;
    move_all(&data.before, &data.place, |name| name == MEMBER)?;
    files::remove_empty_dir(&data.before)?;
    if is_swapped {
        discard(node, swap)?;
    }
    if swap.is_new {
        files::remove_empty_dir(&data.place)?;
    }
    Ok(())
}

fn put_log_back(node: &LocalNode, swap: &DataSwap, wal: Option<&Local>) -> Result<(), StepError> {
    let Some(wal) = wal else { return Ok(()) };
    if has_new_log(node, swap)? {
        move_all(&wal.place, &wal.new, is_of_a_log)?;
    }
    move_all(&wal.before, &wal.place, is_of_a_log)?;
    Ok(files::remove_empty_dir(&wal.before)?)
}
