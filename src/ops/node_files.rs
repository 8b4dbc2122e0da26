//! Where a member's files are on its host, and what the cluster file says about its pod.

use std::path::{Path, PathBuf};

use crate::manifest::{
    ClusterState, EtcdConfig, EtcdPkiPaths, EtcdPodConfig, EtcdPorts, UnitConfig,
};
use crate::model::{ClusterSpec, MemberSpec, PeerUrl, Topology};
use crate::node::LocalNode;
use crate::pki::{CertificateKind, PairPaths, ca_paths, leaf_paths_of};

pub use crate::pki::kinds_for;

/// Where the kubelet looks for static pods.
pub const MANIFEST_DIR: &str = "/etc/kubernetes/manifests";

/// Mode of manifests, as kubeadm writes them.
pub const MANIFEST_MODE: u32 = 0o600;

/// Mode of unit files, as packages install them.
pub const UNIT_MODE: u32 = 0o644;

/// The file whose presence starts the member: its static pod, or its unit.
pub fn starter(spec: &ClusterSpec, member: &MemberSpec) -> PathBuf {
    match spec.topology_of(member) {
        Topology::Stacked => etcd_manifest(),
        Topology::External => spec.etcd.service.unit.clone(),
    }
}

/// The manifest of the etcd member.
pub fn etcd_manifest() -> PathBuf {
    Path::new(MANIFEST_DIR).join("etcd.yaml")
}

/// The node as this run reaches it.
pub fn local_node(member: &MemberSpec) -> LocalNode {
    LocalNode {
        name: member.name.clone(),
        root: member.root().to_owned(),
    }
}

/// The node of a plan's world that stands for the operator's own directories.
pub const OPERATOR: &str = "here";

/// This host, as the place where the operator's own files are.
pub fn operator_node() -> LocalNode {
    // The name is a constant that is a node name.
    let name = OPERATOR
        .parse()
        .unwrap_or_else(|_| unreachable!("{OPERATOR} is a node name"));
    LocalNode {
        name,
        root: PathBuf::from("/"),
    }
}

/// A pair below a certificate directory.
pub fn pair_in(
    directory: &Path,
    spec: &ClusterSpec,
    member: &MemberSpec,
    kind: CertificateKind,
) -> PairPaths {
    let paths = leaf_paths_of(spec, member, kind);
    PairPaths {
        cert: directory.join(paths.cert),
        key: directory.join(paths.key),
    }
}

/// The CA's certificate below a certificate directory.
pub fn ca_in(directory: &Path, spec: &ClusterSpec) -> PathBuf {
    directory.join(ca_paths(spec.pki.layout).cert)
}

/// The pod of a member, apart from what only the living cluster knows.
pub fn pod_config(
    spec: &ClusterSpec,
    member: &MemberSpec,
    initial_cluster: Vec<(String, PeerUrl)>,
    state: ClusterState,
) -> EtcdPodConfig {
    EtcdPodConfig {
        etcd: etcd_config(spec, member, initial_cluster, state),
        image: spec.etcd.image.clone(),
        resources: spec.etcd.resources.clone(),
        attempt: None,
    }
}

/// The unit of a member, apart from what only the living cluster knows.
pub fn unit_config(
    spec: &ClusterSpec,
    member: &MemberSpec,
    initial_cluster: Vec<(String, PeerUrl)>,
    state: ClusterState,
) -> UnitConfig {
    let service = &spec.etcd.service;
    UnitConfig {
        etcd: etcd_config(spec, member, initial_cluster, state),
        binary: service.binary.clone(),
        user: service.user.clone(),
        environment_file: service.environment_file.clone(),
    }
}

fn etcd_config(
    spec: &ClusterSpec,
    member: &MemberSpec,
    initial_cluster: Vec<(String, PeerUrl)>,
    state: ClusterState,
) -> EtcdConfig {
    let directory = &spec.pki.host_dir;
    let server = pair_in(directory, spec, member, CertificateKind::Server);
    let peer = pair_in(directory, spec, member, CertificateKind::Peer);
    let ca = ca_in(directory, spec);
    EtcdConfig {
        name: member.name.clone(),
        advertise_address: member.address,
        extra_listen_addresses: member.extra_addresses.clone(),
        version: spec.etcd.version.clone(),
        data_dir: spec.etcd.data_dir.clone(),
        pki: EtcdPkiPaths {
            server_cert: server.cert,
            server_key: server.key,
            trusted_ca: ca.clone(),
            peer_cert: peer.cert,
            peer_key: peer.key,
            peer_trusted_ca: ca,
        },
        ports: EtcdPorts {
            client: spec.etcd.client_port,
            peer: spec.etcd.peer_port,
            metrics: spec.etcd.metrics_port,
        },
        initial_cluster,
        state,
        cluster_token: spec.etcd.cluster_token.clone(),
        quota_backend_bytes: spec.etcd.quota_backend_bytes,
        snapshot_count: spec.etcd.snapshot_count,
        extra_args: spec.etcd.extra_args.clone(),
    }
}
