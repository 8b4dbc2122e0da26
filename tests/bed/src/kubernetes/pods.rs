//! What are the real pods of a host doing, in the words of the stand-in's status?
//!
//! The kubelet's `/pods` tells the pods it wants; containerd's task directories tell the processes
//! that are there, those of pods being stopped included.
//!
//! Invariant: a task or a pod that vanishes while it is looked at is not an error.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::kubelet::get;
use crate::kubelet::{ContainerStatus, PodStatus, Status};

/// Where containerd's second shim keeps a directory for each task, named after the container.
const TASKS: &str = "run/containerd/io.containerd.runtime.v2.task/k8s.io";

#[derive(Debug, Deserialize)]
struct PodList {
    // Go writes an empty list as null.
    items: Option<Vec<Pod>>,
}

#[derive(Debug, Deserialize)]
struct Pod {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: State,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
    uid: String,
}

#[derive(Debug, Default, Deserialize)]
struct Spec {
    #[serde(default)]
    containers: Vec<Named>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    #[serde(default)]
    container_statuses: Vec<Container>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: String,
    #[serde(default)]
    ready: bool,
    #[serde(default)]
    started: bool,
    #[serde(default)]
    restart_count: u32,
    #[serde(default)]
    state: Phase,
    #[serde(default)]
    last_state: Phase,
    #[serde(default, rename = "containerID")]
    id: String,
}

#[derive(Debug, Default, Deserialize)]
struct Phase {
    running: Option<serde_json::Value>,
    waiting: Option<Waiting>,
    terminated: Option<Terminated>,
}

#[derive(Debug, Deserialize)]
struct Waiting {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Terminated {
    exit_code: i32,
}

/// A running container's entry in containerd.
#[derive(Debug)]
struct Task {
    pid: u32,
    annotations: BTreeMap<String, String>,
}

/// Returns the pods of the host `node`, whose first process is `init`.
pub(crate) fn status(init: i32, node: &str) -> Result<Status> {
    let text = get(init, "/pods")?;
    let wanted: PodList = serde_json::from_str(&text).context("parse the kubelet's pods")?;
    let mut tasks = tasks(&Path::new("/proc").join(init.to_string()).join("root"));
    let mut pods: Vec<PodStatus> = wanted
        .items
        .unwrap_or_default()
        .into_iter()
        .map(|pod| {
            let uid = pod.metadata.uid.clone();
            let status = describe(pod, &tasks);
            tasks.retain(|_, task| task.annotation("sandbox-uid") != uid);
            status
        })
        .collect();
    pods.extend(leaving(&tasks));
    // The kubelet puts the node's name behind the manifest's.
    let suffix = format!("-{node}");
    for pod in &mut pods {
        let own = pod.name.strip_suffix(&suffix).map(str::to_owned);
        pod.name = own.unwrap_or_else(|| pod.name.clone());
    }
    pods.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Status {
        pods,
        refused: Vec::new(),
    })
}

impl Task {
    fn annotation(&self, name: &str) -> &str {
        let key = format!("io.kubernetes.cri.{name}");
        self.annotations.get(&key).map_or("", String::as_str)
    }
}

fn describe(pod: Pod, tasks: &BTreeMap<String, Task>) -> PodStatus {
    let statuses = pod.status.container_statuses;
    let containers = pod.spec.containers.into_iter().map(|named| {
        let known = statuses.iter().find(|status| status.name == named.name);
        known.map_or_else(|| unknown(named.name), |status| container(status, tasks))
    });
    PodStatus {
        name: pod.metadata.name,
        uid: pod.metadata.uid,
        file: String::new(),
        terminating: false,
        containers: containers.collect(),
    }
}

fn container(status: &Container, tasks: &BTreeMap<String, Task>) -> ContainerStatus {
    let running = status.state.running.is_some();
    let id = status.id.rsplit('/').next().unwrap_or_default();
    let waiting = status.state.waiting.as_ref();
    let ended = status.state.terminated.as_ref();
    let ended = ended.or(status.last_state.terminated.as_ref());
    let backing_off = waiting.is_some_and(|waiting| waiting.reason == "CrashLoopBackOff");
    ContainerStatus {
        name: status.name.clone(),
        pid: tasks.get(id).map(|task| task.pid).filter(|_| running),
        // What has neither run nor ended was never started.
        starts: status.restart_count + u32::from(running || ended.is_some()),
        started: running && status.started,
        ready: running && status.ready,
        backing_off,
        last_end: ended
            .map(|ended| format!("exit status: {}", ended.exit_code))
            .or_else(|| {
                let waiting = waiting.filter(|waiting| !waiting.message.is_empty())?;
                Some(format!("{}: {}", waiting.reason, waiting.message))
            }),
    }
}

fn unknown(name: String) -> ContainerStatus {
    ContainerStatus {
        name,
        pid: None,
        starts: 0,
        started: false,
        ready: false,
        backing_off: false,
        last_end: None,
    }
}

/// Returns the pods that nobody wants any more and that still have a process.
fn leaving(tasks: &BTreeMap<String, Task>) -> Vec<PodStatus> {
    let mut pods: BTreeMap<&str, PodStatus> = BTreeMap::new();
    for task in tasks.values() {
        let uid = task.annotation("sandbox-uid");
        let pod = pods.entry(uid).or_insert_with(|| PodStatus {
            name: task.annotation("sandbox-name").to_owned(),
            uid: uid.to_owned(),
            file: String::new(),
            terminating: true,
            containers: Vec::new(),
        });
        if task.annotation("container-type") == "container" {
            pod.containers.push(ContainerStatus {
                pid: Some(task.pid),
                started: true,
                starts: 1,
                ..unknown(task.annotation("container-name").to_owned())
            });
        }
    }
    pods.into_values().collect()
}

/// Returns containerd's tasks on the host with this root directory, by container.
fn tasks(root: &Path) -> BTreeMap<String, Task> {
    let Ok(entries) = fs::read_dir(root.join(TASKS)) else {
        return BTreeMap::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((name, task(&entry.path())?))
        })
        .collect()
}

fn task(bundle: &Path) -> Option<Task> {
    #[derive(Deserialize)]
    struct Specification {
        annotations: BTreeMap<String, String>,
    }
    let pid = fs::read_to_string(bundle.join("init.pid")).ok()?;
    let text = fs::read(bundle.join("config.json")).ok()?;
    let specification: Specification = serde_json::from_slice(&text).ok()?;
    Some(Task {
        pid: pid.trim().parse().ok()?,
        annotations: specification.annotations,
    })
}
