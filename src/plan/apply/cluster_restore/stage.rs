//! New data is made beside the old while everything runs: what can fail there costs nobody anything.

use crate::node::LocalNode;
use crate::plan::apply::restore;
use crate::plan::cluster_restore::{DataSwap, StageData};
use crate::plan::engine::Progress;
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::sys::files;

use super::swap::holds_new;

/// Makes the data, unless an earlier run has, or has put it into place already.
pub(in crate::plan) async fn stage(
    world: &World,
    on: &str,
    stage: &StageData,
    progress: &dyn Fn(Progress),
) -> Result<Outcome, StepError> {
    let node = world.node(on)?;
    if holds_new(node, &stage.swap)? || restore::is_restored(world, on, &stage.order)? {
        return Ok(Outcome::Unchanged);
    }
    // Whatever bears that name is an attempt of ours.
    discard(node, &stage.swap)?;
    let made = restore::restore(world, on, &stage.order, progress).await?;
    match made {
        Outcome::Restored { hash_kv, .. } if hash_kv != stage.hash_kv => {
            discard(node, &stage.swap)?;
            Err(StepError::Moved {
                what: format!("HashKV of the new data on {on}"),
                expected: format!("{}, as the snapshot has it", stage.hash_kv),
                found: hash_kv.to_string(),
            })
        }
        made => Ok(made),
    }
}

/// Removes what was made; what is in place already is the swap's to take back.
pub(in crate::plan) fn take_back(
    world: &World,
    on: &str,
    stage: &StageData,
) -> Result<(), StepError> {
    let node = world.node(on)?;
    restore::tidy(world, on, &stage.order)?;
    discard(node, &stage.swap)
}

pub(super) fn discard(node: &LocalNode, swap: &DataSwap) -> Result<(), StepError> {
    for places in std::iter::once(&swap.data_dir).chain(&swap.wal_dir) {
        files::remove_tree(&node.local(&places.new))?;
    }
    Ok(())
}
