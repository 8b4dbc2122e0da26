//! The model: plain values, each located.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::manifest::yaml::{NodeId, Position, Tree};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Line and column of its first character.
    pub at: Position,
    /// Its bytes in the file, quotes included.
    pub span: Range<usize>,
    pub(crate) node: NodeId,
}

impl<T> Located<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        let Self {
            value,
            at,
            span,
            node,
        } = self;
        Located {
            value: change(value),
            at,
            span,
            node,
        }
    }
}

/// One static pod.
#[derive(Clone, Debug)]
pub struct StaticPod {
    pub(crate) tree: Tree,
    /// `metadata.name`.
    pub name: Option<Located<String>>,
    /// `metadata.namespace`.
    pub namespace: Option<Located<String>>,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, Located<String>>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, Located<String>>,
    /// `spec.hostNetwork`.
    pub host_network: Option<Located<bool>>,
    /// `spec.priorityClassName`.
    pub priority_class_name: Option<Located<String>>,
    /// `spec.containers`, at least one.
    pub containers: Vec<Container>,
    /// `spec.volumes`.
    pub volumes: Vec<Volume>,
    /// Where `spec` starts.
    pub spec_at: Position,
}

/// One container.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its name.
    pub name: Located<String>,
    /// Its image.
    pub image: Option<Located<String>>,
    /// `command`: replaces the image's entry point.
    pub command: Vec<Located<String>>,
    /// `args`: follows the command or the image's entry point.
    pub args: Vec<Located<String>>,
    /// Environment variables.
    pub env: Vec<EnvVar>,
    /// `envFrom` is there: variables come from elsewhere too.
    pub env_from: bool,
    /// `volumeMounts`.
    pub mounts: Vec<VolumeMount>,
    /// `ports`.
    pub ports: Vec<ContainerPort>,
    /// Kills the container when it fails.
    pub liveness: Option<Probe>,
    /// Takes the pod out of services when it fails.
    pub readiness: Option<Probe>,
    /// Holds the others back until it succeeds once, and kills the container when it does not.
    pub startup: Option<Probe>,
    /// Where the container starts.
    pub at: Position,
    pub(crate) node: NodeId,
}

/// An environment variable.
#[derive(Clone, Debug)]
pub struct EnvVar {
    /// Its name.
    pub name: Located<String>,
    /// Its value, where it is given in the manifest and not taken from elsewhere (`valueFrom`).
    pub value: Option<Located<String>>,
}

/// A named port of a container.
#[derive(Clone, Debug)]
pub struct ContainerPort {
    /// Its name, which probes may use.
    pub name: Option<Located<String>>,
    /// Its number.
    pub number: Located<u16>,
}

/// Where a volume appears in a container.
#[derive(Clone, Debug)]
pub struct VolumeMount {
    /// The volume's name.
    pub name: Located<String>,
    /// Path inside the container.
    pub mount_path: Located<String>,
    /// Path inside the volume.
    pub sub_path: Option<Located<String>>,
    /// True when the container can't write to it.
    pub read_only: bool,
}

/// A volume of the pod.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Its name.
    pub name: Located<String>,
    /// What it is.
    pub source: VolumeSource,
}

/// Where a volume's files come from.
#[derive(Clone, Debug)]
pub enum VolumeSource {
    /// A path of the host.
    HostPath {
        /// The path.
        path: Located<String>,
        /// `DirectoryOrCreate`, `File`, …
        kind: Option<Located<String>>,
    },
    /// Anything else, by its key, such as `emptyDir`.
    Other(String),
}

/// A probe of the kubelet.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What it does.
    pub action: ProbeAction,
    /// Failures in a row that count as one; the kubelet's default is 3.
    pub failure_threshold: u32,
    /// Seconds between probes; the default is 10.
    pub period_seconds: u32,
    /// Where the probe starts.
    pub at: Position,
}

/// What a probe does.
#[derive(Clone, Debug)]
pub enum ProbeAction {
    /// An HTTP request.
    HttpGet(HttpGet),
    /// A TCP connection.
    TcpSocket,
    /// A command inside the container.
    Exec(Vec<String>),
    /// Something else, or nothing.
    Other,
}

/// An HTTP request of a probe.
#[derive(Clone, Debug)]
pub struct HttpGet {
    /// The address; the pod's own when absent.
    pub host: Option<Located<String>>,
    /// The path with its query.
    pub path: Located<String>,
    /// The port.
    pub port: Located<ProbePort>,
    /// True for HTTPS.
    pub https: bool,
}

/// A port by number or by the name a container port has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbePort {
    /// A number.
    Number(u16),
    /// A name.
    Name(String),
}

impl StaticPod {
    /// The volume of that name.
    pub fn volume(&self, name: &str) -> Option<&Volume> {
        self.volumes.iter().find(|volume| volume.name.value == name)
    }

    /// The pod's name, `""` when it has none.
    pub fn name(&self) -> &str {
        self.name.as_ref().map_or("", |name| name.value.as_str())
    }

    /// The text the pod was read from.
    pub fn text(&self) -> &str {
        self.tree.text()
    }
}

impl Container {
    /// The number a probe's port stands for.
    pub fn port_number(&self, port: &ProbePort) -> Option<u16> {
        match port {
            ProbePort::Number(number) => Some(*number),
            ProbePort::Name(wanted) => self
                .ports
                .iter()
                .find(|port| port.name.as_ref().is_some_and(|name| name.value == *wanted))
                .map(|port| port.number.value),
        }
    }
}
