//! Kubernetes around this etcd: what kubeadm's files say beside etcd.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::etcd::ExtraArg;
use crate::model::{Endpoint, Host, KubernetesVersion, Subnets};

/// Port of kube-apiserver that kubeadm sets.
pub(super) const APISERVER_PORT: u16 = 6443;

/// kubeadm's network of services.
const SERVICE_SUBNET: &str = "10.96.0.0/12";

/// The apiservers in front of this etcd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, default)]
pub struct ApiserverSpec {
    /// Port each of them listens on.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// The one address under which every node reaches an apiserver, `HOST:PORT`: kubeadm's
    /// controlPlaneEndpoint. Left out: frontend.vip with the apiservers' port.
    #[schemars(with = "Option<String>")]
    pub control_plane_endpoint: Option<Endpoint>,
    /// DNS names and addresses in the apiservers' certificate beyond the control plane nodes' own,
    /// the virtual address and the endpoint.
    #[serde(rename = "certSANs")]
    pub cert_sans: Vec<String>,
    /// More flags of kube-apiserver, in order; one of the same name overrides kubeadm's.
    pub extra_args: Vec<ExtraArg>,
}

impl Default for ApiserverSpec {
    fn default() -> Self {
        Self {
            port: APISERVER_PORT,
            control_plane_endpoint: None,
            cert_sans: Vec::new(),
            extra_args: Vec::new(),
        }
    }
}

impl ApiserverSpec {
    /// The address that every node uses: the declared one, or a virtual address.
    pub fn endpoint(&self, vip: Option<IpAddr>) -> Option<Endpoint> {
        let virtual_endpoint = |ip| Endpoint {
            host: Host::Ip(ip),
            port: self.port,
        };
        let declared = self.control_plane_endpoint.clone();
        declared.or_else(|| vip.map(virtual_endpoint))
    }
}

/// The release of Kubernetes and how kubeadm sets it up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct KubernetesSpec {
    /// The release that runs, such as `v1.31.2`.
    #[schemars(
        with = "Option<String>",
        regex(pattern = r"^v?1\.[0-9]+\.[0-9]+([-+].+)?$")
    )]
    pub version: Option<KubernetesVersion>,
    /// Where the control plane's images come from. Left out: kubeadm's own registry.
    pub image_repository: Option<String>,
    /// How kube-proxy forwards to services. Left out: kube-proxy's own choice.
    pub proxy_mode: Option<ProxyMode>,
}

/// How kube-proxy forwards to services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyMode {
    /// Packet filter rules.
    Iptables,
    /// The kernel's load balancer.
    Ipvs,
    /// nftables, from Kubernetes 1.29 on.
    Nftables,
}

impl ProxyMode {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Iptables, Self::Ipvs, Self::Nftables];

    /// The name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Iptables => "iptables",
            Self::Ipvs => "ipvs",
            Self::Nftables => "nftables",
        }
    }
}

/// The networks inside the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, default)]
pub struct NetworkingSpec {
    /// Addresses of services: one network, or one of each family behind a comma.
    #[schemars(with = "String")]
    pub service_subnet: Subnets,
    /// Addresses of pods, where the controller manager hands them out to nodes.
    #[schemars(with = "Option<String>")]
    pub pod_subnet: Option<Subnets>,
    /// The domain of services' names.
    pub dns_domain: String,
}

impl Default for NetworkingSpec {
    fn default() -> Self {
        Self {
            // A constant that is a network.
            service_subnet: SERVICE_SUBNET
                .parse()
                .unwrap_or_else(|_| unreachable!("{SERVICE_SUBNET} is a network")),
            pod_subnet: None,
            dns_domain: "cluster.local".to_owned(),
        }
    }
}
