//! nftables as the second data plane, over nfnetlink, in a table of our own.
//!
//! Invariant: the table `inet etcdha` is ours alone and is replaced as a whole in one transaction: packets meet the old
//! one or the new one. Nothing else of the packet filter is read or changed. Formats:
//! `include/uapi/linux/netfilter/nf_tables.h`, `nfnetlink_conntrack.h`.
//!
//! What the table holds, for each virtual service: a map from numbers to servers, and a rule that draws a number and
//! translates the destination. Numbers from 2^31 on are never drawn; they tell each server's weight, so that
//! the whole state can be read back out of the kernel.

mod conntrack;
mod expression;
mod handle;
mod spread;
mod table;
#[cfg(test)]
mod tests;

pub use conntrack::{Flow, read_flow};
pub use expression::{Expression, read_expressions};
pub use handle::{Nft, NftError};
pub(in crate::dataplane) use table::holdable;
pub use table::{
    Chain, Element, Rule, Table, TableParts, read_chain, read_elements, read_map, read_rule,
};

use super::netlink::{Encoder, Malformed, Message};

/// `NFNL_SUBSYS_NFTABLES` and `NFNL_SUBSYS_CTNETLINK`.
const NFTABLES: u16 = 10;
const CONNTRACK: u16 = 1;
/// Family, version and resource (`struct nfgenmsg`).
const HEADER: usize = 4;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// The header of a message of netfilter.
fn header(family: u8, resource: u16) -> Encoder {
    let [high, low] = resource.to_be_bytes();
    Encoder::new().raw(&[family, 0, high, low])
}

/// The attributes behind it.
fn attributes(message: Message<'_>) -> Result<super::netlink::Attributes<'_>, Malformed> {
    let body = message.body;
    let rest = body.get(HEADER..).ok_or(Malformed::Length {
        length: HEADER,
        available: body.len(),
    })?;
    Ok(super::netlink::Attributes::new(rest))
}
