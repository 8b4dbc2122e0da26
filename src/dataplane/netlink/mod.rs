//! Netlink, the kernel's way to be asked and told: messages and attributes as bytes, and a socket.
//!
//! Invariant: the codec is pure and takes bytes of any kind: it may say that they are malformed, it never
//! panics, loops or reads beyond them. Formats: netlink(7), `include/uapi/linux/netlink.h`.

mod attribute;
mod encoder;
mod generic;
mod message;
mod socket;
#[cfg(test)]
mod tests;

pub use attribute::{Attribute, Attributes};
pub use encoder::Encoder;
pub use generic::{
    FAMILY_LOOKUP, family_id, family_request, generic_header, without_generic_header,
};
pub use message::{Answer, Message, Messages, Refusal, Request, flags};
pub use socket::{NetlinkError, NetlinkSocket, Protocol};

/// Why bytes are no netlink message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A length that leaves its surroundings, or is too short for its own header.
    #[error("malformed netlink data: a length of {length} bytes where {available} are left")]
    Length {
        /// What the bytes say.
        length: usize,
        /// What there is.
        available: usize,
    },
    /// A value of another size than its attribute has.
    #[error("malformed netlink data: attribute {kind} holds {found} bytes, expected {expected}")]
    Size {
        /// Number of the attribute.
        kind: u16,
        /// Bytes found.
        found: usize,
        /// Bytes expected.
        expected: usize,
    },
    /// Text that is not UTF-8.
    #[error("malformed netlink data: attribute {kind} is no text")]
    Text {
        /// Number of the attribute.
        kind: u16,
    },
    /// An attribute that every such message has is missing.
    #[error("malformed netlink data: no {0}")]
    Missing(&'static str),
    /// A value that means nothing.
    #[error("malformed netlink data: {what} {value}")]
    Value {
        /// What it should be.
        what: &'static str,
        /// The number.
        value: u64,
    },
}

/// Everything starts at a multiple of four bytes.
const ALIGNMENT: usize = 4;

/// `length` with its padding.
fn padded(length: usize) -> usize {
    length.saturating_add(ALIGNMENT - 1) & !(ALIGNMENT - 1)
}
