//! The stand-in's loop: look at the directory, move every pod one step, tell the status.
//!
//! Invariant: nothing in the loop blocks; probes run in threads of their own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::backoff::Backoff;
use super::source::Source;
use super::status::Status;
use super::worker::Worker;

/// How long a change may go unnoticed. The real kubelet is told by the kernel at once.
const TICK: Duration = Duration::from_millis(20);

/// What the stand-in is told on its command line.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The manifest directory
    #[arg(long, value_name = "DIR")]
    pub manifests: PathBuf,
    /// A program that every image holds
    #[arg(long = "bin", value_name = "NAME=PATH", value_parser = parse_program)]
    pub programs: Vec<(String, PathBuf)>,
    /// Where the containers' outputs go, as CONTAINER.log
    #[arg(long, value_name = "DIR", default_value = "/var/log/testbed")]
    pub log_dir: PathBuf,
    /// Where the containers' root directories are built
    #[arg(long, value_name = "DIR", default_value = "/run/testbed-kubelet")]
    pub state_dir: PathBuf,
    /// Where the state of the pods is written, as JSON
    #[arg(long, value_name = "FILE")]
    pub status: Option<PathBuf>,
    /// Start a changed pod beside the old one that is still ending
    #[arg(long)]
    pub overlapping: bool,
    /// The node's name
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    pub node: String,
}

fn parse_program(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text
        .split_once('=')
        .ok_or_else(|| format!("expected NAME=PATH, found {text}"))?;
    Ok((name.to_owned(), PathBuf::from(path)))
}

/// Runs static pods until this process is killed.
///
/// # Errors
/// A directory cannot be made, or the status cannot be written.
pub fn run(options: &Options) -> Result<()> {
    for directory in [&options.log_dir, &options.state_dir] {
        fs::create_dir_all(directory).with_context(|| format!("make {}", directory.display()))?;
    }
    let mut source = Source::new(options.manifests.clone());
    let mut backoff = Backoff::default();
    let mut workers: BTreeMap<String, Worker> = BTreeMap::new();
    let mut told = None;
    log(&format!("watching {}", options.manifests.display()));
    loop {
        let now = Instant::now();
        for line in source.poll(now) {
            log(&line);
        }
        reconcile(&source, &mut workers, options.overlapping);
        for worker in workers.values_mut() {
            worker.tick(now, &mut backoff, options);
        }
        workers.retain(|_, worker| !worker.is_gone());
        let status = Status {
            pods: workers.values().map(Worker::status).collect(),
            refused: source.refused(),
        };
        if let Some(path) = options.status.as_deref()
            && told.as_ref() != Some(&status)
        {
            tell(path, &status)?;
            told = Some(status);
        }
        thread::sleep(TICK);
    }
}

/// Stops the pods that are not wanted any more, and starts the new ones whose place is free: their
/// name, or, when pods may overlap, their name and identity.
fn reconcile(source: &Source, workers: &mut BTreeMap<String, Worker>, overlapping: bool) {
    let wanted = source.wanted();
    for worker in workers.values_mut() {
        let same_name = wanted.get(&worker.pod.full_name());
        if same_name.is_none_or(|pod| pod.uid != worker.pod.uid) {
            worker.terminate();
        }
    }
    for (name, pod) in wanted {
        let place = if overlapping {
            format!("{name}/{}", pod.uid)
        } else {
            name.clone()
        };
        workers
            .entry(place)
            .or_insert_with(|| Worker::new(pod.clone()));
    }
}

fn tell(path: &Path, status: &Status) -> Result<()> {
    let staged = path.with_extension("new");
    let text = serde_json::to_vec_pretty(status).context("encode the status")?;
    fs::write(&staged, text).with_context(|| format!("write {}", staged.display()))?;
    fs::rename(&staged, path).with_context(|| format!("write {}", path.display()))
}

/// Writes a line to the stand-in's log, which is its standard error.
pub(crate) fn log(line: &str) {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = now.as_secs() % 86_400;
    eprintln!(
        "{:02}:{:02}:{:02}.{:03} {line}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        now.subsec_millis()
    );
}
