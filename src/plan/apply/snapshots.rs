//! Stored snapshots are removed, record last: a run that was killed in between leaves a record that the
//! next one finds.

use crate::plan::snapshots::RemoveSnapshot;
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::snapshot::{SnapshotRecord, record_path};
use crate::sys::files;

pub(in crate::plan) fn remove(
    world: &World,
    on: &str,
    order: &RemoveSnapshot,
) -> Result<Outcome, StepError> {
    let path = world.node(on)?.local(&order.path);
    let record_path = record_path(&path);
    let Some(bytes) = files::read_optional(&record_path)? else {
        return Ok(Outcome::Unchanged);
    };
    let found = SnapshotRecord::parse(&bytes).map(|record| record.taken_at);
    if found.as_ref().ok() != Some(&order.taken_at) {
        return Err(StepError::Moved {
            what: record_path.display().to_string(),
            expected: format!("the record of {}", order.taken_at),
            found: found.map_or_else(|error| error.to_string(), |at| format!("one of {at}")),
        });
    }
    files::remove(&path)?;
    files::remove(&record_path)?;
    Ok(Outcome::Plain)
}
