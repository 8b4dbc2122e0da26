//! Which snapshot is drilled?

use crate::model::SnapshotPlace;
use crate::ops::Refusal;
use crate::ops::snapshot_store::{LookError, State, Stored, newest_at};
use crate::s3::S3Access;

/// Why there is no snapshot to drill.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    /// The file, the directory or the store can't be read.
    #[error(transparent)]
    Look(#[from] LookError),
    /// There is none, or the newest is damaged: that is what a drill is for.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// The file, or the newest snapshot of a directory or below a prefix. An older one that is good is no
/// answer where the newest is damaged.
///
/// # Errors
/// [`ChooseError`].
pub async fn choose(
    source: &SnapshotPlace,
    store: Option<&S3Access>,
) -> Result<Stored, ChooseError> {
    let Some(stored) = newest_at(source, store).await? else {
        let what = format!("{source} holds no snapshot (*.db)");
        let fix = "save one: etcdha snapshot save DIR; or name another directory";
        return Err(Refusal::new("no-snapshot", what, fix).into());
    };
    if let State::Damaged(why) = &stored.state {
        let what = format!("{}: {why}", stored.place);
        let fix = "save another one now; etcdha snapshot verify shows all that is wrong";
        return Err(Refusal::new("snapshot-damaged", what, fix).into());
    }
    Ok(stored)
}
