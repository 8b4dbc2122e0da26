//! Generic netlink: families that are found by name (`include/uapi/linux/genetlink.h`).

use super::attribute::{Attribute, Attributes};
use super::message::{Message, Request};
use super::{Encoder, Malformed};

/// The family that knows the others (`GENL_ID_CTRL`).
pub const FAMILY_LOOKUP: u16 = 0x10;
/// `CTRL_CMD_GETFAMILY`, `CTRL_ATTR_FAMILY_ID`, `CTRL_ATTR_FAMILY_NAME`.
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
/// Command, version and two reserved bytes.
const HEADER: usize = 4;

/// The header of a command of a family.
pub fn generic_header(command: u8) -> Encoder {
    Encoder::new().raw(&[command, 1, 0, 0])
}

/// Asks for the number of a family. The kernel loads its module where that is missing.
pub fn family_request(name: &str) -> Request {
    Request {
        kind: FAMILY_LOOKUP,
        flags: 0,
        body: generic_header(GET_FAMILY).text(FAMILY_NAME, name),
    }
}

/// Reads the number of a family.
///
/// # Errors
/// The answer is malformed.
pub fn family_id(message: Message<'_>) -> Result<u16, Malformed> {
    let attributes = without_generic_header(message)?;
    let id = attributes.require(FAMILY_ID, "number of the family")?;
    Attribute::u16(id)
}

/// The attributes of a message of a family.
///
/// # Errors
/// It is too short.
pub fn without_generic_header(message: Message<'_>) -> Result<Attributes<'_>, Malformed> {
    let body = message.body;
    let rest = body.get(HEADER..).ok_or(Malformed::Length {
        length: HEADER,
        available: body.len(),
    })?;
    Ok(Attributes::new(rest))
}
