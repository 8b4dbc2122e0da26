//! Nouns that every other folder shares: ids, URLs, node names, versions and the cluster file.
//!
//! Nothing here does I/O and nothing here uses another folder of ours.

mod duration;
mod ids;
mod key_algorithm;
mod node_name;
mod size;
mod spec;
mod urls;
mod version;

pub use duration::{DurationError, parse_duration};
pub use ids::{ClusterId, MemberId, Revision};
pub use key_algorithm::{KeyAlgorithm, KeyAlgorithmError};
pub use node_name::{NodeName, NodeNameError};
pub use size::bytes;
pub use spec::{
    ApiserverSpec, CaFiles, Checked, ClusterSpec, EtcdSpec, ExtraArg, FrontendSpec, MemberSpec,
    Mistake, PkiLayout, PkiSpec, Position, ResourceList, Resources, Role, Severity, SpecError,
    SshSpec, Topology,
};
pub use urls::{ApiserverUrl, ClientUrl, EtcdUrl, Host, PeerUrl, Scheme, UrlError};
pub use version::{EtcdVersion, VersionError};
