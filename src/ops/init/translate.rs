//! From what the manifests say to a cluster file. Pure.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::control_plane::ControlPlaneFacts;
use super::etcd_pod::EtcdPodFacts;
use crate::model::{
    CaFiles, ClusterSpec, EtcdSpec, MemberSpec, NodeName, PkiLayout, PkiSpec, ResourceList,
    Resources, Topology,
};

/// kubeadm's name for a cluster.
pub(super) const DEFAULT_NAME: &str = "kubernetes";

/// etcd's own default, which says nothing about the cluster.
const DEFAULT_TOKEN: &str = "etcd-cluster";

/// A cluster, and what a person should know about how it came about.
pub(super) struct Translation {
    pub(super) spec: ClusterSpec,
    pub(super) notes: Vec<String>,
}

/// The cluster that a host's etcd describes; `with_control_plane` where an apiserver runs beside it.
pub(super) fn of_etcd(facts: &EtcdPodFacts, with_control_plane: bool) -> Translation {
    let mut notes = facts.notes.clone();
    let topology = match with_control_plane {
        true => Topology::Stacked,
        false => Topology::External,
    };
    let mut spec = ClusterSpec::new(DEFAULT_NAME, topology, etcd(facts));
    let mut own = MemberSpec::new(facts.name.clone(), facts.address, topology);
    own.extra_addresses.clone_from(&facts.extra_addresses);
    let member =
        |(name, address): &(NodeName, IpAddr)| MemberSpec::new(name.clone(), *address, topology);
    spec.members.extend(facts.before.iter().map(member));
    spec.members.push(own);
    spec.members.extend(facts.behind.iter().map(member));
    spec.pki = pki(facts, &mut notes);
    Translation { spec, notes }
}

/// The cluster that a control plane node without etcd describes; its etcd is nobody's yet.
pub(super) fn of_control_plane(name: &NodeName, address: IpAddr) -> ClusterSpec {
    let topology = Topology::External;
    let mut spec = ClusterSpec::new(DEFAULT_NAME, topology, EtcdSpec::default());
    spec.members
        .push(MemberSpec::new(name.clone(), address, topology));
    spec
}

/// Takes over what a control plane node says about Kubernetes. `own` are the node's addresses.
pub(super) fn add_control_plane(spec: &mut ClusterSpec, facts: &ControlPlaneFacts, own: &[IpAddr]) {
    set(&mut spec.name, facts.cluster_name.clone());
    spec.kubernetes.version.clone_from(&facts.version);
    spec.kubernetes
        .image_repository
        .clone_from(&facts.repository);
    set(
        &mut spec.networking.service_subnet,
        facts.service_subnet.clone(),
    );
    spec.networking.pod_subnet.clone_from(&facts.pod_subnet);
    set(&mut spec.networking.dns_domain, facts.dns_domain.clone());
    set(&mut spec.apiserver.port, facts.port);
    spec.apiserver.control_plane_endpoint = facts.endpoint(own);
    spec.apiserver.cert_sans.clone_from(&facts.names);
    spec.apiserver.extra_args.clone_from(&facts.extra_args);
}

fn etcd(facts: &EtcdPodFacts) -> EtcdSpec {
    let mut etcd = facts
        .version
        .clone()
        .map_or_else(EtcdSpec::default, EtcdSpec::for_version);
    set(&mut etcd.image, facts.image.clone());
    set(&mut etcd.data_dir, facts.data_dir.clone());
    set(&mut etcd.client_port, facts.client_port);
    set(&mut etcd.peer_port, facts.peer_port);
    set(&mut etcd.metrics_port, facts.metrics_port);
    set(&mut etcd.snapshot_count, facts.snapshot_count);
    etcd.quota_backend_bytes = facts.quota;
    let token = facts.cluster_token.clone();
    etcd.cluster_token = token.filter(|token| token != DEFAULT_TOKEN);
    etcd.extra_args.clone_from(&facts.extra_args);
    etcd
}

/// Which layout the host's certificates have, and where.
fn pki(facts: &EtcdPodFacts, notes: &mut Vec<String>) -> PkiSpec {
    let mut pki = PkiSpec::default();
    let Some(cert) = &facts.cert_file else {
        return pki;
    };
    let above = |path: &Path, levels: usize| path.ancestors().nth(levels).map(Path::to_owned);
    let found = if cert.ends_with("etcd/server.crt") {
        above(cert, 2).map(|dir| (PkiLayout::Kubeadm, dir))
    } else if cert.extension().is_some_and(|extension| extension == "pem") {
        above(cert, 1).map(|dir| (PkiLayout::Cfssl, dir))
    } else {
        None
    };
    if let Some((layout, dir)) = found {
        (pki.layout, pki.host_dir) = (layout, dir);
    } else {
        notes.push(format!(
            "certificates have names of their own ({}): new members get kubeadm's names below {}",
            cert.display(),
            pki.host_dir.display()
        ));
    }
    pki
}

/// The files of a CA whose certificate is known: the key lies beside it.
pub(super) fn ca_files(cert: &Path, layout: PkiLayout) -> CaFiles {
    let stem = cert.file_stem().unwrap_or_default().to_string_lossy();
    let key = match layout {
        PkiLayout::Kubeadm => format!("{stem}.key"),
        PkiLayout::Cfssl => format!("{stem}-key.pem"),
    };
    CaFiles {
        key: cert.with_file_name(key),
        cert: PathBuf::from(cert),
    }
}

#[derive(Deserialize)]
struct Pod {
    spec: PodSpec,
}

#[derive(Deserialize)]
struct PodSpec {
    containers: Vec<Container>,
}

#[derive(Deserialize)]
struct Container {
    name: String,
    #[serde(default)]
    resources: Amounts,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Amounts {
    requests: Amount,
    limits: Amount,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Amount {
    cpu: Option<String>,
    memory: Option<String>,
}

/// Requests and limits of the container named etcd; none where the manifest can't be read so.
pub(super) fn resources(manifest: &[u8]) -> Option<Resources> {
    let pod: Pod = serde_saphyr::from_slice(manifest).ok()?;
    let mut containers = pod.spec.containers.into_iter();
    let amounts = containers
        .find(|container| container.name == "etcd")?
        .resources;
    let usual = Resources::default();
    Some(Resources {
        requests: ResourceList {
            cpu: amounts.requests.cpu.or(usual.requests.cpu),
            memory: amounts.requests.memory.or(usual.requests.memory),
        },
        limits: ResourceList {
            cpu: amounts.limits.cpu,
            memory: amounts.limits.memory,
        },
    })
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
