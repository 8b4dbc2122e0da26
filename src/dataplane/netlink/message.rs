//! Messages: their header, and what the kernel says about a request.

use super::attribute::Attributes;
use super::{Encoder, Malformed, padded};

/// Length, type, flags, sequence number and port (`struct nlmsghdr`).
const HEADER: usize = 16;
/// `NLMSG_NOOP`, `NLMSG_ERROR` and `NLMSG_DONE`; types below 16 are the protocol's own.
const NOOP: u16 = 1;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_DUMP_INTR`: the table changed while it was dumped.
const DUMP_INTERRUPTED: u16 = 0x10;
/// `NLM_F_CAPPED` and `NLM_F_ACK_TLVS` of an error.
const CAPPED: u16 = 0x100;
const ACK_ATTRIBUTES: u16 = 0x200;
/// `NLMSGERR_ATTR_MSG` and `NLMSGERR_ATTR_OFFS`.
const ACK_TEXT: u16 = 1;
const ACK_OFFSET: u16 = 2;

/// Flags of requests.
pub mod flags {
    /// It is a request; set by itself.
    pub const REQUEST: u16 = 1;
    /// Answer with a result.
    pub const ACK: u16 = 4;
    /// Return everything that matches.
    pub const DUMP: u16 = 0x300;
    /// Put it in the place of what is there.
    pub const REPLACE: u16 = 0x100;
    /// Fail where it is there already.
    pub const EXCL: u16 = 0x200;
    /// Make it where it is not there.
    pub const CREATE: u16 = 0x400;
    /// Put it behind the others.
    pub const APPEND: u16 = 0x800;
}

/// A message to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its type: a family's number, or a command.
    pub kind: u16,
    /// See [`flags`].
    pub flags: u16,
    /// What follows the header.
    pub body: Encoder,
}

impl Request {
    /// The bytes; none when one of its attributes was too long.
    pub fn encode(self, sequence: u32) -> Option<Vec<u8>> {
        let body = self.body.finish()?;
        let length = u32::try_from(HEADER + body.len()).ok()?;
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend_from_slice(&length.to_ne_bytes());
        bytes.extend_from_slice(&self.kind.to_ne_bytes());
        bytes.extend_from_slice(&(self.flags | flags::REQUEST).to_ne_bytes());
        bytes.extend_from_slice(&sequence.to_ne_bytes());
        // The port: the kernel.
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&body);
        Some(bytes)
    }
}

/// A message from the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its type.
    pub kind: u16,
    /// Its flags.
    pub flags: u16,
    /// The number of the request it answers.
    pub sequence: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

/// The messages of one datagram. Ends at the first one that is malformed, which is an error.
#[derive(Clone, Copy, Debug)]
pub struct Messages<'a>(&'a [u8]);

impl<'a> Messages<'a> {
    /// Reads a datagram.
    pub fn new(datagram: &'a [u8]) -> Self {
        Self(datagram)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.0;
        if bytes.is_empty() {
            return None;
        }
        let length = four(bytes, 0).map_or(0, u32::from_ne_bytes);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length < HEADER || length > bytes.len() {
            self.0 = &[];
            let available = bytes.len();
            return Some(Err(Malformed::Length { length, available }));
        }
        self.0 = bytes.get(padded(length)..).unwrap_or(&[]);
        let [a, b, c, d] = four(bytes, 4).unwrap_or_default();
        Some(Ok(Message {
            kind: u16::from_ne_bytes([a, b]),
            flags: u16::from_ne_bytes([c, d]),
            sequence: four(bytes, 8).map_or(0, u32::from_ne_bytes),
            body: &bytes[HEADER..length],
        }))
    }
}

/// What a message from the kernel means to the one who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Part of the answer.
    Data(Message<'a>),
    /// The request is done; with a dump, there is no more.
    Done,
    /// The kernel refused.
    Refused(Refusal),
    /// Nothing.
    Noise,
}

/// Why the kernel refused a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error number, such as 17 (EEXIST).
    pub errno: i32,
    /// What the kernel says about it, where it does.
    pub text: Option<String>,
    /// Which byte of the request it is about, where it says so.
    pub offset: Option<u32>,
}

impl<'a> Message<'a> {
    /// True when the table changed while it was dumped: the dump has to be made again.
    pub fn is_interrupted(self) -> bool {
        self.flags & DUMP_INTERRUPTED != 0
    }

    /// What it means.
    ///
    /// # Errors
    /// An error message that is malformed.
    pub fn answer(self) -> Result<Answer<'a>, Malformed> {
        match self.kind {
            NOOP => Ok(Answer::Noise),
            ERROR | DONE => self.result(),
            _ => Ok(Answer::Data(self)),
        }
    }

    /// `NLMSG_ERROR` and `NLMSG_DONE` open with the negative error number, 0 for success.
    fn result(self) -> Result<Answer<'a>, Malformed> {
        let errno = match four(self.body, 0) {
            Some(bytes) => i32::from_ne_bytes(bytes),
            // A bare end of a dump.
            None if self.kind == DONE => 0,
            None => {
                let available = self.body.len();
                return Err(Malformed::Length {
                    length: 4,
                    available,
                });
            }
        };
        if errno == 0 {
            return Ok(Answer::Done);
        }
        let attributes = self.ack_attributes();
        // The advice of a refusal is not worth another error.
        let text = attributes.value(ACK_TEXT, |it| it.text().map(str::to_owned));
        let offset = attributes.value(ACK_OFFSET, super::Attribute::u32);
        Ok(Answer::Refused(Refusal {
            errno: errno.saturating_neg(),
            text: text.ok().flatten(),
            offset: offset.ok().flatten(),
        }))
    }

    /// The attributes behind the error and the echo of the request, of which a capped one holds the header.
    fn ack_attributes(self) -> Attributes<'a> {
        if self.flags & ACK_ATTRIBUTES == 0 {
            return Attributes::new(&[]);
        }
        let start = if self.kind == DONE {
            4
        } else if self.flags & CAPPED != 0 {
            4 + HEADER
        } else {
            let echoed = four(self.body, 4).map_or(0, u32::from_ne_bytes);
            4 + padded(usize::try_from(echoed).unwrap_or(usize::MAX / 2))
        };
        Attributes::new(self.body.get(start..).unwrap_or(&[]))
    }
}

fn four(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok()
}
