//! The few expressions our rules are made of.

use std::net::IpAddr;

use super::{AF_INET, AF_INET6};
use crate::dataplane::netlink::{Attribute, Attributes, Encoder, Malformed};

/// `NFTA_LIST_ELEM`, `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA`, `NFTA_DATA_VALUE`.
pub(super) const LIST_ELEMENT: u16 = 1;
const NAME: u16 = 1;
const DATA: u16 = 2;
pub(super) const VALUE: u16 = 1;

/// `NFT_REG_1`, whose sixteen bytes are also `NFT_REG32_00` to `_03`; `NFT_REG32_01`; `NFT_REG_2`.
const REGISTER: u32 = 1;
const PORT_REGISTER4: u32 = 9;
const PORT_REGISTER6: u32 = 2;

/// `NFT_META_*`.
const META_MARK: u32 = 3;
const META_FAMILY: u32 = 15;
const META_PROTOCOL: u32 = 16;
const TCP: u8 = 6;

/// `NFT_PAYLOAD_NETWORK_HEADER`, `NFT_PAYLOAD_TRANSPORT_HEADER`.
const NETWORK: u32 = 1;
const TRANSPORT: u32 = 2;

/// What one expression does, as far as we use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Matches the address family.
    Family(u8),
    /// Matches TCP.
    Tcp,
    /// Matches the destination address.
    Destination(IpAddr),
    /// Matches the destination port.
    Port(u16),
    /// Draws a number below a modulus: the next one, or by chance.
    Draw {
        /// The modulus.
        modulus: u32,
        /// By chance.
        random: bool,
    },
    /// Looks the number up in a map.
    Lookup(String),
    /// Translates the destination to what was looked up; of that address family.
    Translate(u8),
    /// Answers with a reset.
    Reset,
    /// Sets a bit of the packet's mark.
    SetMark(u32),
    /// Matches a bit of the packet's mark.
    Mark(u32),
    /// Gives the packet this node's source address.
    Masquerade,
}

impl Expression {
    /// Adds it to a rule's list.
    pub(super) fn encode(&self, list: Encoder) -> Encoder {
        match self {
            Self::Family(family) => compare(meta(list, META_FAMILY), &[*family]),
            Self::Tcp => compare(meta(list, META_PROTOCOL), &[TCP]),
            Self::Destination(IpAddr::V4(ip)) => {
                compare(payload(list, NETWORK, 16, 4), &ip.octets())
            }
            Self::Destination(IpAddr::V6(ip)) => {
                compare(payload(list, NETWORK, 24, 16), &ip.octets())
            }
            Self::Port(port) => compare(payload(list, TRANSPORT, 2, 2), &port.to_be_bytes()),
            Self::Draw { modulus, random } => one(list, "numgen", |it| {
                it.be32(1, REGISTER)
                    .be32(2, *modulus)
                    .be32(3, u32::from(*random))
                    .be32(4, 0)
            }),
            Self::Lookup(map) => one(list, "lookup", |it| {
                it.text(1, map).be32(2, REGISTER).be32(3, REGISTER)
            }),
            Self::Translate(family) => {
                let port = if *family == AF_INET {
                    PORT_REGISTER4
                } else {
                    PORT_REGISTER6
                };
                // NFT_NAT_DNAT.
                one(list, "nat", |it| {
                    it.be32(1, 1)
                        .be32(2, (*family).into())
                        .be32(3, REGISTER)
                        .be32(5, port)
                })
            }
            // NFT_REJECT_TCP_RST.
            Self::Reset => one(list, "reject", |it| it.be32(1, 1)),
            Self::SetMark(bit) => {
                let list = bitwise(meta(list, META_MARK), !bit, *bit);
                one(list, "meta", |it| it.be32(2, META_MARK).be32(3, REGISTER))
            }
            Self::Mark(bit) => compare(bitwise(meta(list, META_MARK), *bit, 0), &bit.to_ne_bytes()),
            Self::Masquerade => one(list, "masq", |it| it),
        }
    }
}

/// One expression of the kernel.
fn one(list: Encoder, name: &str, data: impl FnOnce(Encoder) -> Encoder) -> Encoder {
    list.nested(LIST_ELEMENT, |it| it.text(NAME, name).nested(DATA, data))
}

fn meta(list: Encoder, key: u32) -> Encoder {
    one(list, "meta", |it| it.be32(2, key).be32(1, REGISTER))
}

fn payload(list: Encoder, base: u32, offset: u32, length: u32) -> Encoder {
    one(list, "payload", |it| {
        it.be32(1, REGISTER)
            .be32(2, base)
            .be32(3, offset)
            .be32(4, length)
    })
}

/// `NFT_CMP_EQ`.
fn compare(list: Encoder, value: &[u8]) -> Encoder {
    one(list, "cmp", |it| {
        it.be32(1, REGISTER)
            .be32(2, 0)
            .nested(3, |it| it.bytes(VALUE, value))
    })
}

/// Keeps the bits of `mask`, then turns those of `flip`.
fn bitwise(list: Encoder, mask: u32, flip: u32) -> Encoder {
    one(list, "bitwise", |it| {
        it.be32(1, REGISTER)
            .be32(2, REGISTER)
            .be32(3, 4)
            .nested(4, |it| it.bytes(VALUE, &mask.to_ne_bytes()))
            .nested(5, |it| it.bytes(VALUE, &flip.to_ne_bytes()))
    })
}

/// What was loaded into the register, to be compared.
#[derive(Clone, Copy)]
enum Loaded {
    Nothing,
    Meta(u32),
    Payload(u32, u32, u32),
    Bits { mask: u32, flip: u32 },
}

/// Reads a rule's expressions; none when there is one that we do not use.
///
/// # Errors
/// They are malformed.
pub fn read_expressions(list: Attributes<'_>) -> Result<Option<Vec<Expression>>, Malformed> {
    let (mut found, mut loaded) = (Vec::new(), Loaded::Nothing);
    for element in list {
        let element = element?.nested();
        let name = element.require(NAME, "name of an expression")?.text()?;
        let data = element
            .find(DATA)?
            .map_or(Attributes::new(&[]), Attribute::nested);
        let number = |kind| {
            data.value(kind, Attribute::be32)
                .map(Option::unwrap_or_default)
        };
        match (name, loaded) {
            ("meta", Loaded::Bits { mask, flip }) if data.find(3)?.is_some() => {
                if number(2)? != META_MARK || mask != !flip {
                    return Ok(None);
                }
                found.push(Expression::SetMark(flip));
                loaded = Loaded::Nothing;
            }
            ("meta", _) => loaded = Loaded::Meta(number(2)?),
            ("payload", _) => loaded = Loaded::Payload(number(2)?, number(3)?, number(4)?),
            ("bitwise", Loaded::Meta(META_MARK)) => {
                let (mask, flip) = (bits(data, 4)?, bits(data, 5)?);
                loaded = Loaded::Bits { mask, flip };
            }
            ("cmp", _) => {
                let value = data.require(3, "value")?.nested().require(VALUE, "value")?;
                let Some(matched) = matched(loaded, number(2)?, value) else {
                    return Ok(None);
                };
                found.push(matched);
                loaded = Loaded::Nothing;
            }
            ("numgen", _) => found.push(Expression::Draw {
                modulus: number(2)?,
                random: number(3)? != 0,
            }),
            ("lookup", _) => {
                let map = data.require(1, "name of the map")?.text()?;
                found.push(Expression::Lookup(map.to_owned()));
            }
            ("nat", _) => match (number(1)?, u8::try_from(number(2)?)) {
                (1, Ok(family)) => found.push(Expression::Translate(family)),
                _ => return Ok(None),
            },
            ("reject", _) if number(1)? == 1 => found.push(Expression::Reset),
            ("masq", _) => found.push(Expression::Masquerade),
            _ => return Ok(None),
        }
    }
    Ok(Some(found))
}

fn bits(data: Attributes<'_>, kind: u16) -> Result<u32, Malformed> {
    data.require(kind, "bits")?
        .nested()
        .require(VALUE, "bits")?
        .u32()
}

/// What a comparison with what was loaded matches.
fn matched(loaded: Loaded, operator: u32, value: Attribute<'_>) -> Option<Expression> {
    if operator != 0 {
        return None;
    }
    match loaded {
        Loaded::Meta(META_FAMILY) => value.u8().ok().map(Expression::Family),
        Loaded::Meta(META_PROTOCOL) => (value.u8() == Ok(TCP)).then_some(Expression::Tcp),
        Loaded::Payload(NETWORK, 16, 4) | Loaded::Payload(NETWORK, 24, 16) => {
            value.ip().ok().map(Expression::Destination)
        }
        Loaded::Payload(TRANSPORT, 2, 2) => value.be16().ok().map(Expression::Port),
        Loaded::Bits { mask, flip: 0 } => {
            (value.u32() == Ok(mask)).then_some(Expression::Mark(mask))
        }
        _ => None,
    }
}

/// The number of an address family.
pub(super) fn family_of(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { AF_INET } else { AF_INET6 }
}
