//! The pod's text.

use super::config::{EtcdPodConfig, RenderError};
use super::flag_set::FlagSet;
use super::mounts::{self, Mount};
use super::probes::{self, Probes};
use crate::manifest::flags::command_program;
use crate::manifest::pod::StaticPod;
use crate::manifest::yaml::{Yaml, write};
use crate::model::{EtcdVersion, ResourceList, Resources};

/// Counts the attempts to start a member.
pub const ATTEMPT_ANNOTATION: &str = "etcdha.dev/attempt";

/// kubeadm finds a node's etcd by this annotation of the mirror pod.
pub(crate) const ADVERTISE_ANNOTATION: &str = "kubeadm.kubernetes.io/etcd.advertise-client-urls";

/// What `system-node-critical` stands for.
const NODE_CRITICAL: i64 = 2_000_001_000;

/// Renders the static pod: the same configuration gives the same bytes.
///
/// # Errors
/// When etcd would not start with these values, or the kubelet could not probe it.
pub fn render(config: &EtcdPodConfig) -> Result<String, RenderError> {
    check_image(config)?;
    let flags = FlagSet::of(&config.etcd)?;
    let probes = probes::probes(&config.etcd, &flags)?;
    let mounts = mounts::mounts(&flags);
    let pod = Yaml::Map(vec![
        ("apiVersion", Yaml::text("v1")),
        ("kind", Yaml::text("Pod")),
        ("metadata", metadata(config, &flags)),
        (
            "spec",
            spec(container(config, &flags, probes, &mounts), &mounts),
        ),
        ("status", Yaml::Map(Vec::new())),
    ]);
    Ok(write(&pod))
}

/// The attempt a manifest carries; `None` without one or when `text` is no pod.
pub fn attempt_of(text: &str) -> Option<u32> {
    let pod = StaticPod::parse(text.as_bytes()).ok()?;
    pod.annotations.get(ATTEMPT_ANNOTATION)?.value.parse().ok()
}

/// True when `text` is a pod that is named `etcd` or runs etcd.
pub fn holds_etcd_pod(text: &str) -> bool {
    StaticPod::parse(text.as_bytes()).is_ok_and(|pod| {
        pod.name() == "etcd"
            || pod
                .containers
                .iter()
                .any(|c| command_program(c) == Some("etcd"))
    })
}

fn check_image(config: &EtcdPodConfig) -> Result<(), RenderError> {
    let version = &config.etcd.version;
    match EtcdVersion::from_image(&config.image) {
        Some(tagged) if tagged != *version => {
            let (image, version) = (config.image.clone(), version.clone());
            Err(RenderError::ImageVersion {
                image,
                tagged,
                version,
            })
        }
        _ => Ok(()),
    }
}

fn metadata(config: &EtcdPodConfig, flags: &FlagSet) -> Yaml {
    let named = |name: &str, value: &str| (name.to_owned(), Yaml::text(value));
    let mut annotations = Vec::new();
    if let Some(attempt) = config.attempt {
        annotations.push(named(ATTEMPT_ANNOTATION, &attempt.to_string()));
    }
    let advertised = flags.value("advertise-client-urls").unwrap_or_default();
    annotations.push(named(ADVERTISE_ANNOTATION, advertised));
    let labels = vec![named("component", "etcd"), named("tier", "control-plane")];
    Yaml::Map(vec![
        ("annotations", Yaml::Named(annotations)),
        ("labels", Yaml::Named(labels)),
        ("name", Yaml::text("etcd")),
        ("namespace", Yaml::text("kube-system")),
    ])
}

fn container(config: &EtcdPodConfig, flags: &FlagSet, probes: Probes, mounts: &[Mount]) -> Yaml {
    let mut command = vec![Yaml::text("etcd")];
    command.extend(
        flags
            .iter()
            .map(|(name, value)| Yaml::text(format!("--{name}={value}"))),
    );
    let mounted = mounts.iter().map(|mount| {
        Yaml::Map(vec![
            ("mountPath", Yaml::text(&mount.path)),
            ("name", Yaml::text(&mount.name)),
        ])
    });
    let mut fields = vec![
        ("command", Yaml::List(command)),
        ("image", Yaml::text(&config.image)),
        ("imagePullPolicy", Yaml::text("IfNotPresent")),
        ("livenessProbe", probes.liveness),
        ("name", Yaml::text("etcd")),
    ];
    fields.extend(probes.ports.map(|ports| ("ports", ports)));
    fields.extend(probes.readiness.map(|probe| ("readinessProbe", probe)));
    fields.extend([
        ("resources", resources(&config.resources)),
        ("startupProbe", probes.startup),
        ("volumeMounts", Yaml::List(mounted.collect())),
    ]);
    Yaml::Map(fields)
}

fn resources(resources: &Resources) -> Yaml {
    let list = |list: &ResourceList, cpu: Option<&str>, memory: Option<&str>| {
        let cpu = list
            .cpu
            .as_deref()
            .or(cpu)
            .map(|cpu| ("cpu", Yaml::text(cpu)));
        let memory = list
            .memory
            .as_deref()
            .or(memory)
            .map(|m| ("memory", Yaml::text(m)));
        cpu.into_iter().chain(memory).collect::<Vec<_>>()
    };
    let limits = list(&resources.limits, None, None);
    let requests = list(&resources.requests, Some("100m"), Some("100Mi"));
    let mut fields = Vec::new();
    if !limits.is_empty() {
        fields.push(("limits", Yaml::Map(limits)));
    }
    fields.push(("requests", Yaml::Map(requests)));
    Yaml::Map(fields)
}

fn spec(container: Yaml, mounts: &[Mount]) -> Yaml {
    let mut sorted: Vec<&Mount> = mounts.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let volumes = sorted.into_iter().map(|mount| {
        let host_path = Yaml::Map(vec![
            ("path", Yaml::text(&mount.path)),
            ("type", Yaml::text("DirectoryOrCreate")),
        ]);
        Yaml::Map(vec![
            ("hostPath", host_path),
            ("name", Yaml::text(&mount.name)),
        ])
    });
    let seccomp = Yaml::Map(vec![("type", Yaml::text("RuntimeDefault"))]);
    Yaml::Map(vec![
        ("containers", Yaml::List(vec![container])),
        ("hostNetwork", Yaml::Bool(true)),
        ("priority", Yaml::Int(NODE_CRITICAL)),
        ("priorityClassName", Yaml::text("system-node-critical")),
        (
            "securityContext",
            Yaml::Map(vec![("seccompProfile", seccomp)]),
        ),
        ("volumes", Yaml::List(volumes.collect())),
    ])
}
