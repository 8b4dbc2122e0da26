//! What the stand-in, or the real kubelet, tells the tests about its pods.
//!
//! Invariant: the file always holds one complete document.

use serde::{Deserialize, Serialize};

/// Everything on one host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The pods, by name.
    pub pods: Vec<PodStatus>,
    /// The files that are no pod the stand-in runs. The real kubelet tells them to its log only.
    pub refused: Vec<Refused>,
}

/// A file in the manifest directory that is not obeyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The file's name.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// One pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodStatus {
    /// The name in the manifest.
    pub name: String,
    /// The identity: changes with the decoded manifest.
    pub uid: String,
    /// The manifest's file name; the real kubelet does not tell it.
    pub file: String,
    /// Whether the pod is being stopped.
    pub terminating: bool,
    /// The containers.
    pub containers: Vec<ContainerStatus>,
}

impl PodStatus {
    /// Returns whether every container is running and ready.
    pub fn is_ready(&self) -> bool {
        !self.terminating && self.containers.iter().all(|container| container.ready)
    }
}

/// One container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerStatus {
    /// The container's name.
    pub name: String,
    /// The running process, as numbered on the host.
    pub pid: Option<u32>,
    /// How often it was started since the pod appeared; the real kubelet goes on counting when a
    /// pod comes back with the same identity.
    pub starts: u32,
    /// Whether its startup probe succeeded, or it has none and runs.
    pub started: bool,
    /// Whether it is started and its readiness probe succeeded, if it has one.
    pub ready: bool,
    /// Whether it waits because it crashed too often.
    pub backing_off: bool,
    /// How it last ended, or why it could not be started.
    pub last_end: Option<String>,
}
