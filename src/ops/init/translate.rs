//! From what the manifests say to a cluster file. Pure.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::etcd_pod::EtcdPodFacts;
use crate::manifest::flags::{Flags, Program};
use crate::manifest::pod::StaticPod;
use crate::model::{
    CaFiles, ClusterSpec, EtcdSpec, MemberSpec, NodeName, PkiLayout, PkiSpec, ResourceList,
    Resources, Topology,
};

/// kubeadm's name for a cluster.
const DEFAULT_NAME: &str = "kubernetes";

/// etcd's own default, which says nothing about the cluster.
const DEFAULT_TOKEN: &str = "etcd-cluster";

/// A cluster, and what a person should know about how it came about.
pub(super) struct Translation {
    pub(super) spec: ClusterSpec,
    pub(super) notes: Vec<String>,
}

/// The cluster that a host's manifests describe.
pub(super) fn cluster(facts: &EtcdPodFacts, apiserver: Option<&StaticPod>) -> Translation {
    let mut notes = facts.notes.clone();
    let topology = match apiserver {
        Some(_) => Topology::Stacked,
        None => Topology::External,
    };
    if apiserver.is_none() {
        notes.push(
            "no kube-apiserver runs on this host: read as external where --topology is not given"
                .to_owned(),
        );
    }
    let mut spec = ClusterSpec::new(DEFAULT_NAME, topology, etcd(facts));
    let mut own = MemberSpec::new(facts.name.clone(), facts.address, topology);
    own.extra_addresses.clone_from(&facts.extra_addresses);
    let member =
        |(name, address): &(NodeName, IpAddr)| MemberSpec::new(name.clone(), *address, topology);
    spec.members.extend(facts.before.iter().map(member));
    spec.members.push(own);
    spec.members.extend(facts.behind.iter().map(member));
    spec.pki = pki(facts, &mut notes);
    if let Some(port) = apiserver.and_then(secure_port) {
        spec.apiserver.port = port;
    }
    Translation { spec, notes }
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

fn secure_port(pod: &StaticPod) -> Option<u16> {
    let container = Program::Apiserver.container(pod)?;
    let flags = Flags::of(container, Program::Apiserver.dialect());
    flags.value("secure-port")?.parse().ok()
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
