//! Carries out the restore of a whole cluster.
//!
//! Invariant: what is taken back is decided by what is on the hosts, never by what an earlier step left
//! in memory; and nothing is taken back once a node bears the mark of a proven restore.

mod pods;
mod prove;
mod stage;
mod stopped;
mod swap;

use std::path::{Path, PathBuf};

use crate::model::ClusterId;
use crate::node::LocalNode;
use crate::plan::cluster_restore::{MARK, RestoreMark, SET_ASIDE};
use crate::plan::step::StepError;
use crate::plan::world::World;
use crate::sys::files::FileError;

pub(in crate::plan) use pods::{start, stop, take_back_start, take_back_stop};
pub(in crate::plan) use prove::{demand_unproven, proven, serving};
pub(in crate::plan) use stage::{stage, take_back as take_back_stage};
pub(in crate::plan) use stopped::wait as wait_stopped;
pub(in crate::plan) use swap::{swap, take_back as take_back_swap};

/// Where a manifest is that was set aside.
fn kept(world: &World, node: &LocalNode, manifest: &Path) -> PathBuf {
    let name = manifest.file_name().unwrap_or_default();
    node.local(&world.backup_dir.join(SET_ASIDE).join(name))
}

/// The mark on a node, where it bears one that can be read.
fn mark_on(world: &World, node: &LocalNode) -> Result<Option<RestoreMark>, FileError> {
    let found = node.read(&world.backup_dir.join(MARK))?;
    Ok(found.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Fails where this restore has been proven: clients write to its cluster.
fn demand_no_mark(world: &World, cluster_id: ClusterId) -> Result<(), StepError> {
    for node in &world.nodes {
        let mark = mark_on(world, node)?;
        if let Some(mark) = mark.filter(|mark| mark.cluster_id == cluster_id) {
            return Err(StepError::Moved {
                what: format!("cluster {cluster_id}"),
                expected: "a restore that nobody relies on yet".into(),
                found: format!(
                    "one that was proven on {}: clients write to it since. The old data is in {}",
                    mark.proven_at,
                    mark.old_data.display()
                ),
            });
        }
    }
    Ok(())
}
