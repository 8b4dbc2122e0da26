//! Static pods without containers: each pod's one container runs here, where this is the container.
//!
//! For a container that plays a host: it waits for a manifest, as the kubelet does, and runs its
//! very command line with the paths as they are. No mounts are made and nothing is probed.
//!
//! Invariant: one process a pod; a changed manifest stops the old one before the new one starts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::pod::Pod;
use super::run::log;
use super::source::Source;

const TICK: Duration = Duration::from_millis(50);

/// Pause before a process that ended is started again. The real kubelet's grows; here it stays.
const RESTART: Duration = Duration::from_secs(2);

/// How long a process may take to end.
const GRACE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Running {
    uid: String,
    child: Option<Child>,
    start_at: Instant,
}

/// Runs the pods of a manifest directory until this process is told to end.
///
/// # Errors
/// There is no runtime, or signals can't be heard.
pub fn run_in_place(manifests: PathBuf) -> Result<()> {
    tokio::runtime::Runtime::new()
        .context("start the runtime")?
        .block_on(watch(manifests))
}

async fn watch(manifests: PathBuf) -> Result<()> {
    let mut told = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    log(&format!("watching {}", manifests.display()));
    let mut source = Source::new(manifests);
    let mut pods: BTreeMap<String, Running> = BTreeMap::new();
    loop {
        for line in source.poll(Instant::now()) {
            log(&line);
        }
        let wanted = source.wanted();
        for (name, running) in &mut pods {
            let same = wanted.get(name).is_some_and(|pod| pod.uid == running.uid);
            if !same {
                stop(name, running).await;
            }
        }
        pods.retain(|name, running| wanted.get(name).is_some_and(|pod| pod.uid == running.uid));
        for (name, pod) in wanted {
            let running = pods.entry(name.clone()).or_insert_with(|| Running {
                uid: pod.uid.clone(),
                child: None,
                start_at: Instant::now(),
            });
            step(name, pod, running);
        }
        tokio::select! {
            _ = told.recv() => break,
            () = tokio::time::sleep(TICK) => {}
        }
    }
    for (name, running) in &mut pods {
        stop(name, running).await;
    }
    Ok(())
}

/// Does nothing until this process is told to end.
///
/// # Errors
/// There is no runtime, or signals can't be heard.
pub fn idle() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    runtime.block_on(async {
        let mut told = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        told.recv().await;
        Ok(())
    })
}

/// Starts what should run and notes what has ended.
fn step(name: &str, pod: &Pod, running: &mut Running) {
    if let Some(child) = &mut running.child {
        if let Ok(Some(status)) = child.try_wait() {
            log(&format!("{name} ended: {status}"));
            running.child = None;
            running.start_at = Instant::now() + RESTART;
        }
        return;
    }
    if Instant::now() < running.start_at {
        return;
    }
    match start(pod) {
        Ok(child) => {
            log(&format!("{name} started"));
            running.child = Some(child);
        }
        Err(error) => {
            log(&format!("{name} cannot be started: {error:#}"));
            running.start_at = Instant::now() + RESTART;
        }
    }
}

fn start(pod: &Pod) -> Result<Child> {
    let [container] = pod.spec.containers.as_slice() else {
        anyhow::bail!(
            "expected one container, found {}",
            pod.spec.containers.len()
        );
    };
    let words = container.argv();
    let (program, arguments) = words.split_first().context("it has no command")?;
    let env = container.env.iter().map(|one| (&one.name, &one.value));
    Command::new(program)
        .args(arguments)
        .envs(env)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("start {program}"))
}

async fn stop(name: &str, running: &mut Running) {
    let Some(mut child) = running.child.take() else {
        return;
    };
    log(&format!("stopping {name}"));
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(pid) = pid {
        // That it has ended already is what is wanted.
        let _ = kill_process(pid, Signal::TERM);
    }
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}
