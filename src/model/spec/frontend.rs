//! The front end: what the cluster file says about it, and what one node runs.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::cluster::ClusterSpec;
use super::mistake::Mistake;
use crate::model::{
    Forward, Host, PlaneChoice, RealServer, Scheduler, ServiceKey, Settings, Subnets,
    VirtualService,
};

/// The virtual address that is offered. Link-local (RFC 3927): no router carries it, and no network of
/// services, pods or nodes lies there. It keeps clear of what else does: the lower half (OVN-Kubernetes masks its
/// traffic with 169.254.0.0/17, Calico's gateway is 169.254.1.1, the DNS caches of Kubernetes and kubespray are at
/// 169.254.20.10 and 169.254.25.10), and 169.254.160.0/19 (the clouds' metadata services and what belongs to them).
pub const DEFAULT_VIP: Ipv4Addr = Ipv4Addr::new(169, 254, 247, 1);
/// The same for IPv6: a unique local network (RFC 4193) whose number spells etcdha.
pub const DEFAULT_VIP6: Ipv6Addr = Ipv6Addr::new(0xfd65, 0x7463, 0x6468, 0x6100, 0, 0, 0, 1);

/// The virtual address in front of the apiservers, as the cluster file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, default)]
pub struct FrontendSpec {
    /// The virtual address.
    pub vip: Option<IpAddr>,
    /// A virtual address of the other family, where the cluster has two.
    pub second_vip: Option<IpAddr>,
    /// The virtual port. Left out: the apiservers' own.
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Which part of the kernel balances.
    pub plane: PlaneChoice,
    /// How connections are handed out; nftables knows round robin and, for all others, chance.
    pub scheduler: Scheduler,
    /// Whether nodes also balance what others send through them.
    pub serve_remote: bool,
}

/// What a node's front end balances and how it looks after the servers: the file of kind `Frontend`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontend {
    /// Which part of the kernel balances.
    pub plane: PlaneChoice,
    /// Virtual services with all their servers.
    pub services: BTreeMap<ServiceKey, VirtualService>,
    /// How servers are asked for their health.
    pub probe: Probe,
    /// How long a server that is not ready keeps its connections.
    pub drain: Duration,
    /// True to refuse connections when no server is usable, rather than to try all of them.
    pub fail_closed: bool,
    /// True to balance what others send through this node as well.
    pub serve_remote: bool,
    /// Networks of services and pods, where no virtual address may be.
    pub networks: Vec<Subnets>,
}

/// How servers are asked for their health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What is asked for.
    pub path: String,
    /// Time between two questions.
    pub interval: Duration,
    /// Longest wait for connection, handshake and answer together.
    pub timeout: Duration,
    /// Failures in a row after which a server is bad.
    pub fall: u32,
    /// Status codes that are good beside 200 to 399.
    pub accept: Vec<u16>,
    /// How the server proves who it is, and who we are.
    pub trust: ProbeTrust,
}

/// How a probed server proves who it is, and who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeTrust {
    /// CA certificates that vouch for the servers.
    pub ca: PathBuf,
    /// The name or address that their certificates carry. Left out: each server's own address.
    pub server_name: Option<Host>,
    /// Certificate and key to show, where anonymous requests are refused.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// True to believe any certificate.
    pub insecure: bool,
}

/// A front end that is fit for use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedFrontend {
    /// What was declared, defaults filled in.
    pub frontend: Frontend,
    /// What should be looked at.
    pub warnings: Vec<Mistake>,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            path: "/readyz".to_owned(),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            fall: 2,
            accept: Vec::new(),
            trust: ProbeTrust::default(),
        }
    }
}

impl Default for ProbeTrust {
    fn default() -> Self {
        Self {
            ca: PathBuf::from("/etc/kubernetes/pki/ca.crt"),
            server_name: None,
            identity: None,
            insecure: false,
        }
    }
}

impl Default for Frontend {
    fn default() -> Self {
        Self {
            plane: PlaneChoice::default(),
            services: BTreeMap::new(),
            probe: Probe::default(),
            drain: Duration::from_secs(60),
            fail_closed: false,
            serve_remote: false,
            networks: Vec::new(),
        }
    }
}

impl ClusterSpec {
    /// What every node's front end balances; empty without a virtual address or a control plane.
    pub fn node_frontend(&self) -> Frontend {
        let spec = &self.frontend;
        let vips = spec.vip.into_iter().chain(spec.second_vip);
        let services = vips.map(|vip| {
            let port = spec.port.unwrap_or(self.apiserver.port);
            let key = ServiceKey { vip, port };
            (key, self.balanced(key))
        });
        let services = services.filter(|(_, service)| !service.servers.is_empty());
        let networking = &self.networking;
        let networks = [
            Some(&networking.service_subnet),
            networking.pod_subnet.as_ref(),
        ];
        let endpoint = self.apiserver.control_plane_endpoint.as_ref();
        let mut frontend = Frontend {
            plane: spec.plane,
            services: services.collect(),
            serve_remote: spec.serve_remote,
            networks: networks.into_iter().flatten().cloned().collect(),
            ..Frontend::default()
        };
        // Every apiserver's certificate carries the endpoint.
        frontend.probe.trust.server_name = endpoint.map(|endpoint| endpoint.host.clone());
        frontend
    }

    /// A virtual address balances over the control planes' addresses of its family.
    fn balanced(&self, key: ServiceKey) -> VirtualService {
        let server = RealServer {
            weight: 1,
            forward: Forward::Masquerade,
        };
        let addresses = self.control_planes().filter_map(|node| {
            let mut addresses = node.addresses();
            addresses.find(|ip| ip.is_ipv4() == key.vip.is_ipv4())
        });
        let servers = addresses.map(|ip| (SocketAddr::new(ip, self.apiserver.port), server));
        VirtualService {
            key,
            settings: Settings {
                scheduler: self.frontend.scheduler,
                ..Settings::default()
            },
            servers: servers.collect(),
        }
    }
}
