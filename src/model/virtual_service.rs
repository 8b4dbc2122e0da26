//! A virtual address and the real servers behind it, as the front end balances them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One virtual address and port. TCP, since that is what apiservers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// The virtual address.
    pub vip: IpAddr,
    /// The virtual port.
    pub port: u16,
}

impl fmt::Display for ServiceKey {
    /// `169.254.247.1:6443`, IPv6 in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.vip, self.port).fmt(f)
    }
}

/// A virtual service: where it is reached, how it balances and over whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualService {
    /// Where clients reach it.
    pub key: ServiceKey,
    /// How connections are handed out.
    pub settings: Settings,
    /// The real servers by address and port; one of weight 0 keeps its connections and gets no new one.
    pub servers: BTreeMap<SocketAddr, RealServer>,
}

/// How a virtual service hands out connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The rule.
    pub scheduler: Scheduler,
    /// Where a client comes back to the same server: for how long.
    pub persistence: Option<Persistence>,
    /// The two scheduler flags of the kernel: sh-fallback/mh-fallback and sh-port/mh-port.
    pub scheduler_flags: SchedulerFlags,
}

/// The two flags that the hashing schedulers read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SchedulerFlags {
    /// `sh-fallback`, `mh-fallback`: go on to another server where the chosen one has no weight.
    pub fallback: bool,
    /// `sh-port`, `mh-port`: the client's port counts too.
    pub port: bool,
}

/// How long, and for which network, a client comes back to the same server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Persistence {
    /// Whole seconds after the last connection.
    pub timeout: Duration,
}

/// One real server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RealServer {
    /// Its share of new connections; 0 gets none.
    pub weight: u32,
    /// How packets get to it.
    pub forward: Forward,
}

/// How packets get to a real server.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
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
pub enum Forward {
    /// Its address takes the place of the virtual one.
    #[default]
    Masquerade,
    /// In a tunnel; the real server must own the virtual address.
    Tunnel,
    /// Unchanged, on the link; the real server must own the virtual address.
    Route,
}

impl Forward {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Masquerade, Self::Tunnel, Self::Route];

    /// The name in files and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Masquerade => "masquerade",
            Self::Tunnel => "tunnel",
            Self::Route => "route",
        }
    }
}

/// The kernel's rules for handing out connections (ipvsadm(8), `--scheduler`).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Scheduler {
    /// Round robin.
    #[default]
    Rr,
    /// Weighted round robin.
    Wrr,
    /// Least connections.
    Lc,
    /// Weighted least connections.
    Wlc,
    /// Locality-based least connections.
    Lblc,
    /// Locality-based least connections with replication.
    Lblcr,
    /// Destination hashing.
    Dh,
    /// Source hashing.
    Sh,
    /// Maglev hashing.
    Mh,
    /// Shortest expected delay.
    Sed,
    /// Never queue.
    Nq,
    /// Weighted failover.
    Fo,
    /// Weighted overflow.
    Ovf,
    /// Power of two random choices.
    Twos,
}

impl Scheduler {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 14] = [
        Self::Rr,
        Self::Wrr,
        Self::Lc,
        Self::Wlc,
        Self::Lblc,
        Self::Lblcr,
        Self::Dh,
        Self::Sh,
        Self::Mh,
        Self::Sed,
        Self::Nq,
        Self::Fo,
        Self::Ovf,
        Self::Twos,
    ];

    /// The kernel's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rr => "rr",
            Self::Wrr => "wrr",
            Self::Lc => "lc",
            Self::Wlc => "wlc",
            Self::Lblc => "lblc",
            Self::Lblcr => "lblcr",
            Self::Dh => "dh",
            Self::Sh => "sh",
            Self::Mh => "mh",
            Self::Sed => "sed",
            Self::Nq => "nq",
            Self::Fo => "fo",
            Self::Ovf => "ovf",
            Self::Twos => "twos",
        }
    }

    /// True for those that read [`SchedulerFlags`].
    pub fn hashes_clients(self) -> bool {
        matches!(self, Self::Sh | Self::Mh)
    }
}

/// Which part of the kernel balances.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum PlaneChoice {
    /// IPVS where the kernel has it, else nftables.
    #[default]
    Auto,
    /// IPVS.
    Ipvs,
    /// nftables.
    Nft,
}

impl PlaneChoice {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Ipvs, Self::Nft];

    /// The name in files and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ipvs => "ipvs",
            Self::Nft => "nft",
        }
    }
}
