//! The facts that `member add` decides on.

use crate::cluster::{ClusterView, Consistency};
use crate::model::{EtcdVersion, NodeName};
use crate::node::{Account, DataDirState};
use crate::ops::host_certificates::PairState;
use crate::pki::{CertificateKind, TemplateSet};

/// Everything that was looked at.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The living cluster.
    pub view: ClusterView,
    /// Whether its members hold the same data.
    pub consistency: Result<Consistency, String>,
    /// The cluster's lowest server release.
    pub version: Option<EtcdVersion>,
    /// Seconds by which each member's clock is ahead of ours, where it could be read. The
    /// resolution is one second.
    pub clocks: Vec<(String, i64)>,
    /// The subject of the CA that signs, or why none can.
    pub ca: Result<String, String>,
    /// What certificates are made from.
    pub templates: TemplateSet,
    /// The hosts that join.
    pub targets: Vec<ObservedTarget>,
}

/// A host that is to join.
#[derive(Clone, Debug)]
pub struct ObservedTarget {
    /// Its name.
    pub name: NodeName,
    /// What its data directory holds.
    pub data_dir: DataDirState,
    /// The manifest, or the unit, that stands where ours will be.
    pub manifest: Option<String>,
    /// What a member under systemd needs there; none for a static pod.
    pub service: Option<ObservedService>,
    /// The highest number of an attempt to start this member whose manifest was taken away again; 0
    /// where there was none.
    pub earlier_attempts: u32,
    /// Other files in the manifest directory that hold an etcd pod.
    pub other_etcd_manifests: Vec<String>,
    /// What answers on the ports the member will use.
    pub ports: Vec<(u16, PortState)>,
    /// Free bytes where the data directory will be.
    pub free_bytes: u64,
    /// The certificates found, by kind.
    pub certificates: Vec<(CertificateKind, PairState)>,
    /// The CA's certificate on the host.
    pub ca_file: CaFileState,
}

/// What a member under systemd finds on its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedService {
    /// The environment file that stands where ours will be.
    pub environment: Option<String>,
    /// Whether etcd is installed.
    pub binary_is_there: bool,
    /// The account that runs it.
    pub account: Option<Account>,
}

/// What a TCP connection to a port meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortState {
    /// Refused: the host is there, nothing listens.
    Free,
    /// Something accepts connections.
    InUse,
    /// Neither an answer nor a refusal.
    Unreachable(String),
}

/// The CA's certificate on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaFileState {
    /// There is none.
    Missing,
    /// It holds the CA that the cluster trusts.
    Trusted,
    /// It holds another, or none.
    Foreign,
}
