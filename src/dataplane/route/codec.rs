//! The few messages about routes and links, as bytes.

use std::net::IpAddr;

use crate::dataplane::netlink::{
    Attribute, Attributes, Encoder, Malformed, Message, Request, flags,
};

/// `RTM_*`.
const NEW_ROUTE: u16 = 24;
const DELETE_ROUTE: u16 = 25;
const GET_ROUTE: u16 = 26;
const GET_LINK: u16 = 18;
const GET_ADDRESS: u16 = 22;

/// `struct rtmsg` and `struct ifinfomsg`.
const ROUTE_HEADER: usize = 12;
const LINK_HEADER: usize = 16;
/// `struct ifaddrmsg`.
const ADDRESS_HEADER: usize = 8;

/// `RTA_*` and `IFLA_IFNAME`.
const DESTINATION: u16 = 1;
const OUT_LINK: u16 = 4;
const SOURCE: u16 = 7;
const TABLE: u16 = 15;
const LINK_NAME: u16 = 3;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// `RT_TABLE_LOCAL`, `RT_SCOPE_HOST`, `RTN_LOCAL`.
const TABLE_LOCAL: u8 = 255;
const SCOPE_HOST: u8 = 254;
const KIND_LOCAL: u8 = 2;

/// Says that the kernel made a route for an address of a link (`RTPROT_KERNEL`).
pub const BY_KERNEL: u8 = 2;
/// Says that we made it. The kernel leaves numbers from 5 on to programs; no routing daemon listed in
/// `rtnetlink.h` or in iproute2's `rt_protos` uses this one.
pub const BY_US: u8 = 77;

/// A route of the table `local`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalRoute {
    /// The address it leads to.
    pub destination: IpAddr,
    /// The source address it gives.
    pub source: Option<IpAddr>,
    /// Who made it: [`BY_US`], [`BY_KERNEL`] or another number.
    pub maker: u8,
    /// Number of its link.
    pub link: u32,
}

/// `ip route replace local VIP dev LINK src SOURCE table local`.
pub fn set(vip: IpAddr, source: IpAddr, loopback: u32) -> Request {
    let mut request = local(NEW_ROUTE, vip, BY_US);
    request.flags = flags::CREATE | flags::REPLACE;
    request.body = request.body.u32(OUT_LINK, loopback).ip(SOURCE, source);
    request
}

/// `ip route del local VIP dev LINK table local`, only where we made it.
pub fn delete(vip: IpAddr, loopback: u32) -> Request {
    let mut request = local(DELETE_ROUTE, vip, BY_US);
    request.body = request.body.u32(OUT_LINK, loopback);
    request
}

fn local(kind: u16, vip: IpAddr, maker: u8) -> Request {
    let header = Header {
        prefix: prefix_of(vip),
        table: TABLE_LOCAL,
        maker,
        // IPv6 has no scopes of routes.
        scope: if vip.is_ipv4() { SCOPE_HOST } else { 0 },
        kind: KIND_LOCAL,
    };
    Request {
        kind,
        flags: 0,
        body: header.encode(vip).ip(DESTINATION, vip),
    }
}

/// `ip route show table local`: every route of one family; [`read_local`] picks those of the table.
pub fn list(family_of: IpAddr) -> Request {
    let header = Header {
        prefix: 0,
        table: TABLE_LOCAL,
        maker: 0,
        scope: 0,
        kind: 0,
    };
    Request {
        kind: GET_ROUTE,
        flags: 0,
        body: header.encode(family_of),
    }
}

/// `ip route get ADDRESS`: how this node would reach an address.
pub fn toward(address: IpAddr) -> Request {
    let header = Header {
        prefix: prefix_of(address),
        table: 0,
        maker: 0,
        scope: 0,
        kind: 0,
    };
    Request {
        kind: GET_ROUTE,
        flags: 0,
        body: header.encode(address).ip(DESTINATION, address),
    }
}

/// `ip link show`.
pub fn list_links() -> Request {
    Request {
        kind: GET_LINK,
        flags: 0,
        body: Encoder::new().raw(&[0; LINK_HEADER]),
    }
}

/// `ip address show`.
pub fn list_addresses() -> Request {
    Request {
        kind: GET_ADDRESS,
        flags: 0,
        body: Encoder::new().raw(&[0; ADDRESS_HEADER]),
    }
}

struct Header {
    prefix: u8,
    table: u8,
    maker: u8,
    scope: u8,
    kind: u8,
}

impl Header {
    /// `struct rtmsg`: family, destination and source prefix, TOS, table, protocol, scope, type, flags.
    fn encode(&self, family_of: IpAddr) -> Encoder {
        let family = if family_of.is_ipv4() {
            AF_INET
        } else {
            AF_INET6
        };
        let head = [
            family,
            self.prefix,
            0,
            0,
            self.table,
            self.maker,
            self.scope,
            self.kind,
        ];
        Encoder::new().raw(&head).raw(&[0; 4])
    }
}

/// Reads a route of a dump; none for those of other tables and those to whole networks.
///
/// # Errors
/// The message is malformed.
pub fn read_local(message: Message<'_>) -> Result<Option<LocalRoute>, Malformed> {
    let (header, attributes) = open(message, ROUTE_HEADER)?;
    let table = attributes.value(TABLE, Attribute::u32)?;
    let table = table.unwrap_or(header[4].into());
    let destination = attributes.value(DESTINATION, Attribute::ip)?;
    let Some(destination) = destination else {
        return Ok(None);
    };
    if table != u32::from(TABLE_LOCAL)
        || header[7] != KIND_LOCAL
        || header[1] != prefix_of(destination)
    {
        return Ok(None);
    }
    Ok(Some(LocalRoute {
        destination,
        source: attributes.value(SOURCE, Attribute::ip)?,
        maker: header[5],
        link: attributes.value(OUT_LINK, Attribute::u32)?.unwrap_or(0),
    }))
}

/// Reads the source address out of the answer to [`toward`].
///
/// # Errors
/// The message is malformed.
pub fn read_source(message: Message<'_>) -> Result<Option<IpAddr>, Malformed> {
    let (_, attributes) = open(message, ROUTE_HEADER)?;
    attributes.value(SOURCE, Attribute::ip)
}

/// Reads the number and the name of a link.
///
/// # Errors
/// The message is malformed.
pub fn read_link(message: Message<'_>) -> Result<(u32, String), Malformed> {
    let (header, attributes) = open(message, LINK_HEADER)?;
    let number = u32::from_ne_bytes([header[4], header[5], header[6], header[7]]);
    let name = attributes.require(LINK_NAME, "name of the link")?.text()?;
    Ok((number, name.to_owned()))
}

/// Reads an address of a link with the length of its network's prefix, and the link's number.
///
/// # Errors
/// The message is malformed.
pub fn read_address(message: Message<'_>) -> Result<(IpAddr, u8, u32), Malformed> {
    let (header, attributes) = open(message, ADDRESS_HEADER)?;
    let link = u32::from_ne_bytes([header[4], header[5], header[6], header[7]]);
    // IFA_LOCAL is the own one where IFA_ADDRESS is the other end's.
    let address = match attributes.find(2)? {
        Some(address) => address,
        None => attributes.require(1, "address")?,
    };
    Ok((address.ip()?, header[1], link))
}

fn open(message: Message<'_>, header: usize) -> Result<(&[u8], Attributes<'_>), Malformed> {
    let body = message.body;
    let Some((head, rest)) = body.split_at_checked(header) else {
        return Err(Malformed::Length {
            length: header,
            available: body.len(),
        });
    };
    Ok((head, Attributes::new(rest)))
}

fn prefix_of(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}
