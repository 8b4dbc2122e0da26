//! Which snapshot is drilled?

use std::path::Path;

use crate::ops::Refusal;
use crate::ops::snapshot_store::{State, Stored, look, look_at};
use crate::sys::files::FileError;

/// Why there is no snapshot to drill.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    /// The file or the directory can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is none, or the newest is damaged: that is what a drill is for.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// The file, or the newest snapshot of a directory. An older one that is good is no answer where the
/// newest is damaged.
///
/// # Errors
/// [`ChooseError`].
pub fn choose(source: &Path) -> Result<Stored, ChooseError> {
    let stored = match source.is_dir() {
        true => look(source)?.snapshots.pop(),
        false => Some(look_at(source.to_owned())?),
    };
    let Some(stored) = stored else {
        let what = format!("{} holds no snapshot (*.db)", source.display());
        let fix = "save one: etcdha snapshot save DIR; or name another directory";
        return Err(Refusal::new("no-snapshot", what, fix).into());
    };
    if let State::Damaged(why) = &stored.state {
        let what = format!("{}: {why}", stored.path.display());
        let fix = "save another one now; etcdha snapshot verify shows all that is wrong";
        return Err(Refusal::new("snapshot-damaged", what, fix).into());
    }
    Ok(stored)
}
