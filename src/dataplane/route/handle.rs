//! The local routes of this network namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use rustix::io::Errno;

use super::codec::{self, LocalRoute};
use crate::dataplane::netlink::{NetlinkError, NetlinkSocket, Protocol};
use crate::dataplane::plan::Operation;
use crate::dataplane::state::{RouteOwner, VipRoute};

/// Name of the loopback link, in every namespace.
const LOOPBACK: &str = "lo";

/// Routes of this network namespace.
pub struct Routes {
    socket: NetlinkSocket,
    links: BTreeMap<u32, String>,
}

/// Why routes could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// No way leads to a real server, so that connections to the virtual address would have no source.
    #[error("no route from this node to {0}")]
    NoWay(IpAddr),
    /// There is no loopback link.
    #[error("this network namespace has no link lo")]
    NoLoopback,
    /// Anything else, with what was tried.
    #[error("routes: {action}")]
    Failed {
        /// What was tried.
        action: String,
        /// Why it failed.
        #[source]
        source: NetlinkError,
    },
}

impl Routes {
    /// Opens a socket.
    ///
    /// # Errors
    /// The kernel gives none.
    pub fn open() -> Result<Self, RouteError> {
        let socket = NetlinkSocket::open(Protocol::Route).map_err(failed("open a socket"))?;
        Ok(Self {
            socket,
            links: BTreeMap::new(),
        })
    }

    /// Reads the local routes to some addresses.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn local(
        &mut self,
        vips: &BTreeSet<IpAddr>,
    ) -> Result<BTreeMap<IpAddr, VipRoute>, RouteError> {
        self.read_links()?;
        let mut found = BTreeMap::new();
        // One dump for each family in use.
        let families = [
            vips.iter().find(|vip| vip.is_ipv4()),
            vips.iter().find(|vip| vip.is_ipv6()),
        ];
        for family in families.into_iter().flatten() {
            let listed = self.socket.dump(&codec::list(*family), codec::read_local);
            let listed = listed.map_err(failed("read the local routes"))?;
            let ours = listed
                .into_iter()
                .filter(|route| vips.contains(&route.destination));
            for route in ours {
                let owner = self.owner(&route);
                let there = VipRoute {
                    source: route.source,
                    owner,
                };
                // One of the node's own addresses tells more than what else there is.
                let known: Option<&VipRoute> = found.get(&route.destination);
                if !known.is_some_and(|known| matches!(known.owner, RouteOwner::Address(_))) {
                    found.insert(route.destination, there);
                }
            }
        }
        Ok(found)
    }

    /// The address that this node would use as the source towards another.
    ///
    /// # Errors
    /// No route leads there, or the kernel refused.
    pub fn source_towards(&mut self, address: IpAddr) -> Result<IpAddr, RouteError> {
        match self.socket.get(codec::toward(address), codec::read_source) {
            Ok(Some(source)) => Ok(source),
            Ok(None) => Err(RouteError::NoWay(address)),
            Err(error) => {
                let no_way = [
                    Errno::NETUNREACH,
                    Errno::HOSTUNREACH,
                    Errno::ACCESS,
                    Errno::INVAL,
                ];
                let no_way = no_way.map(Errno::raw_os_error).map(Some);
                if no_way.contains(&error.errno()) {
                    return Err(RouteError::NoWay(address));
                }
                Err(failed("ask for the way to a server")(error))
            }
        }
    }

    /// The networks that links of this node are in, each with its link; loopback left out.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn networks(&mut self) -> Result<Vec<(IpNet, String)>, RouteError> {
        self.read_links()?;
        let listed = self.socket.dump(&codec::list_addresses(), |message| {
            codec::read_address(message).map(Some)
        });
        let listed = listed.map_err(failed("read the addresses of links"))?;
        let networks = listed.into_iter().filter_map(|(address, prefix, link)| {
            let link = self.links.get(&link).filter(|name| *name != LOOPBACK)?;
            Some((IpNet::new(address, prefix).ok()?.trunc(), link.clone()))
        });
        Ok(networks.collect())
    }

    /// Carries an operation out; one about services or settings is none of its business.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn apply(&mut self, operation: &Operation) -> Result<(), RouteError> {
        let request = match operation {
            Operation::SetRoute { vip, source } => codec::set(*vip, *source, self.loopback()?),
            Operation::DeleteRoute { vip } => codec::delete(*vip, self.loopback()?),
            _ => return Ok(()),
        };
        match self.socket.change(request) {
            Ok(()) => Ok(()),
            Err(source) => Err(RouteError::Failed {
                action: operation.to_string(),
                source,
            }),
        }
    }

    fn loopback(&mut self) -> Result<u32, RouteError> {
        if self.links.is_empty() {
            self.read_links()?;
        }
        let lo = self.links.iter().find(|(_, name)| *name == LOOPBACK);
        lo.map(|(number, _)| *number).ok_or(RouteError::NoLoopback)
    }

    fn read_links(&mut self) -> Result<(), RouteError> {
        let links = self.socket.dump(&codec::list_links(), |message| {
            codec::read_link(message).map(Some)
        });
        self.links = links
            .map_err(failed("read the links"))?
            .into_iter()
            .collect();
        Ok(())
    }

    fn owner(&self, route: &LocalRoute) -> RouteOwner {
        let link = self.links.get(&route.link).cloned();
        let link = link.unwrap_or_else(|| format!("link {}", route.link));
        match route.maker {
            codec::BY_US if link == LOOPBACK => RouteOwner::Us,
            codec::BY_KERNEL => RouteOwner::Address(link),
            _ => RouteOwner::Other(link),
        }
    }
}

fn failed(action: &'static str) -> impl Fn(NetlinkError) -> RouteError {
    move |source| RouteError::Failed {
        action: action.to_owned(),
        source,
    }
}
