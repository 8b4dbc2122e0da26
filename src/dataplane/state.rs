//! What the kernel holds, as both planes tell it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::model::{Forward, RealServer, ServiceKey, Settings};

/// What the kernel holds of what concerns us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelState {
    /// Virtual services.
    pub services: BTreeMap<ServiceKey, KernelService>,
    /// Routes in the table `local` to the addresses we asked about.
    pub routes: BTreeMap<IpAddr, VipRoute>,
    /// Kernel settings we asked about, by name; one that the kernel does not know is absent.
    pub sysctls: BTreeMap<String, String>,
    /// Services whose traffic through this node gets this node's address as its source.
    pub remote: BTreeSet<ServiceKey>,
}

/// A virtual service in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelService {
    /// How it balances; none when somebody set it up in a way that a [`Settings`] does not hold.
    pub settings: Option<Settings>,
    /// Its real servers.
    pub servers: BTreeMap<SocketAddr, KernelServer>,
    /// What went through it.
    pub counters: Counters,
}

/// A real server in the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelServer {
    /// Its share of new connections.
    pub weight: u32,
    /// How packets get to it; none for a way that we do not use, or with limits that we do not set.
    pub forward: Option<Forward>,
    /// Connections that are established.
    pub active: u32,
    /// Connections that are opening or closing.
    pub inactive: u32,
    /// What went through it.
    pub counters: Counters,
}

/// What went through since it was set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections.
    pub connections: u64,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Bytes to clients.
    pub bytes_out: u64,
}

/// A route in the table `local`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VipRoute {
    /// The source address that connections of this node get.
    pub source: Option<IpAddr>,
    /// Who made it.
    pub owner: RouteOwner,
}

/// Who made a route in the table `local`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteOwner {
    /// We did, on the loopback link.
    Us,
    /// The kernel: the address is one of this node's, on that link.
    Address(String),
    /// Somebody else, on that link.
    Other(String),
}

impl KernelServer {
    /// A server just set up.
    pub fn new(server: RealServer) -> Self {
        Self {
            weight: server.weight,
            forward: Some(server.forward),
            ..Self::default()
        }
    }

    /// True when it is what is wanted.
    pub fn is(&self, server: RealServer) -> bool {
        self.weight == server.weight && self.forward == Some(server.forward)
    }
}

impl KernelService {
    /// True when a new connection finds a server.
    pub fn is_usable(&self) -> bool {
        self.servers.values().any(|server| server.weight > 0)
    }
}
