//! What a member is rendered from.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::model::{EtcdVersion, ExtraArg, NodeName, PeerUrl, Resources};

/// How one etcd member runs, whatever starts it.
#[derive(Clone, Debug)]
pub struct EtcdConfig {
    /// Name of the node and of its member.
    pub name: NodeName,
    /// The address it advertises to clients and peers.
    pub advertise_address: IpAddr,
    /// Further addresses to listen on, for instance of the other address family.
    pub extra_listen_addresses: Vec<IpAddr>,
    /// The server's release: decides flags and probes.
    pub version: EtcdVersion,
    /// Data directory on the host.
    pub data_dir: PathBuf,
    /// Certificates and keys on the host.
    pub pki: EtcdPkiPaths,
    /// Ports.
    pub ports: EtcdPorts,
    /// Every member with one of its peer URLs, this one included; a member with several URLs
    /// stands several times. A member without a name stands under its id in hex.
    pub initial_cluster: Vec<(String, PeerUrl)>,
    /// Whether this start makes a cluster or joins one.
    pub state: ClusterState,
    /// `--initial-cluster-token`; etcd's own default when absent.
    pub cluster_token: Option<String>,
    /// `--quota-backend-bytes`; etcd's own default (2 GiB) when absent.
    pub quota_backend_bytes: Option<u64>,
    /// `--snapshot-count`.
    pub snapshot_count: u64,
    /// More flags: one that etcdha sets itself is overridden, and a name may stand several times.
    pub extra_args: Vec<ExtraArg>,
}

/// An etcd member as a static pod.
#[derive(Clone, Debug)]
pub struct EtcdPodConfig {
    /// The member.
    pub etcd: EtcdConfig,
    /// The image.
    pub image: String,
    /// Requests and limits; a request left out is kubeadm's (100m, 100Mi).
    pub resources: Resources,
    /// Number of the attempt to start this member, where an earlier one failed. The kubelet makes a
    /// static pod's UID from its manifest and keeps the crash back-off per UID: a text that differs
    /// starts at once instead of up to five minutes later.
    pub attempt: Option<u32>,
}

/// `--initial-cluster-state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterState {
    /// The members listed make a new cluster.
    New,
    /// The cluster runs; this member has been added to it.
    Existing,
}

/// Certificate and key files as absolute paths on the host; the pod sees them at the same paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdPkiPaths {
    /// `--cert-file`.
    pub server_cert: PathBuf,
    /// `--key-file`.
    pub server_key: PathBuf,
    /// `--trusted-ca-file`.
    pub trusted_ca: PathBuf,
    /// `--peer-cert-file`.
    pub peer_cert: PathBuf,
    /// `--peer-key-file`.
    pub peer_key: PathBuf,
    /// `--peer-trusted-ca-file`.
    pub peer_trusted_ca: PathBuf,
}

/// The ports of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EtcdPorts {
    /// Clients.
    pub client: u16,
    /// Peers.
    pub peer: u16,
    /// Metrics and health on loopback, without TLS.
    pub metrics: u16,
}

impl Default for EtcdPorts {
    fn default() -> Self {
        Self {
            client: 2379,
            peer: 2380,
            metrics: 2381,
        }
    }
}

/// Why a member can't be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A path is relative or holds what a flag can't carry.
    #[error("--{flag}: {found:?} is no absolute path of printable characters")]
    Path {
        /// The flag.
        flag: String,
        /// The path.
        found: String,
    },
    /// The member is not among the initial cluster.
    #[error("--initial-cluster does not list {name}={url}; found {found:?}")]
    NotListed {
        /// The member.
        name: NodeName,
        /// Its peer URL.
        url: String,
        /// The list.
        found: String,
    },
    /// Two members have one URL.
    #[error("--initial-cluster lists {url} twice, for {first} and {second}")]
    DuplicateUrl {
        /// The URL.
        url: String,
        /// The first member.
        first: String,
        /// The second.
        second: String,
    },
    /// A member joins a cluster that has no other.
    #[error("{name} joins an existing cluster but --initial-cluster lists no other member")]
    ExistingAlone {
        /// The member.
        name: NodeName,
    },
    /// An extra argument that etcd would refuse, or that would end its flags.
    #[error("--{name} is no flag of etcd {version}{hint}")]
    UnknownFlag {
        /// The name.
        name: String,
        /// The release.
        version: EtcdVersion,
        /// What to write instead, if anything is near.
        hint: String,
    },
    /// A value with a line break or another control character.
    #[error("--{name}: {value:?} holds a control character")]
    Value {
        /// The flag.
        name: String,
        /// The value.
        value: String,
    },
    /// The kubelet's probes have nothing to ask.
    #[error(
        "--listen-metrics-urls={found} has no http URL: the kubelet's probes carry no client \
         certificate; expected for example http://127.0.0.1:2381"
    )]
    NoProbeUrl {
        /// The value.
        found: String,
    },
    /// The image is of another release than the flags are for.
    #[error("image {image} is etcd {tagged}, but version is {version}")]
    ImageVersion {
        /// The image.
        image: String,
        /// The release its tag names.
        tagged: EtcdVersion,
        /// The release configured.
        version: EtcdVersion,
    },
}
