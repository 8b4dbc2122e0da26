//! Attributes as the kernel sends them: a length, a number and a value, one behind the other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Malformed, padded};

/// Length and number (`struct nlattr`).
const HEADER: usize = 4;
/// The number without the bits "nested" and "big endian" (`NLA_TYPE_MASK`).
const KIND: u16 = 0x3fff;

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its number, without flag bits.
    pub kind: u16,
    /// Its value, without padding.
    pub data: &'a [u8],
}

/// Attributes one behind the other. Ends at the first one that is malformed, which is an error.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// Reads attributes from bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The last attribute of a number, as the kernel reads repeated ones.
    ///
    /// # Errors
    /// One of the attributes is malformed.
    pub fn find(self, kind: u16) -> Result<Option<Attribute<'a>>, Malformed> {
        let mut found = None;
        for attribute in self {
            found = Some(attribute?).filter(|it| it.kind == kind).or(found);
        }
        Ok(found)
    }

    /// An attribute that must be there.
    ///
    /// # Errors
    /// It is missing, or one of the attributes is malformed.
    pub fn require(self, kind: u16, name: &'static str) -> Result<Attribute<'a>, Malformed> {
        self.find(kind)?.ok_or(Malformed::Missing(name))
    }

    /// Reads the value of an attribute, if it is there.
    ///
    /// # Errors
    /// What `read` says, or one of the attributes is malformed.
    pub fn value<T>(
        self,
        kind: u16,
        read: impl FnOnce(Attribute<'a>) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        self.find(kind)?.map(read).transpose()
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.0;
        if bytes.is_empty() {
            return None;
        }
        let length = match bytes {
            [a, b, _, _, ..] => usize::from(u16::from_ne_bytes([*a, *b])),
            _ => 0,
        };
        if length < HEADER || length > bytes.len() {
            self.0 = &[];
            let available = bytes.len();
            return Some(Err(Malformed::Length { length, available }));
        }
        // The last one may come without its padding.
        self.0 = bytes.get(padded(length)..).unwrap_or(&[]);
        let kind = u16::from_ne_bytes([bytes[2], bytes[3]]) & KIND;
        let data = &bytes[HEADER..length];
        Some(Ok(Attribute { kind, data }))
    }
}

impl<'a> Attribute<'a> {
    fn array<const N: usize>(self) -> Result<[u8; N], Malformed> {
        self.data.try_into().map_err(|_| Malformed::Size {
            kind: self.kind,
            found: self.data.len(),
            expected: N,
        })
    }

    /// A byte.
    ///
    /// # Errors
    /// Another size.
    pub fn u8(self) -> Result<u8, Malformed> {
        self.array().map(u8::from_ne_bytes)
    }

    /// Two bytes in the machine's order.
    ///
    /// # Errors
    /// Another size.
    pub fn u16(self) -> Result<u16, Malformed> {
        self.array().map(u16::from_ne_bytes)
    }

    /// Four bytes in the machine's order.
    ///
    /// # Errors
    /// Another size.
    pub fn u32(self) -> Result<u32, Malformed> {
        self.array().map(u32::from_ne_bytes)
    }

    /// Eight bytes in the machine's order.
    ///
    /// # Errors
    /// Another size.
    pub fn u64(self) -> Result<u64, Malformed> {
        self.array().map(u64::from_ne_bytes)
    }

    /// Two bytes in network order.
    ///
    /// # Errors
    /// Another size.
    pub fn be16(self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes in network order.
    ///
    /// # Errors
    /// Another size.
    pub fn be32(self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// Text up to its NUL, or all of it where there is none.
    ///
    /// # Errors
    /// No UTF-8.
    pub fn text(self) -> Result<&'a str, Malformed> {
        let end = self.data.iter().position(|byte| *byte == 0);
        let text = &self.data[..end.unwrap_or(self.data.len())];
        std::str::from_utf8(text).map_err(|_| Malformed::Text { kind: self.kind })
    }

    /// The attributes inside.
    pub fn nested(self) -> Attributes<'a> {
        Attributes(self.data)
    }

    /// Four or sixteen bytes of an address.
    ///
    /// # Errors
    /// Another size.
    pub fn ip(self) -> Result<IpAddr, Malformed> {
        match self.data.len() {
            4 => self.array::<4>().map(|it| Ipv4Addr::from(it).into()),
            _ => self.array::<16>().map(|it| Ipv6Addr::from(it).into()),
        }
    }
}
