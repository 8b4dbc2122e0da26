//! What runs `etcdha snapshot schedule run`: a service and a timer of systemd, a CronJob, a static pod.
//!
//! Invariant: the same configuration gives the same bytes, and every file says in its first line that
//! etcdha wrote it, so that it is known again.

mod pod;
mod systemd;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::model::ResourceList;

pub use pod::{render_cron_job, render_static_pod};
pub use systemd::render_units;

/// The first line of every file.
const MARK: &str =
    "# Written by etcdha snapshot schedule; changes are lost when it is run again.\n";

/// What is to be run.
#[derive(Clone, Debug)]
pub struct SnapshotJob {
    /// The program and its arguments; none is a secret.
    pub command: Vec<String>,
    /// The image with the program, for pods.
    pub image: String,
    /// `OnCalendar=` of the timer.
    pub on_calendar: String,
    /// `schedule` of the CronJob.
    pub cron: String,
    /// Longest time by which a run is put off, in seconds.
    pub jitter_seconds: u64,
    /// Directories that are only read, such as that of the certificates.
    pub read: Vec<PathBuf>,
    /// Directories that are written to.
    pub write: Vec<PathBuf>,
    /// The file with the store's credentials as variables, for the unit.
    pub environment_file: PathBuf,
    /// The Secret with the store's credentials as variables, for pods.
    pub secret: Option<String>,
    /// Where the metrics are served, for the pod's probe: address and port.
    pub metrics: Option<(String, u16)>,
    /// Most that a pod may use.
    pub limits: ResourceList,
}

/// Why nothing is rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotJobError {
    /// A path that can't be mounted, or that systemd can't take.
    #[error("{0:?} is no absolute path of printable characters")]
    Path(String),
    /// A directory that the service has for itself and that goes with it.
    #[error("{0:?} is a temporary directory, and the service has its own of that name")]
    Temporary(String),
}

/// True for a text that was rendered here.
pub fn is_ours(text: &str) -> bool {
    text.starts_with(MARK)
}

/// A path in a text.
fn path(path: &std::path::Path) -> Result<&str, SnapshotJobError> {
    let wrong = || SnapshotJobError::Path(path.to_string_lossy().into_owned());
    let text = path.to_str().ok_or_else(wrong)?;
    let fits = text.starts_with('/') && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    fits.then_some(text).ok_or_else(wrong)
}
