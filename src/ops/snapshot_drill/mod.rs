//! `snapshot drill`: does the backup work? Restores a snapshot into a directory that is thrown away,
//! boots a real etcd from it, and compares what that holds with what the file holds.
//!
//! Invariant: nothing is written outside the scratch directory, and neither directory nor etcd outlive
//! the run; what a killed run leaves is swept by the next. Nobody else on the machine can reach the etcd:
//! it listens on the loopback address alone and wants a certificate of a CA that lives as long as the
//! run does.

mod certificates;
mod choose;
mod compare;
mod metrics;
mod observe;
mod plan;
mod program;
mod run;
mod server;
mod spot;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::SnapshotPlace;

pub use choose::{ChooseError, choose};
pub use compare::Check;
pub use metrics::{Ended, metrics, write_metrics};
pub use observe::{Observed, ObservedScratch, observe};
pub use plan::{DrillPlan, plan};
pub use program::{EtcdProgram, find_program};
pub use run::{DrillError, DrillEvents, Drilled, Phase, Timings, drill};
pub use spot::{SpotKey, SpotKeyError, Spotted};

/// Beginning of the scratch directories' names.
const NAME: &str = "etcdha-drill";

/// What the operator wishes.
#[derive(Clone, Debug)]
pub struct DrillRequest {
    /// A snapshot, or a directory or a prefix whose newest one is meant.
    pub source: SnapshotPlace,
    /// The etcd to boot; none looks it up in `search`.
    pub etcd: Option<PathBuf>,
    /// Directories that programs are in, as in `PATH`.
    pub search: Option<OsString>,
    /// Keys that have to be there.
    pub spot_keys: Vec<SpotKey>,
    /// Where the scratch directory is made.
    pub scratch: PathBuf,
    /// Longest time for everything but reading the file.
    pub deadline: Duration,
}
