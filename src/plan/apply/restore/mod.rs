//! Makes a member's data directory of a snapshot.
//!
//! Invariant: under the directory's own name nothing is seen before everything has been written,
//! read back, compared and made durable.

mod build;
mod place;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::plan::engine::Progress;
use crate::plan::restore::RestoreDataDir;
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::sys::files::{self, FileError};

pub(in crate::plan) use place::{is_restored, is_unfinished_log, take_back, tidy};

/// Pause between two news of how far it has come.
const NEWS: Duration = Duration::from_millis(200);

/// How long an interrupted run may take to tidy.
const TIDYING: Duration = Duration::from_secs(60);

/// What the blocking work and those who wait for it share.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// Bytes of the image read, twice in all: from the snapshot and from the new file.
    done: AtomicU64,
}

/// Where things are as seen from here.
#[derive(Clone, Debug)]
pub(super) struct LocalPlaces {
    data: PathBuf,
    wal: Option<PathBuf>,
    /// The snapshot, where it is open already.
    snapshot: Option<Arc<File>>,
}

impl LocalPlaces {
    /// The snapshot's plain file.
    fn source(&self, order: &RestoreDataDir) -> Result<Arc<File>, FileError> {
        match &self.snapshot {
            Some(file) => Ok(file.clone()),
            None => files::open_regular(&order.snapshot).map(Arc::new),
        }
    }
}

pub(super) fn places(
    world: &World,
    on: &str,
    order: &RestoreDataDir,
) -> Result<LocalPlaces, StepError> {
    let node = world.node(on)?;
    Ok(LocalPlaces {
        data: node.local(&order.data_dir.path),
        wal: order.wal_dir.as_ref().map(|wal| node.local(&wal.path)),
        snapshot: world.snapshot.clone(),
    })
}

/// Restores on a thread of its own, so that a signal is heard. A run that is ended waits until what
/// it had begun is gone.
pub(in crate::plan) async fn restore(
    world: &World,
    on: &str,
    order: &RestoreDataDir,
    progress: &dyn Fn(Progress),
) -> Result<Outcome, StepError> {
    let places = places(world, on, order)?;
    let shared = Arc::new(Shared::default());
    let (tell, told) = mpsc::channel();
    let mut work = {
        let (order, shared) = (order.clone(), Arc::clone(&shared));
        tokio::task::spawn_blocking(move || {
            let made = build::make(&order, &places, &shared);
            // Nobody waits any more where the run has not been ended.
            let _ = tell.send(());
            made
        })
    };
    let _ending = Ending {
        shared: Arc::clone(&shared),
        told,
    };
    let mut news = interval(NEWS);
    news.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            made = &mut work => {
                let lost = |error| StepError::Missing(format!("the restore was lost: {error}"));
                return made.map_err(lost)?;
            }
            _ = news.tick() => progress(Progress {
                done: shared.done.load(Ordering::Relaxed),
                total: order.image_bytes * 2,
                message: String::new(),
            }),
        }
    }
}

/// Ends the work when the wait for it ends.
struct Ending {
    shared: Arc<Shared>,
    told: mpsc::Receiver<()>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // That it takes longer leaves something that the next run sweeps.
        let _ = self.told.recv_timeout(TIDYING);
    }
}
