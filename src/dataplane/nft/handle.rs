//! nftables and connection tracking of this network namespace: reads our table and carries operations out.

use std::net::SocketAddr;

use rustix::io::Errno;

use super::conntrack;
use super::table::{self, Table, TableParts};
use crate::dataplane::netlink::{NetlinkError, NetlinkSocket, Protocol};
use crate::model::ServiceKey;

/// Our table of nftables.
pub struct Nft {
    socket: NetlinkSocket,
}

/// Why nftables could not be asked or changed.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The kernel has no nftables.
    #[error(
        "this kernel has no nftables (module nf_tables), or not the parts that are needed: nft_chain_nat, nft_nat, nft_numgen, nft_reject_inet"
    )]
    NotThere,
    /// Changing needs a capability.
    #[error("nftables: this needs the capability CAP_NET_ADMIN (run it as root, or privileged)")]
    NotAllowed,
    /// Anything else, with what was tried.
    #[error("nftables: {action}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: NetlinkError,
    },
}

impl Nft {
    /// Opens a socket.
    ///
    /// # Errors
    /// The kernel gives none.
    pub fn open() -> Result<Self, NftError> {
        let socket = NetlinkSocket::open(Protocol::Netfilter);
        let socket = socket.map_err(|error| explain("open a socket", error))?;
        Ok(Self { socket })
    }

    /// Reads our table; an empty one where there is none.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn table(&mut self) -> Result<Table, NftError> {
        let mut parts = TableParts::default();
        let chains = self.socket.dump(&table::list_chains(), table::read_chain);
        parts.chains = chains
            .map_err(|error| explain("read the chains", error))?
            .into_iter()
            .collect();
        if parts.chains.is_empty() {
            return Ok(Table::default());
        }
        let rules = self.socket.dump(&table::list_rules(), table::read_rule);
        parts.rules = rules.map_err(|error| explain("read the rules", error))?;
        let maps = self.socket.dump(&table::list_maps(), table::read_map);
        for map in maps.map_err(|error| explain("read the maps", error))? {
            let elements = self.socket.dump(&table::list_elements(&map), |message| {
                table::read_elements(message).map(Some)
            });
            let elements =
                elements.map_err(|error| explain("read the elements of a map", error))?;
            parts
                .maps
                .insert(map, elements.into_iter().flatten().collect());
        }
        Ok(Table::read(&parts))
    }

    /// Puts a table in the place of ours, in one transaction.
    ///
    /// # Errors
    /// The kernel refused; nothing was changed.
    pub fn replace(&mut self, table: &Table) -> Result<(), NftError> {
        let done = self.socket.batch(table.replace());
        done.map_err(|error| explain("replace the table", error))
    }

    /// Cuts off the connections of a service to a server, or to all but some. Returns how many there were.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn cut_off(
        &mut self,
        service: ServiceKey,
        gone: impl Fn(SocketAddr) -> bool,
    ) -> Result<usize, NftError> {
        let flows = self
            .socket
            .dump(&conntrack::list(service.vip), conntrack::read_flow);
        let flows = flows.map_err(|error| explain("read the tracked connections", error))?;
        let hit = flows
            .iter()
            .filter(|flow| flow.service == service && gone(flow.server));
        let mut count = 0;
        for flow in hit {
            match self.socket.change(conntrack::delete(flow)) {
                Ok(()) => count += 1,
                // It ended by itself.
                Err(error) if is(&error, Errno::NOENT) => {}
                Err(error) => return Err(explain("cut off a connection", error)),
            }
        }
        Ok(count)
    }
}

fn explain(action: &'static str, source: NetlinkError) -> NftError {
    if is(&source, Errno::PERM) {
        NftError::NotAllowed
    } else if [Errno::OPNOTSUPP, Errno::NOENT, Errno::PROTONOSUPPORT]
        .iter()
        .any(|it| is(&source, *it))
    {
        NftError::NotThere
    } else {
        NftError::Failed { action, source }
    }
}

fn is(error: &NetlinkError, errno: Errno) -> bool {
    error.errno() == Some(errno.raw_os_error())
}
