//! Nouns that every other folder shares: ids, URLs, node names, versions and the cluster file.
//!
//! Nothing here does I/O and nothing here uses another folder of ours.

mod duration;
mod endpoint;
mod hex;
mod ids;
mod key_algorithm;
mod kubernetes_version;
mod metrics;
mod node_name;
mod size;
mod snapshot_place;
mod spec;
mod subnets;
mod urls;
mod version;
mod virtual_service;

pub use duration::{DurationError, parse_duration};
pub use endpoint::{Endpoint, EndpointError};
pub use hex::hex;
pub use ids::{ClusterId, MemberId, Revision};
pub use key_algorithm::{KeyAlgorithm, KeyAlgorithmError};
pub use kubernetes_version::{KubernetesVersion, KubernetesVersionError};
pub use metrics::{Metric, MetricKind, Readings, render as render_metrics};
pub use node_name::{NodeName, NodeNameError};
pub use size::bytes;
pub use snapshot_place::{ObjectPlace, PlaceError, SnapshotPlace};
pub use spec::{
    ApiserverSpec, CaFiles, Checked, CheckedFrontend, ClusterSpec, DEFAULT_VIP, DEFAULT_VIP6,
    EtcdSpec, ExtraArg, Frontend, FrontendSpec, KubernetesSpec, MemberSpec, Mistake,
    NetworkingSpec, PkiLayout, PkiSpec, Position, Probe, ProbeTrust, ProxyMode, ResourceList,
    Resources, Role, ServiceSpec, Severity, SpecError, SshSpec, Topology,
};
pub use subnets::{Subnets, SubnetsError};
pub use urls::{ApiserverUrl, ClientUrl, EtcdUrl, Host, PeerUrl, Scheme, UrlError};
pub use version::{EtcdVersion, VersionError};
pub use virtual_service::{
    Forward, Persistence, PlaneChoice, RealServer, Scheduler, SchedulerFlags, ServiceKey, Settings,
    VirtualService,
};
