//! The drill itself: restore, boot, compare, remove.

use std::time::{Duration, Instant};

use crate::cluster::ClusterError;
use crate::model::Revision;
use crate::ops::node_files::operator_node;
use crate::ops::snapshot_look::LookError;
use crate::plan::{Action, Performer, PlaceToBe, Progress, Step, StepError, World};
use crate::snapshot::HashKv;
use crate::sys::files::FileError;
use crate::sys::process::kill_with_word;
use crate::sys::scratch_dir::{ScratchDir, leftovers};

use super::NAME;
use super::compare::{Check, CompareError, compare, file_facts};
use super::plan::DrillPlan;
use super::server::{Server, ServerError};
use super::spot::Spotted;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The directory is made.
    Restore,
    /// etcd starts.
    Boot,
    /// What it holds is compared.
    Compare,
}

/// Who wants to know how it goes.
pub trait DrillEvents {
    /// A phase begins.
    fn begins(&self, phase: Phase);
    /// It goes on.
    fn progress(&self, progress: Progress);
    /// A dead run's directory was removed.
    fn swept(&self, path: &std::path::Path);
}

/// How long it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// To read the file whole and check it.
    pub read: Duration,
    /// To make the data directory.
    pub restore: Duration,
    /// Until etcd read through consensus.
    pub boot: Duration,
    /// To compare, which a recovery would not wait for.
    pub compare: Duration,
}

impl Timings {
    /// From the file to an etcd that answers.
    pub fn recovery(&self) -> Duration {
        self.read + self.restore + self.boot
    }
}

/// What a drill found.
#[derive(Clone, Debug)]
pub struct Drilled {
    /// What was compared.
    pub checks: Vec<Check>,
    /// The keys that were looked at.
    pub spotted: Vec<Spotted>,
    /// The file's HashKV, revision and keys.
    pub hash_kv: HashKv,
    /// How long it took.
    pub timings: Timings,
}

impl Drilled {
    /// True where the backup works.
    pub fn is_proven(&self) -> bool {
        self.checks.iter().all(|check| check.is_equal)
            && self.spotted.iter().all(|spotted| spotted.is_right)
    }
}

/// Why it came to no end.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The directory could not be made.
    #[error("restore the snapshot")]
    Restore(#[from] StepError),
    /// No etcd booted from it.
    #[error("boot etcd from the restored directory")]
    Server(#[from] ServerError),
    /// It answered, and then it did not.
    #[error("ask the etcd that booted")]
    Cluster(#[from] ClusterError),
    /// The file could be read before, and then it could not.
    #[error(transparent)]
    Look(#[from] LookError),
    /// Something on the disk.
    #[error(transparent)]
    File(#[from] FileError),
    /// It took too long.
    #[error("it took longer than {0:?}")]
    TimedOut(Duration),
    /// A thread was lost.
    #[error("the comparison was lost: {0}")]
    Lost(String),
}

impl From<CompareError> for DrillError {
    fn from(error: CompareError) -> Self {
        match error {
            CompareError::Cluster(error) => Self::Cluster(error),
            CompareError::Look(error) => Self::Look(error),
        }
    }
}

/// Carries the plan out. Wherever it ends, etcd and the directory end with it.
///
/// To be awaited on a thread that outlives the drill: the kernel ends etcd with the thread that started
/// it.
///
/// # Errors
/// [`DrillError`]; that server and file differ is no error.
pub async fn drill(plan: &DrillPlan, events: &dyn DrillEvents) -> Result<Drilled, DrillError> {
    sweep(plan, events)?;
    let late = |_| DrillError::TimedOut(plan.deadline);
    tokio::time::timeout(plan.deadline, in_scratch(plan, events))
        .await
        .map_err(late)?
}

/// Removes what dead runs have left, an etcd first that the kernel did not end with its run.
fn sweep(plan: &DrillPlan, events: &dyn DrillEvents) -> Result<(), FileError> {
    for leftover in leftovers(&plan.scratch, NAME) {
        let path = leftover.path.clone();
        let mut word = std::ffi::OsString::from("--data-dir=");
        word.push(&path);
        word.push("/");
        kill_with_word(&word);
        leftover.remove()?;
        events.swept(&path);
    }
    Ok(())
}

async fn in_scratch(plan: &DrillPlan, events: &dyn DrillEvents) -> Result<Drilled, DrillError> {
    let scratch = ScratchDir::begin(&plan.scratch, NAME)?;
    let mut timings = Timings {
        read: plan.read_time,
        ..Timings::default()
    };
    let mut order = plan.order.clone();
    let data_dir = scratch.path().join("etcd");
    order.data_dir = PlaceToBe {
        path: data_dir.clone(),
        before: None,
    };
    // Whose they are does not matter in a directory that only this user enters.
    order.owner = None;

    events.begins(Phase::Restore);
    let since = Instant::now();
    let node = operator_node();
    let step = Step {
        on: node.name.to_string(),
        action: Action::RestoreDataDir(Box::new(order)),
        voters: None,
    };
    let mut world = World {
        nodes: vec![node],
        snapshot: Some(plan.source.file.clone()),
        ..World::default()
    };
    let progress = |progress| events.progress(progress);
    world.perform(&step, &progress).await?;
    timings.restore = since.elapsed();

    events.begins(Phase::Boot);
    let since = Instant::now();
    // Declared after the directory, so it ends before that goes, however this function ends.
    let server = Server::boot(plan, &scratch.path(), &data_dir).await?;
    timings.boot = since.elapsed();

    events.begins(Phase::Compare);
    let since = Instant::now();
    let drilled = look(plan, &server, timings).await?;
    drop(server);
    scratch.remove()?;
    timings.compare = since.elapsed();
    Ok(Drilled { timings, ..drilled })
}

async fn look(plan: &DrillPlan, server: &Server, timings: Timings) -> Result<Drilled, DrillError> {
    let source = plan.source.clone();
    let facts = tokio::task::spawn_blocking(move || file_facts(&source));
    let facts = facts.await;
    let facts = facts.map_err(|error| DrillError::Lost(error.to_string()))??;
    // A hash of everything takes its time.
    let connection = server.connect(plan.deadline).await?;
    let record = plan.stored.record.as_ref();
    let checks = compare(&connection, &facts, &plan.source, record).await?;
    let mut spotted = Vec::with_capacity(plan.spot_keys.len());
    for key in &plan.spot_keys {
        let at = Revision(facts.hash_kv.revision);
        spotted.push(key.look(&connection, at).await?);
    }
    Ok(Drilled {
        checks,
        spotted,
        hash_kv: facts.hash_kv,
        timings,
    })
}
