//! The table as messages: written whole, and read back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::expression::{Expression, LIST_ELEMENT, VALUE, family_of, read_expressions};
use super::spread::spread;
use super::{NFTABLES, attributes, header};
use crate::dataplane::netlink::{Attribute, Encoder, Malformed, Message, Request, flags};
use crate::dataplane::state::{KernelServer, KernelService};
use crate::model::{Forward, Scheduler, ServiceKey, Settings};

/// Name of the table.
pub(super) const TABLE: &str = "etcdha";
/// `NFPROTO_INET`: both address families.
const INET: u8 = 1;
/// `NFNL_MSG_BATCH_BEGIN` and `_END`.
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
/// `NFT_MSG_*`.
const NEW_TABLE: u16 = 0;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const GET_CHAIN: u16 = 4;
const NEW_RULE: u16 = 6;
const GET_RULE: u16 = 7;
const NEW_SET: u16 = 9;
const GET_SET: u16 = 10;
const NEW_ELEMENT: u16 = 12;
const GET_ELEMENT: u16 = 13;
/// `NFT_SET_MAP`.
const MAP: u32 = 8;
/// Types as nft(8) numbers them, for who lists the table: a mark, and an address and a port in one.
const TYPE_MARK: u32 = 19;
const TYPE_ADDRESS4: u32 = 7;
const TYPE_ADDRESS6: u32 = 8;
const TYPE_PORT: u32 = 13;
const TYPE_BITS: u32 = 6;
/// Tells nft(8), in its own notes about a map, that keys are in the machine's order: key order (0), four bytes, host (1).
const HOST_ORDER: [u8; 6] = [0, 4, 1, 0, 0, 0];
/// Elements of one message, whose attribute must stay below 64 KiB.
const ELEMENTS: usize = 1000;
/// From here on, a number tells a server's weight in its lowest bits.
const NOTES: u32 = 1 << 31;
const WEIGHT_BITS: u32 = 10;
/// The bit of the packet's mark that means "through this front end". kube-proxy has 14 and 15, Cilium 8 to 11, Calico
/// and others those from 16 on.
pub(super) const MARK: u32 = 1 << 12;

/// What the table holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Services that are balanced here.
    pub services: BTreeMap<ServiceKey, KernelService>,
    /// Services that others reach through this node, balanced here or by IPVS.
    pub remote: BTreeSet<ServiceKey>,
}

/// A chain as the kernel tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// Its type, such as `nat`.
    pub kind: String,
    /// Number of its hook.
    pub hook: u32,
    /// Its priority.
    pub priority: i32,
}

/// A rule as the kernel tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Name of its chain.
    pub chain: String,
    /// What it does; none when it is no rule of ours.
    pub expressions: Option<Vec<Expression>>,
}

/// An element of a map: a number and a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element {
    /// The number.
    pub number: u32,
    /// The server.
    pub server: SocketAddr,
}

/// What dumps of the table gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableParts {
    /// Its chains.
    pub chains: BTreeSet<Chain>,
    /// Its rules in order.
    pub rules: Vec<Rule>,
    /// Its maps by name.
    pub maps: BTreeMap<String, BTreeSet<Element>>,
}

impl Table {
    /// True when there is nothing to hold.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.remote.is_empty()
    }

    /// The whole table in one transaction, in place of what there is. An empty one goes away.
    pub fn replace(&self) -> Vec<Request> {
        let batch = |kind| Request {
            kind,
            flags: 0,
            body: header(0, NFTABLES),
        };
        // Deleting a table that is not there is an error, making one that is there is not.
        let mut requests = vec![batch(BATCH_BEGIN), new_table(), delete_table()];
        if !self.is_empty() {
            let parts = self.parts();
            requests.push(new_table());
            requests.extend(parts.chains.iter().map(new_chain));
            for (number, (name, elements)) in parts.maps.iter().enumerate() {
                requests.push(new_map(name, elements, number));
                let elements: Vec<_> = elements.iter().collect();
                requests.extend(
                    elements
                        .chunks(ELEMENTS)
                        .map(|some| new_elements(name, some)),
                );
            }
            requests.extend(parts.rules.iter().map(new_rule));
        }
        // The last message of work tells whether all of it was done.
        if let Some(last) = requests.last_mut() {
            last.flags |= flags::ACK;
        }
        requests.push(batch(BATCH_END));
        requests
    }

    /// Chains, rules and maps as they should be.
    pub fn parts(&self) -> TableParts {
        let mut parts = TableParts::default();
        let chain = |name: &str, kind: &str, hook, priority| Chain {
            name: name.to_owned(),
            kind: kind.to_owned(),
            hook,
            priority,
        };
        // NF_INET_LOCAL_OUT, NF_INET_PRE_ROUTING, NF_INET_POST_ROUTING.
        parts.chains.insert(chain("output", "nat", 3, -100));
        if !self.remote.is_empty() {
            parts.chains.insert(chain("prerouting", "nat", 0, -100));
            parts.chains.insert(chain("mark", "filter", 0, -150));
            parts.chains.insert(chain("postrouting", "nat", 4, 100));
        }
        for (key, service) in &self.services {
            let elements = elements(service);
            parts
                .rules
                .push(Rule::new("output", balance(*key, service, &elements)));
            if self.remote.contains(key) {
                parts
                    .rules
                    .push(Rule::new("prerouting", balance(*key, service, &elements)));
            }
            if !elements.is_empty() {
                parts.maps.insert(map_name(*key), elements);
            }
        }
        for key in &self.remote {
            let mut expressions = to_service(*key);
            expressions.push(Expression::SetMark(MARK));
            parts.rules.push(Rule::new("mark", expressions));
        }
        if !self.remote.is_empty() {
            let expressions = vec![Expression::Mark(MARK), Expression::Masquerade];
            parts.rules.push(Rule::new("postrouting", expressions));
        }
        parts
    }

    /// Reads the table out of its parts. A service that is not balanced exactly as its notes say has no settings, so
    /// that it is made anew.
    pub fn read(parts: &TableParts) -> Self {
        let mut table = Self::default();
        for rule in &parts.rules {
            let Some(key) = rule.service() else { continue };
            match rule.chain.as_str() {
                "output" => {
                    let map = parts.maps.get(&map_name(key));
                    table.services.insert(key, rule.balanced(map));
                }
                "mark" => {
                    table.remote.insert(key);
                }
                _ => {}
            }
        }
        // Whatever else there is, or is missing: one that differs makes all of it suspect.
        let expected = table.parts();
        let mut rules = parts.rules.clone();
        rules.retain(|rule| !expected.rules.contains(rule));
        let right = rules.is_empty()
            && parts.rules.len() == expected.rules.len()
            && parts.chains == expected.chains
            && parts.maps == expected.maps;
        if !right {
            for service in table.services.values_mut() {
                service.settings = None;
            }
        }
        table
    }
}

impl Rule {
    fn new(chain: &str, expressions: Vec<Expression>) -> Self {
        Self {
            chain: chain.to_owned(),
            expressions: Some(expressions),
        }
    }

    /// The service it is about.
    fn service(&self) -> Option<ServiceKey> {
        let expressions = self.expressions.as_ref()?;
        let vip = expressions.iter().find_map(|it| match it {
            Expression::Destination(ip) => Some(*ip),
            _ => None,
        });
        let port = expressions.iter().find_map(|it| match it {
            Expression::Port(port) => Some(*port),
            _ => None,
        });
        Some(ServiceKey {
            vip: vip?,
            port: port?,
        })
    }

    /// The service that it and its map make.
    fn balanced(&self, map: Option<&BTreeSet<Element>>) -> KernelService {
        let mut service = KernelService::default();
        for element in map.into_iter().flatten().filter(|it| it.number >= NOTES) {
            let server = KernelServer {
                weight: element.number & ((1 << WEIGHT_BITS) - 1),
                forward: Some(Forward::Masquerade),
                ..KernelServer::default()
            };
            service.servers.insert(element.server, server);
        }
        let mut expressions = self.expressions.iter().flatten();
        let random = expressions.any(|it| matches!(it, Expression::Draw { random: true, .. }));
        service.settings = Some(Settings {
            scheduler: if random { RANDOM } else { Scheduler::Rr },
            ..Settings::default()
        });
        service
    }
}

/// Stands for chance, which is what nftables has beside round robin.
pub(super) const RANDOM: Scheduler = Scheduler::Twos;

/// What nftables can hold of settings: round robin, or chance.
pub(in crate::dataplane) fn holdable(settings: Settings) -> Settings {
    Settings {
        scheduler: match settings.scheduler {
            Scheduler::Rr | Scheduler::Wrr => Scheduler::Rr,
            _ => RANDOM,
        },
        ..Settings::default()
    }
}

fn to_service(key: ServiceKey) -> Vec<Expression> {
    vec![
        Expression::Family(family_of(key.vip)),
        Expression::Destination(key.vip),
        Expression::Tcp,
        Expression::Port(key.port),
    ]
}

fn balance(
    key: ServiceKey,
    service: &KernelService,
    elements: &BTreeSet<Element>,
) -> Vec<Expression> {
    let drawn = elements.iter().filter(|it| it.number < NOTES).count();
    let mut expressions = to_service(key);
    // Drawn even where it leads nowhere, since that is where the rule is kept.
    let drawn = u32::try_from(drawn).unwrap_or(u32::MAX);
    expressions.push(Expression::Draw {
        modulus: drawn.max(1),
        random: service.settings.is_some_and(|it| it.scheduler == RANDOM),
    });
    if drawn == 0 {
        expressions.push(Expression::Reset);
    } else {
        expressions.push(Expression::Lookup(map_name(key)));
        expressions.push(Expression::Translate(family_of(key.vip)));
    }
    expressions
}

/// The numbers that are drawn, and the notes.
fn elements(service: &KernelService) -> BTreeSet<Element> {
    let weights: Vec<_> = service
        .servers
        .iter()
        .map(|(address, server)| (*address, server.weight))
        .collect();
    let drawn = (0..).zip(spread(&weights));
    let drawn = drawn.map(|(number, server)| Element { number, server });
    let notes = (0_u32..)
        .zip(&weights)
        .map(|(index, (server, weight))| Element {
            number: NOTES | index << WEIGHT_BITS | (*weight).min((1 << WEIGHT_BITS) - 1),
            server: *server,
        });
    drawn.chain(notes).collect()
}

/// A name that nft(8) can read as well.
fn map_name(key: ServiceKey) -> String {
    let family = if key.vip.is_ipv4() { 4 } else { 6 };
    let vip = key.vip.to_string().replace(':', "-");
    format!("servers{family}-{vip}-{}", key.port)
}

fn request(command: u16, flags: u16, body: impl FnOnce(Encoder) -> Encoder) -> Request {
    Request {
        kind: NFTABLES << 8 | command,
        flags,
        body: body(header(INET, 0)),
    }
}

fn new_table() -> Request {
    request(NEW_TABLE, flags::CREATE, |it| it.text(1, TABLE))
}

fn delete_table() -> Request {
    request(DELETE_TABLE, 0, |it| it.text(1, TABLE))
}

fn new_chain(chain: &Chain) -> Request {
    let priority = u32::from_ne_bytes(chain.priority.to_ne_bytes());
    request(NEW_CHAIN, flags::CREATE, |it| {
        it.text(1, TABLE)
            .text(3, &chain.name)
            .nested(4, |it| it.be32(1, chain.hook).be32(2, priority))
            // NF_ACCEPT.
            .be32(5, 1)
            .text(7, &chain.kind)
    })
}

fn new_rule(rule: &Rule) -> Request {
    request(NEW_RULE, flags::CREATE | flags::APPEND, |it| {
        it.text(1, TABLE).text(2, &rule.chain).nested(4, |list| {
            let expressions = rule.expressions.iter().flatten();
            expressions.fold(list, |list, expression| expression.encode(list))
        })
    })
}

fn new_map(name: &str, elements: &BTreeSet<Element>, number: usize) -> Request {
    let four = elements.first().is_none_or(|it| it.server.is_ipv4());
    let (address, length) = if four {
        (TYPE_ADDRESS4, 8)
    } else {
        (TYPE_ADDRESS6, 20)
    };
    request(NEW_SET, flags::CREATE, |it| {
        it.text(1, TABLE)
            .text(2, name)
            .be32(3, MAP)
            .be32(4, TYPE_MARK)
            .be32(5, 4)
            .be32(6, address << TYPE_BITS | TYPE_PORT)
            .be32(7, length)
            // A number of its own within the transaction.
            .be32(10, u32::try_from(number).unwrap_or(u32::MAX))
            .bytes(13, &HOST_ORDER)
    })
}

fn new_elements(name: &str, elements: &[&Element]) -> Request {
    request(NEW_ELEMENT, flags::CREATE, |it| {
        it.text(1, TABLE).text(2, name).nested(3, |list| {
            elements.iter().fold(list, |list, element| {
                list.nested(LIST_ELEMENT, |it| {
                    it.nested(1, |it| it.bytes(VALUE, &element.number.to_ne_bytes()))
                        .nested(2, |it| it.bytes(VALUE, &address_and_port(element.server)))
                })
            })
        })
    })
}

/// Each part of a concatenation takes whole registers of four bytes.
fn address_and_port(server: SocketAddr) -> Vec<u8> {
    let mut bytes = match server.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    bytes.extend_from_slice(&server.port().to_be_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

/// `nft list chains`.
pub(super) fn list_chains() -> Request {
    request(GET_CHAIN, 0, |it| it)
}

/// `nft list table inet etcdha`: its rules.
pub(super) fn list_rules() -> Request {
    request(GET_RULE, 0, |it| it.text(1, TABLE))
}

/// `nft list maps table inet etcdha`.
pub(super) fn list_maps() -> Request {
    request(GET_SET, 0, |it| it.text(1, TABLE))
}

/// `nft list map inet etcdha NAME`: its elements.
pub(super) fn list_elements(map: &str) -> Request {
    request(GET_ELEMENT, 0, |it| it.text(1, TABLE).text(2, map))
}

/// Reads a chain of a dump; none for chains of other tables.
///
/// # Errors
/// The message is malformed.
pub fn read_chain(message: Message<'_>) -> Result<Option<Chain>, Malformed> {
    let attributes = attributes(message)?;
    if attributes.require(1, "table of a chain")?.text()? != TABLE
        || message.body.first() != Some(&INET)
    {
        return Ok(None);
    }
    let hook = attributes.find(4)?.map(Attribute::nested);
    let number = |kind| hook.map_or(Ok(None), |hook| hook.value(kind, Attribute::be32));
    let kind = attributes.value(7, Attribute::text)?.unwrap_or_default();
    Ok(Some(Chain {
        name: attributes.require(3, "name of a chain")?.text()?.to_owned(),
        kind: kind.to_owned(),
        hook: number(1)?.unwrap_or(u32::MAX),
        priority: i32::from_ne_bytes(number(2)?.unwrap_or_default().to_ne_bytes()),
    }))
}

/// Reads a rule of a dump; none for rules of other tables.
///
/// # Errors
/// The message is malformed.
pub fn read_rule(message: Message<'_>) -> Result<Option<Rule>, Malformed> {
    let attributes = attributes(message)?;
    if attributes.require(1, "table of a rule")?.text()? != TABLE
        || message.body.first() != Some(&INET)
    {
        return Ok(None);
    }
    let chain = attributes.require(2, "chain of a rule")?.text()?.to_owned();
    let expressions = match attributes.find(4)? {
        Some(list) => read_expressions(list.nested())?,
        None => None,
    };
    Ok(Some(Rule { chain, expressions }))
}

/// Reads the name of a map of a dump; none for those of other tables.
///
/// # Errors
/// The message is malformed.
pub fn read_map(message: Message<'_>) -> Result<Option<String>, Malformed> {
    let attributes = attributes(message)?;
    if attributes.require(1, "table of a map")?.text()? != TABLE
        || message.body.first() != Some(&INET)
    {
        return Ok(None);
    }
    let name = attributes.require(2, "name of a map")?.text()?;
    Ok(Some(name.to_owned()))
}

/// Reads the elements of a message of a dump.
///
/// # Errors
/// The message is malformed.
pub fn read_elements(message: Message<'_>) -> Result<Vec<Element>, Malformed> {
    let Some(list) = attributes(message)?.find(3)? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for element in list.nested() {
        let element = element?.nested();
        let part = |kind| {
            element
                .require(kind, "part of an element")?
                .nested()
                .require(VALUE, "value")
        };
        let server = part(2)?;
        let server = match server.data {
            [a, b, c, d, high, low, _, _] => {
                let port = u16::from_be_bytes([*high, *low]);
                SocketAddr::new(Ipv4Addr::new(*a, *b, *c, *d).into(), port)
            }
            [ip @ .., high, low, _, _] => {
                let ip = Attribute { kind: 2, data: ip }.ip()?;
                let IpAddr::V6(ip) = ip else {
                    return Err(Malformed::Missing("address of an element"));
                };
                SocketAddr::new(Ipv6Addr::into(ip), u16::from_be_bytes([*high, *low]))
            }
            _ => return Err(Malformed::Missing("address of an element")),
        };
        found.push(Element {
            number: part(1)?.u32()?,
            server,
        });
    }
    Ok(found)
}
