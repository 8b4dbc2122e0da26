//! The cluster as a whole: its name, its members and where they live.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::etcd::EtcdSpec;
use super::frontend::FrontendSpec;
use super::kubernetes::{ApiserverSpec, KubernetesSpec, NetworkingSpec};
use super::pki::PkiSpec;
use super::{API_VERSION, KIND};
use crate::model::{ClientUrl, Endpoint, Host, NodeName, PeerUrl};

/// The cluster as the operator declares it.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct ClusterSpec {
    /// Name of the cluster; shown, and the default cluster token of a new one.
    pub name: String,
    /// Where the etcd members live.
    #[schemars(default)]
    pub topology: Topology,
    /// What every etcd member shares.
    pub etcd: EtcdSpec,
    /// The nodes.
    pub members: Vec<MemberSpec>,
    /// Certificates: where they are made and how they look.
    #[schemars(default)]
    pub pki: PkiSpec,
    /// The release of Kubernetes and how kubeadm sets it up.
    #[schemars(default)]
    pub kubernetes: KubernetesSpec,
    /// The networks inside the cluster.
    #[schemars(default)]
    pub networking: NetworkingSpec,
    /// The apiservers in front of this etcd.
    #[schemars(default)]
    pub apiserver: ApiserverSpec,
    /// The virtual address in front of the apiservers.
    #[schemars(default)]
    pub frontend: FrontendSpec,
    /// How to reach the hosts.
    #[schemars(default)]
    pub ssh: SshSpec,
}

/// A cluster with the head of a cluster file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    spec: &'a ClusterSpec,
}

/// Where the etcd members live.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Topology {
    /// One member on each control plane node, as a static pod.
    #[default]
    Stacked,
    /// Members on hosts of their own, as systemd units.
    External,
}

impl Topology {
    /// Both, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::Stacked, Self::External];

    /// The name in files and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stacked => "stacked",
            Self::External => "external",
        }
    }

    /// What runs on a node whose roles are not declared.
    pub fn default_roles(self) -> BTreeSet<Role> {
        match self {
            Self::Stacked => BTreeSet::from([Role::Etcd, Role::ControlPlane]),
            Self::External => BTreeSet::from([Role::Etcd]),
        }
    }
}

/// One node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct MemberSpec {
    /// Name of the node and of its member.
    #[schemars(with = "String", regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"))]
    pub name: NodeName,
    /// The address it advertises.
    pub address: IpAddr,
    /// Further addresses of the same host, for instance of the other address family.
    #[schemars(default)]
    pub extra_addresses: Vec<IpAddr>,
    /// Further DNS names of the same host.
    #[schemars(default)]
    pub extra_names: Vec<String>,
    /// What runs on it. Left out: etcd and control-plane when stacked, etcd when external.
    #[schemars(with = "Option<BTreeSet<Role>>")]
    pub roles: BTreeSet<Role>,
    /// Where its etcd lives, if not where the cluster's members do. Such a member is on its way out:
    /// etcd moves to members of the cluster's topology, and apiservers are pointed at those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topology: Option<Topology>,
    /// Where this host's root directory is mounted here; none means the host etcdha runs on.
    /// Relative to the cluster file.
    pub root: Option<PathBuf>,
}

/// What runs on a node.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// An etcd member.
    Etcd,
    /// kube-apiserver, controller manager and scheduler.
    ControlPlane,
}

impl Role {
    /// Both, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::Etcd, Self::ControlPlane];

    /// The name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ControlPlane => "control-plane",
        }
    }
}

/// How to reach the hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct SshSpec {
    /// The user to log in as.
    pub user: Option<String>,
}

impl ClusterSpec {
    /// A cluster of that name without members, everything else at its default.
    pub fn new(name: impl Into<String>, topology: Topology, etcd: EtcdSpec) -> Self {
        Self {
            name: name.into(),
            topology,
            etcd,
            members: Vec::new(),
            pki: PkiSpec::default(),
            kubernetes: KubernetesSpec::default(),
            networking: NetworkingSpec::default(),
            apiserver: ApiserverSpec::default(),
            frontend: FrontendSpec::default(),
            ssh: SshSpec::default(),
        }
    }

    /// The cluster as a whole cluster file, to be serialized.
    pub fn document(&self) -> impl Serialize {
        Document {
            api_version: API_VERSION,
            kind: KIND,
            spec: self,
        }
    }

    /// The member of that name.
    pub fn member(&self, name: &NodeName) -> Option<&MemberSpec> {
        self.members.iter().find(|member| &member.name == name)
    }

    /// The nodes that carry an etcd member, in the file's order.
    pub fn etcd_members(&self) -> impl Iterator<Item = &MemberSpec> {
        self.members
            .iter()
            .filter(|member| member.roles.contains(&Role::Etcd))
    }

    /// Where a member's etcd lives: as its host or the whole cluster declares.
    pub fn topology_of(&self, member: &MemberSpec) -> Topology {
        member.topology.unwrap_or(self.topology)
    }

    /// True for an etcd member that lives elsewhere than the cluster's topology wants.
    pub fn is_leaving(&self, member: &MemberSpec) -> bool {
        member.roles.contains(&Role::Etcd) && self.topology_of(member) != self.topology
    }

    /// The etcd members that stay, in the file's order.
    pub fn staying_members(&self) -> impl Iterator<Item = &MemberSpec> {
        self.etcd_members()
            .filter(|member| !self.is_leaving(member))
    }

    /// The etcd members on their way out, in the file's order.
    pub fn leaving_members(&self) -> impl Iterator<Item = &MemberSpec> {
        self.etcd_members().filter(|member| self.is_leaving(member))
    }

    /// The nodes that carry a control plane, in the file's order.
    pub fn control_planes(&self) -> impl Iterator<Item = &MemberSpec> {
        self.members
            .iter()
            .filter(|member| member.roles.contains(&Role::ControlPlane))
    }

    /// The one address under which every node reaches an apiserver.
    pub fn control_plane_endpoint(&self) -> Option<Endpoint> {
        self.apiserver.endpoint(self.frontend.vip)
    }

    /// The URL under which clients reach `member`.
    pub fn client_url(&self, member: &MemberSpec) -> ClientUrl {
        ClientUrl::https(Host::Ip(member.address), self.etcd.client_port)
    }

    /// The URL under which members reach `member`.
    pub fn peer_url(&self, member: &MemberSpec) -> PeerUrl {
        PeerUrl::https(Host::Ip(member.address), self.etcd.peer_port)
    }

    /// Makes relative paths of this machine start at `base`, the directory of the cluster file.
    pub fn resolve_paths(&mut self, base: &Path) {
        let ca = self.pki.ca.iter_mut();
        let ca = ca.flat_map(|ca| [&mut ca.cert, &mut ca.key]);
        let roots = self.members.iter_mut().filter_map(|m| m.root.as_mut());
        let templates = self.pki.templates.as_mut();
        for path in [&mut self.pki.dir]
            .into_iter()
            .chain(ca)
            .chain(roots)
            .chain(templates)
        {
            *path = base.join(path.strip_prefix(".").unwrap_or(path));
        }
    }
}

impl MemberSpec {
    /// A member with the roles that `topology` gives it, and nothing else declared.
    pub fn new(name: NodeName, address: IpAddr, topology: Topology) -> Self {
        Self {
            name,
            address,
            extra_addresses: Vec::new(),
            extra_names: Vec::new(),
            roles: topology.default_roles(),
            topology: None,
            root: None,
        }
    }

    /// The host's root directory as seen from here: `/` for this host.
    pub fn root(&self) -> &Path {
        self.root.as_deref().unwrap_or(Path::new("/"))
    }

    /// Every address of the host, the advertised one first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        std::iter::once(self.address).chain(self.extra_addresses.iter().copied())
    }
}
