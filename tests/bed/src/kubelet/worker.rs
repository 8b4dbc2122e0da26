//! One pod from its first container's start to its last container's end.
//!
//! Invariant: a container starts only while the pod is wanted and the one before it is gone.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::container::Running;
use super::pod::{Container, Pod, RestartPolicy};
use super::run::{Options, log};
use super::status::{ContainerStatus, PodStatus};

/// The API's default `terminationGracePeriodSeconds`.
const GRACE: u64 = 30;
/// How long a container that cannot be set up waits for the next attempt.
const RETRY: Duration = Duration::from_secs(2);

/// A pod and its containers.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) pod: Pod,
    slots: Vec<Slot>,
    terminating: bool,
}

/// A container's place, whether it runs or not.
#[derive(Debug)]
struct Slot {
    container: Container,
    running: Option<Running>,
    starts: u32,
    backing_off: bool,
    retry_at: Option<Instant>,
    finished: bool,
    last_end: Option<String>,
}

impl Worker {
    pub(crate) fn new(pod: Pod) -> Worker {
        let slots = pod
            .spec
            .containers
            .iter()
            .map(|container| Slot {
                container: container.clone(),
                running: None,
                starts: 0,
                backing_off: false,
                retry_at: None,
                finished: false,
                last_end: None,
            })
            .collect();
        Worker {
            pod,
            slots,
            terminating: false,
        }
    }

    /// Begins the pod's end.
    pub(crate) fn terminate(&mut self) {
        if !self.terminating {
            log(&format!("stopping pod {}", self.pod.full_name()));
        }
        self.terminating = true;
    }

    /// Whether the pod was told to end and has.
    pub(crate) fn is_gone(&self) -> bool {
        self.terminating && self.slots.iter().all(|slot| slot.running.is_none())
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Instant, backoff: &mut Backoff, options: &Options) {
        let grace = Duration::from_secs(
            self.pod
                .spec
                .termination_grace_period_seconds
                .unwrap_or(GRACE),
        );
        for slot in &mut self.slots {
            let key = format!("{}/{}", self.pod.uid, slot.container.name);
            slot.collect(now, &key, self.pod.spec.restart_policy, backoff);
            match &mut slot.running {
                Some(running) if self.terminating || running.is_stopping() => {
                    running.stop(now, grace);
                }
                Some(running) => {
                    let name = slot.container.name.clone();
                    running.probe(now, grace, &mut |text| log(&format!("{name}: {text}")));
                }
                None if self.terminating || slot.finished => {}
                None => slot.start(now, &key, &self.pod, backoff, options),
            }
        }
    }

    pub(crate) fn status(&self) -> PodStatus {
        PodStatus {
            name: self.pod.name.clone(),
            uid: self.pod.uid.clone(),
            file: self.pod.file.clone(),
            terminating: self.terminating,
            containers: self.slots.iter().map(Slot::status).collect(),
        }
    }
}

/// Tells an end as container runtimes do, who count a signal as a status from 128 on.
fn exit_status(status: ExitStatus) -> String {
    let number = status.code().or(status.signal().map(|signal| 128 + signal));
    number.map_or_else(
        || status.to_string(),
        |number| format!("exit status: {number}"),
    )
}

impl Slot {
    /// Notices the end of the process.
    fn collect(&mut self, now: Instant, key: &str, policy: RestartPolicy, backoff: &mut Backoff) {
        let Some(running) = &mut self.running else {
            return;
        };
        let (ended, success) = match running.ended() {
            Ok(None) => return,
            Ok(Some(status)) => (exit_status(status), status.success()),
            Err(error) => (format!("{error:#}"), false),
        };
        log(&format!("{} ended: {ended}", self.container.name));
        self.running = None;
        self.last_end = Some(ended);
        self.finished = match policy {
            RestartPolicy::Always => false,
            RestartPolicy::OnFailure => success,
            RestartPolicy::Never => true,
        };
        backoff.ended(key, now);
    }

    fn start(
        &mut self,
        now: Instant,
        key: &str,
        pod: &Pod,
        backoff: &mut Backoff,
        options: &Options,
    ) {
        if self.retry_at.is_some_and(|at| now < at) {
            return;
        }
        let name = &self.container.name;
        if let Err(wait) = backoff.try_start(key, now) {
            if !self.backing_off {
                log(&format!("{name} waits {wait:.1?}: CrashLoopBackOff"));
            }
            self.backing_off = true;
            return;
        }
        self.backing_off = false;
        match Running::start(pod, &self.container, options) {
            Ok(running) => {
                log(&format!("{name} started"));
                self.starts += 1;
                self.retry_at = None;
                self.running = Some(running);
            }
            Err(error) => {
                let reason = format!("{error:#}");
                if self.last_end.as_ref() != Some(&reason) {
                    log(&format!("{name} cannot be started: {reason}"));
                }
                self.last_end = Some(reason);
                self.retry_at = Some(now + RETRY);
            }
        }
    }

    fn status(&self) -> ContainerStatus {
        let running = self.running.as_ref();
        ContainerStatus {
            name: self.container.name.clone(),
            pid: running.and_then(Running::pid),
            starts: self.starts,
            started: running.is_some_and(Running::is_started),
            ready: running.is_some_and(Running::is_ready),
            backing_off: self.backing_off,
            last_end: self.last_end.clone(),
        }
    }
}
