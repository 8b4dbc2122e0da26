//! The cluster file `etcdha.yaml`: what the operator declares.
//!
//! Invariant: every field has its default here, so that the rest of the program never meets an absent
//! value that means something; and a file is either understood wholly or refused with every mistake.

mod check;
mod check_frontend;
mod check_kubernetes;
mod check_members;
mod cluster;
mod etcd;
mod frontend;
mod frontend_file;
mod kubernetes;
mod mistake;
mod node;
mod parse;
mod parse_frontend;
mod parse_kubernetes;
mod pki;
mod quantity;
mod reader;
mod render;
mod render_frontend;
mod render_kubernetes;
mod schema;
#[cfg(test)]
mod tests;

pub use cluster::{ClusterSpec, MemberSpec, Role, SshSpec, Topology};
pub use etcd::{EtcdSpec, ExtraArg, ResourceList, Resources, ServiceSpec};
pub use frontend::{
    CheckedFrontend, DEFAULT_VIP, DEFAULT_VIP6, Frontend, FrontendSpec, Probe, ProbeTrust,
};
pub use kubernetes::{ApiserverSpec, KubernetesSpec, NetworkingSpec, ProxyMode};
pub use mistake::{Checked, Mistake, Position, Severity, SpecError};
pub use pki::{CaFiles, PkiLayout, PkiSpec};

/// `apiVersion` of the cluster file.
pub(super) const API_VERSION: &str = "etcdha.dev/v1alpha1";
/// `kind` of the cluster file.
pub(super) const KIND: &str = "Cluster";
