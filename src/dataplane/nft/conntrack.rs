//! Connections that were translated: found by where they really go, and cut off.

use std::net::{IpAddr, SocketAddr};

use super::expression::family_of;
use super::{CONNTRACK, attributes, header};
use crate::dataplane::netlink::{Attribute, Attributes, Malformed, Message, Request};
use crate::model::ServiceKey;

/// `IPCTNL_MSG_CT_GET` and `_DELETE`.
const GET: u16 = 1;
const DELETE: u16 = 2;
/// `CTA_*`.
const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
const ID: u16 = 12;
const ZONE: u16 = 18;
const TCP: u8 = 6;

/// A tracked connection to a virtual service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Where the client thinks it talks to.
    pub service: ServiceKey,
    /// Who answers.
    pub server: SocketAddr,
    /// What names it to the kernel: attributes, as they came.
    name: Vec<(u16, Vec<u8>)>,
}

/// `conntrack -L`, of the family of `family_of`.
pub(super) fn list(family: IpAddr) -> Request {
    Request {
        kind: CONNTRACK << 8 | GET,
        flags: 0,
        body: header(family_of(family), 0),
    }
}

/// `conntrack -D`, of exactly this connection.
pub(super) fn delete(flow: &Flow) -> Request {
    let body = header(family_of(flow.service.vip), 0);
    Request {
        kind: CONNTRACK << 8 | DELETE,
        flags: 0,
        body: flow
            .name
            .iter()
            .fold(body, |body, (kind, value)| match *kind {
                // Attributes inside, which the kernel wants marked as such.
                ORIGINAL => body.nested(ORIGINAL, |it| it.raw(value)),
                kind => body.bytes(kind, value),
            }),
    }
}

/// Reads a connection of a dump; none for those without TCP.
///
/// # Errors
/// The message is malformed.
pub fn read_flow(message: Message<'_>) -> Result<Option<Flow>, Malformed> {
    let attributes = attributes(message)?;
    let original = attributes.require(ORIGINAL, "original direction")?;
    let reply = attributes.require(REPLY, "reply direction")?;
    // The client's destination, and the source of the answers.
    let (Some(service), Some(server)) =
        (end(original.nested(), false)?, end(reply.nested(), true)?)
    else {
        return Ok(None);
    };
    let mut name = Vec::new();
    for kind in [ORIGINAL, ID, ZONE] {
        let part = attributes.find(kind)?;
        name.extend(part.map(|part| (kind, part.data.to_vec())));
    }
    Ok(Some(Flow {
        service: ServiceKey {
            vip: service.ip(),
            port: service.port(),
        },
        server,
        name,
    }))
}

/// The source or the destination of a direction (`CTA_TUPLE_IP`, `CTA_TUPLE_PROTO`).
fn end(tuple: Attributes<'_>, source: bool) -> Result<Option<SocketAddr>, Malformed> {
    let protocol = tuple.require(2, "protocol")?.nested();
    if protocol.value(1, Attribute::u8)? != Some(TCP) {
        return Ok(None);
    }
    let [four, six, port] = if source { [1, 3, 2] } else { [2, 4, 3] };
    let addresses = tuple.require(1, "addresses")?.nested();
    let ip = match addresses.value(four, Attribute::ip)? {
        Some(ip) => Some(ip),
        None => addresses.value(six, Attribute::ip)?,
    };
    let port = protocol.require(port, "port")?.be16()?;
    Ok(ip.map(|ip| SocketAddr::new(ip, port)))
}
