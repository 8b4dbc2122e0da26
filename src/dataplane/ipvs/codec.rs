//! IPVS commands and what a dump tells, as bytes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::dataplane::netlink::{
    Attribute, Attributes, Encoder, Malformed, Message, Request, generic_header,
    without_generic_header,
};
use crate::dataplane::state::{Counters, KernelServer, KernelService};
use crate::model::{
    Forward, Persistence, RealServer, Scheduler, SchedulerFlags, ServiceKey, Settings,
};

/// Name of the family (`IPVS_GENL_NAME`).
pub const FAMILY: &str = "IPVS";

/// `IPVS_CMD_*`.
mod command {
    pub(super) const NEW_SERVICE: u8 = 1;
    pub(super) const SET_SERVICE: u8 = 2;
    pub(super) const DEL_SERVICE: u8 = 3;
    pub(super) const GET_SERVICE: u8 = 4;
    pub(super) const NEW_DEST: u8 = 5;
    pub(super) const SET_DEST: u8 = 6;
    pub(super) const DEL_DEST: u8 = 7;
    pub(super) const GET_DEST: u8 = 8;
    pub(super) const GET_CONFIG: u8 = 13;
    pub(super) const GET_INFO: u8 = 15;
}

/// `IPVS_CMD_ATTR_*`.
const SERVICE: u16 = 1;
const DESTINATION: u16 = 2;
const TIMEOUT_TCP: u16 = 4;
const TIMEOUT_TCP_FIN: u16 = 5;
const TIMEOUT_UDP: u16 = 6;

/// `IPVS_SVC_ATTR_*`.
mod service {
    pub(super) const FAMILY: u16 = 1;
    pub(super) const PROTOCOL: u16 = 2;
    pub(super) const ADDRESS: u16 = 3;
    pub(super) const PORT: u16 = 4;
    pub(super) const FIREWALL_MARK: u16 = 5;
    pub(super) const SCHEDULER: u16 = 6;
    pub(super) const FLAGS: u16 = 7;
    pub(super) const TIMEOUT: u16 = 8;
    pub(super) const NETMASK: u16 = 9;
    pub(super) const STATS: u16 = 10;
    pub(super) const STATS64: u16 = 12;
}

/// `IPVS_DEST_ATTR_*`.
mod destination {
    pub(super) const ADDRESS: u16 = 1;
    pub(super) const PORT: u16 = 2;
    pub(super) const FORWARD: u16 = 3;
    pub(super) const WEIGHT: u16 = 4;
    pub(super) const UPPER_THRESHOLD: u16 = 5;
    pub(super) const LOWER_THRESHOLD: u16 = 6;
    pub(super) const ACTIVE: u16 = 7;
    pub(super) const INACTIVE: u16 = 8;
    pub(super) const STATS: u16 = 10;
    pub(super) const FAMILY: u16 = 11;
    pub(super) const STATS64: u16 = 12;
}

/// `IPVS_STATS_ATTR_*`.
const CONNECTIONS: u16 = 1;
const BYTES_IN: u16 = 4;
const BYTES_OUT: u16 = 5;

/// `IPVS_INFO_ATTR_VERSION`.
const INFO_VERSION: u16 = 1;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const TCP: u16 = 6;

/// `IP_VS_SVC_F_*`. The kernel sets HASHED itself.
const PERSISTENT: u32 = 0x1;
const HASHED: u32 = 0x2;
const FALLBACK: u32 = 0x8;
const PORT: u32 = 0x10;

/// `IP_VS_CONN_F_FWD_MASK` and what it selects.
const FORWARD_MASK: u32 = 7;
const MASQUERADE: u32 = 0;
const TUNNEL: u32 = 2;
const ROUTE: u32 = 3;

/// Persistence of single clients: the whole address counts.
const NETMASK4: u32 = 0xffff_ffff;
const NETMASK6: u32 = 128;

/// What a service in a dump is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A TCP service of one address and port.
    Tcp(ServiceKey, KernelService),
    /// Another one: UDP, SCTP, or chosen by a firewall mark. Never ours.
    Other,
}

/// Time limits of connections, in the kernel as a whole (ipvsadm `--set`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Of established TCP connections.
    pub tcp: Duration,
    /// Of TCP connections after a FIN.
    pub tcp_fin: Duration,
    /// Of UDP.
    pub udp: Duration,
}

fn request(family: u16, command: u8, body: impl FnOnce(Encoder) -> Encoder) -> Request {
    Request {
        kind: family,
        flags: 0,
        body: body(generic_header(command)),
    }
}

/// `ipvsadm --add-service`.
pub fn add_service(family: u16, key: ServiceKey, settings: Settings) -> Request {
    with_settings(family, command::NEW_SERVICE, key, settings)
}

/// `ipvsadm --edit-service`.
pub fn set_service(family: u16, key: ServiceKey, settings: Settings) -> Request {
    with_settings(family, command::SET_SERVICE, key, settings)
}

/// `ipvsadm --delete-service`.
pub fn delete_service(family: u16, key: ServiceKey) -> Request {
    request(family, command::DEL_SERVICE, |it| {
        it.nested(SERVICE, |it| identify(it, key))
    })
}

/// `ipvsadm --add-server`.
pub fn add_server(
    family: u16,
    key: ServiceKey,
    address: SocketAddr,
    server: RealServer,
) -> Request {
    with_server(family, command::NEW_DEST, key, address, Some(server))
}

/// `ipvsadm --edit-server`.
pub fn set_server(
    family: u16,
    key: ServiceKey,
    address: SocketAddr,
    server: RealServer,
) -> Request {
    with_server(family, command::SET_DEST, key, address, Some(server))
}

/// `ipvsadm --delete-server`.
pub fn delete_server(family: u16, key: ServiceKey, address: SocketAddr) -> Request {
    with_server(family, command::DEL_DEST, key, address, None)
}

/// `ipvsadm --list`: every service.
pub fn list_services(family: u16) -> Request {
    request(family, command::GET_SERVICE, |it| it)
}

/// One service.
pub fn get_service(family: u16, key: ServiceKey) -> Request {
    request(family, command::GET_SERVICE, |it| {
        it.nested(SERVICE, |it| identify(it, key))
    })
}

/// The servers of a service; an empty list where there is no such service.
pub fn list_servers(family: u16, key: ServiceKey) -> Request {
    request(family, command::GET_DEST, |it| {
        it.nested(SERVICE, |it| identify(it, key))
    })
}

/// The version of IPVS.
pub fn get_info(family: u16) -> Request {
    request(family, command::GET_INFO, |it| it)
}

/// `ipvsadm --list --timeout`.
pub fn get_timeouts(family: u16) -> Request {
    request(family, command::GET_CONFIG, |it| it)
}

fn identify(encoder: Encoder, key: ServiceKey) -> Encoder {
    encoder
        .u16(service::FAMILY, family_of(key.vip))
        .u16(service::PROTOCOL, TCP)
        .bytes(service::ADDRESS, &sixteen(key.vip))
        .be16(service::PORT, key.port)
}

fn with_settings(family: u16, command: u8, key: ServiceKey, settings: Settings) -> Request {
    let mut flags = 0;
    let choices = [
        (settings.persistence.is_some(), PERSISTENT),
        (settings.scheduler_flags.fallback, FALLBACK),
        (settings.scheduler_flags.port, PORT),
    ];
    for (on, flag) in choices {
        flags |= if on { flag } else { 0 };
    }
    let timeout = settings.persistence.map_or(0, |it| it.timeout.as_secs());
    let netmask = if key.vip.is_ipv4() {
        NETMASK4
    } else {
        NETMASK6
    };
    // The flags' mask: all of them count.
    let flags = [flags.to_ne_bytes(), u32::MAX.to_ne_bytes()].concat();
    request(family, command, |it| {
        it.nested(SERVICE, |it| {
            identify(it, key)
                .text(service::SCHEDULER, settings.scheduler.as_str())
                .bytes(service::FLAGS, &flags)
                .u32(service::TIMEOUT, u32::try_from(timeout).unwrap_or(u32::MAX))
                .u32(service::NETMASK, netmask)
        })
    })
}

fn with_server(
    family: u16,
    command: u8,
    key: ServiceKey,
    address: SocketAddr,
    server: Option<RealServer>,
) -> Request {
    request(family, command, |it| {
        it.nested(SERVICE, |it| identify(it, key))
            .nested(DESTINATION, |it| {
                let it = it
                    .bytes(destination::ADDRESS, &sixteen(address.ip()))
                    .be16(destination::PORT, address.port())
                    .u16(destination::FAMILY, family_of(address.ip()));
                match server {
                    None => it,
                    Some(server) => it
                        .u32(destination::FORWARD, method(server.forward))
                        .u32(destination::WEIGHT, server.weight)
                        .u32(destination::UPPER_THRESHOLD, 0)
                        .u32(destination::LOWER_THRESHOLD, 0),
                }
            })
    })
}

/// Reads a service of a dump.
///
/// # Errors
/// The message is malformed.
pub fn read_service(message: Message<'_>) -> Result<Found, Malformed> {
    let attributes = without_generic_header(message)?;
    let attributes = attributes.require(SERVICE, "service")?.nested();
    let number = |kind| attributes.value(kind, Attribute::u16);
    if attributes.find(service::FIREWALL_MARK)?.is_some() || number(service::PROTOCOL)? != Some(TCP)
    {
        return Ok(Found::Other);
    }
    let family = number(service::FAMILY)?.ok_or(Malformed::Missing("address family"))?;
    let vip = ip(attributes.require(service::ADDRESS, "address")?, family)?;
    let port = attributes.require(service::PORT, "port")?.be16()?;
    let service = KernelService {
        settings: read_settings(attributes, vip)?,
        servers: BTreeMap::new(),
        counters: read_counters(attributes, service::STATS64, service::STATS)?,
    };
    Ok(Found::Tcp(ServiceKey { vip, port }, service))
}

/// None for what a [`Settings`] does not hold.
fn read_settings(attributes: Attributes<'_>, vip: IpAddr) -> Result<Option<Settings>, Malformed> {
    let name = attributes
        .require(service::SCHEDULER, "scheduler")?
        .text()?;
    let scheduler = Scheduler::ALL.into_iter().find(|it| it.as_str() == name);
    let flags = attributes.require(service::FLAGS, "flags")?;
    // The mask follows.
    let flags = flags.data.get(..4).unwrap_or(flags.data);
    let flags = Attribute {
        kind: service::FLAGS,
        data: flags,
    }
    .u32()?
        & !HASHED;
    let number = |kind| attributes.value(kind, Attribute::u32);
    let timeout = number(service::TIMEOUT)?.unwrap_or(0);
    let netmask = number(service::NETMASK)?;
    let whole = [NETMASK4, NETMASK6][usize::from(vip.is_ipv6())];
    let persistent = flags & PERSISTENT != 0;
    let odd =
        flags & !(PERSISTENT | FALLBACK | PORT) != 0 || (persistent && netmask != Some(whole));
    let Some(scheduler) = scheduler.filter(|_| !odd) else {
        return Ok(None);
    };
    Ok(Some(Settings {
        scheduler,
        persistence: persistent.then_some(Persistence {
            timeout: Duration::from_secs(timeout.into()),
        }),
        scheduler_flags: SchedulerFlags {
            fallback: flags & FALLBACK != 0,
            port: flags & PORT != 0,
        },
    }))
}

/// Reads a server of a dump. `family` is the service's: kernels before 3.18 do not tell the server's.
///
/// # Errors
/// The message is malformed.
pub fn read_server(
    message: Message<'_>,
    vip: IpAddr,
) -> Result<(SocketAddr, KernelServer), Malformed> {
    let attributes = without_generic_header(message)?;
    let attributes = attributes.require(DESTINATION, "server")?.nested();
    let number = |kind| attributes.value(kind, Attribute::u32);
    let family = attributes.value(destination::FAMILY, Attribute::u16)?;
    let address = attributes.require(destination::ADDRESS, "address of the server")?;
    let address = ip(address, family.unwrap_or(family_of(vip)))?;
    let port = attributes
        .require(destination::PORT, "port of the server")?
        .be16()?;
    let forward = number(destination::FORWARD)?.ok_or(Malformed::Missing("forwarding method"))?;
    let limits = [destination::UPPER_THRESHOLD, destination::LOWER_THRESHOLD];
    let limits = limits
        .map(number)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let plain = limits.into_iter().all(|limit| limit.unwrap_or(0) == 0);
    let forward = match forward & FORWARD_MASK {
        MASQUERADE => Some(Forward::Masquerade),
        TUNNEL => Some(Forward::Tunnel),
        ROUTE => Some(Forward::Route),
        _ => None,
    };
    let server = KernelServer {
        weight: number(destination::WEIGHT)?.unwrap_or(0),
        forward: forward.filter(|_| plain),
        active: number(destination::ACTIVE)?.unwrap_or(0),
        inactive: number(destination::INACTIVE)?.unwrap_or(0),
        counters: read_counters(attributes, destination::STATS64, destination::STATS)?,
    };
    Ok((SocketAddr::new(address, port), server))
}

/// 64-bit counters since Linux 4.1, before that connections have 32 bits.
fn read_counters(
    attributes: Attributes<'_>,
    wide: u16,
    narrow: u16,
) -> Result<Counters, Malformed> {
    let nest = match attributes.find(wide)? {
        Some(nest) => Some(nest),
        None => attributes.find(narrow)?,
    };
    let Some(nest) = nest else {
        return Ok(Counters::default());
    };
    let number = |kind| {
        let value = nest.nested().value(kind, |it| match it.data.len() {
            4 => it.u32().map(u64::from),
            _ => it.u64(),
        });
        value.map(Option::unwrap_or_default)
    };
    Ok(Counters {
        connections: number(CONNECTIONS)?,
        bytes_in: number(BYTES_IN)?,
        bytes_out: number(BYTES_OUT)?,
    })
}

/// Reads the version of IPVS, such as 1.2.1.
///
/// # Errors
/// The message is malformed.
pub fn read_version(message: Message<'_>) -> Result<[u8; 3], Malformed> {
    let version = without_generic_header(message)?
        .require(INFO_VERSION, "version")?
        .u32()?;
    let [_, major, minor, patch] = version.to_be_bytes();
    Ok([major, minor, patch])
}

/// Reads the time limits.
///
/// # Errors
/// The message is malformed.
pub fn read_timeouts(message: Message<'_>) -> Result<Timeouts, Malformed> {
    let attributes = without_generic_header(message)?;
    let seconds = |kind| attributes.require(kind, "time limit")?.u32().map(u64::from);
    Ok(Timeouts {
        tcp: Duration::from_secs(seconds(TIMEOUT_TCP)?),
        tcp_fin: Duration::from_secs(seconds(TIMEOUT_TCP_FIN)?),
        udp: Duration::from_secs(seconds(TIMEOUT_UDP)?),
    })
}

fn method(forward: Forward) -> u32 {
    match forward {
        Forward::Masquerade => MASQUERADE,
        Forward::Tunnel => TUNNEL,
        Forward::Route => ROUTE,
    }
}

fn family_of(ip: IpAddr) -> u16 {
    if ip.is_ipv4() { AF_INET } else { AF_INET6 }
}

/// An IPv4 address stands in the first four of sixteen bytes.
fn sixteen(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V6(ip) => ip.octets(),
        IpAddr::V4(ip) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&ip.octets());
            bytes
        }
    }
}

fn ip(attribute: Attribute<'_>, family: u16) -> Result<IpAddr, Malformed> {
    let bytes: [u8; 16] = attribute.data.try_into().map_err(|_| Malformed::Size {
        kind: attribute.kind,
        found: attribute.data.len(),
        expected: 16,
    })?;
    match family {
        AF_INET => Ok(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into()),
        AF_INET6 => Ok(Ipv6Addr::from(bytes).into()),
        other => Err(Malformed::Value {
            what: "address family",
            value: other.into(),
        }),
    }
}
