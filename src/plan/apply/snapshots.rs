//! Stored snapshots are removed, record last: a run that was killed in between leaves a record that the
//! next one finds.

use std::path::Path;

use crate::model::{ObjectPlace, SnapshotPlace};
use crate::plan::snapshots::{RemoveSnapshot, RemoveUpload};
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::s3::S3Client;
use crate::snapshot::{SnapshotRecord, record_path};
use crate::sys::files;

pub(in crate::plan) async fn remove(
    world: &World,
    on: &str,
    order: &RemoveSnapshot,
) -> Result<Outcome, StepError> {
    match &order.path {
        SnapshotPlace::Path(path) => remove_file(&world.node(on)?.local(path), order),
        SnapshotPlace::Object(object) => remove_object(world, object, order).await,
    }
}

fn remove_file(path: &Path, order: &RemoveSnapshot) -> Result<Outcome, StepError> {
    let record_path = record_path(path);
    let Some(bytes) = files::read_optional(&record_path)? else {
        return Ok(Outcome::Unchanged);
    };
    demand_same(&bytes, &record_path.display().to_string(), order)?;
    files::remove(path)?;
    files::remove(&record_path)?;
    Ok(Outcome::Plain)
}

async fn remove_object(
    world: &World,
    object: &ObjectPlace,
    order: &RemoveSnapshot,
) -> Result<Outcome, StepError> {
    let client = S3Client::new(world.store()?, &object.bucket)?;
    let record = format!("{}.json", object.key);
    let Some(bytes) = client.get(&record).await? else {
        return Ok(Outcome::Unchanged);
    };
    demand_same(&bytes, &format!("{object}.json"), order)?;
    client.remove(&object.key).await?;
    client.remove(&record).await?;
    Ok(Outcome::Plain)
}

/// Fails where the record is another snapshot's by now.
fn demand_same(bytes: &[u8], place: &str, order: &RemoveSnapshot) -> Result<(), StepError> {
    let found = SnapshotRecord::parse(bytes).map(|record| record.taken_at);
    if found.as_ref().ok() == Some(&order.taken_at) {
        return Ok(());
    }
    Err(StepError::Moved {
        what: place.to_owned(),
        expected: format!("the record of {}", order.taken_at),
        found: found.map_or_else(|error| error.to_string(), |at| format!("one of {at}")),
    })
}

/// Removes what a killed upload left. One that has ended since is none.
pub(in crate::plan) async fn remove_upload(
    world: &World,
    order: &RemoveUpload,
) -> Result<Outcome, StepError> {
    let SnapshotPlace::Object(object) = &order.path else {
        return Ok(Outcome::Unchanged);
    };
    let client = S3Client::new(world.store()?, &object.bucket)?;
    client.remove_upload(&object.key, &order.id).await?;
    Ok(Outcome::Plain)
}
