//! How is a DER value taken apart and put together, byte for byte?
//!
//! Invariant: what is read keeps its raw bytes, and what is written is DER (X.690): definite,
//! minimal lengths and sorted sets. Only the few types that names, keys and signed structures need
//! are here; everything else about certificates is left to rcgen and x509-parser.

/// `BOOLEAN`.
pub(crate) const BOOLEAN: u8 = 0x01;
/// `INTEGER`.
pub(crate) const INTEGER: u8 = 0x02;
/// `BIT STRING`.
pub(crate) const BIT_STRING: u8 = 0x03;
/// `OCTET STRING`.
pub(crate) const OCTET_STRING: u8 = 0x04;
/// `NULL`.
pub(crate) const NULL: u8 = 0x05;
/// `OBJECT IDENTIFIER`.
pub(crate) const OID: u8 = 0x06;
/// `SEQUENCE`, constructed.
pub(crate) const SEQUENCE: u8 = 0x30;
/// `SET`, constructed.
pub(crate) const SET: u8 = 0x31;

/// Why bytes are no DER value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DerError {
    /// The bytes end inside a value.
    #[error("the DER value is cut short")]
    Truncated,
    /// A length that is indefinite, longer than four bytes or longer than needed.
    #[error("a DER length is not in its shortest form")]
    Length,
    /// A tag of more than one byte, or another one than the structure has here.
    #[error("unexpected DER tag 0x{found:02x}, expected 0x{expected:02x}")]
    Tag {
        /// The tag that stands there.
        found: u8,
        /// The tag that the structure calls for.
        expected: u8,
    },
    /// Bytes after the end of the value.
    #[error("bytes follow the DER value")]
    Trailing,
    /// A value that its type does not allow.
    #[error("a DER value is out of range")]
    Value,
}

/// One value: tag, contents, and the bytes of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tlv<'a> {
    pub(crate) tag: u8,
    pub(crate) contents: &'a [u8],
    pub(crate) raw: &'a [u8],
}

impl<'a> Tlv<'a> {
    /// A reader over the contents.
    pub(crate) fn inner(&self) -> Reader<'a> {
        Reader::new(self.contents)
    }
}

/// Reads one value after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The tag of the next value, if there is one.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next value, whatever its tag.
    pub(crate) fn any(&mut self) -> Result<Tlv<'a>, DerError> {
        let (&tag, after_tag) = self.rest.split_first().ok_or(DerError::Truncated)?;
        if tag & 0x1f == 0x1f {
            return Err(DerError::Tag {
                found: tag,
                expected: SEQUENCE,
            });
        }
        let (length, body) = read_length(after_tag)?;
        let contents = body.get(..length).ok_or(DerError::Truncated)?;
        let header = self.rest.len() - body.len();
        let (raw, rest) = self.rest.split_at(header + length);
        self.rest = rest;
        Ok(Tlv { tag, contents, raw })
    }

    /// The next value, which must carry `tag`.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Tlv<'a>, DerError> {
        let found = self.peek().ok_or(DerError::Truncated)?;
        if found == tag {
            self.any()
        } else {
            Err(DerError::Tag {
                found,
                expected: tag,
            })
        }
    }

    /// The next value if it carries `tag`.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Tlv<'a>>, DerError> {
        if self.peek() == Some(tag) {
            self.any().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Makes sure that nothing is left.
    pub(crate) fn finish(&self) -> Result<(), DerError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DerError::Trailing)
        }
    }
}

/// Reads the one value that `bytes` consist of.
pub(crate) fn single(bytes: &[u8], tag: u8) -> Result<Tlv<'_>, DerError> {
    let mut reader = Reader::new(bytes);
    let value = reader.expect(tag)?;
    reader.finish()?;
    Ok(value)
}

fn read_length(bytes: &[u8]) -> Result<(usize, &[u8]), DerError> {
    let (&first, rest) = bytes.split_first().ok_or(DerError::Truncated)?;
    if first < 0x80 {
        return Ok((usize::from(first), rest));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return Err(DerError::Length);
    }
    let (octets, rest) = rest.split_at_checked(count).ok_or(DerError::Truncated)?;
    let length = octets
        .iter()
        .fold(0_usize, |sum, &octet| (sum << 8) | usize::from(octet));
    let shortest = length >= 0x80 && octets[0] != 0;
    if shortest {
        Ok((length, rest))
    } else {
        Err(DerError::Length)
    }
}

/// Writes one value.
pub(crate) fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(contents.len() + 6);
    out.push(tag);
    let length = contents.len();
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let octets = length.to_be_bytes();
        let skip = octets.iter().take_while(|&&octet| octet == 0).count();
        out.push(0x80 | (octets.len() - skip) as u8);
        out.extend_from_slice(&octets[skip..]);
    }
    out.extend_from_slice(contents);
    out
}

/// Writes a `SEQUENCE` of finished values.
pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SEQUENCE, &parts.concat())
}

/// Writes a `SET OF`: DER sorts its elements by their encoding.
pub(crate) fn set_of(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    tlv(SET, &parts.concat())
}

/// Writes a `BIT STRING` of whole bytes.
pub(crate) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    let mut contents = Vec::with_capacity(bytes.len() + 1);
    contents.push(0);
    contents.extend_from_slice(bytes);
    tlv(BIT_STRING, &contents)
}

/// Reads the bytes of a `BIT STRING` without unused bits.
pub(crate) fn bit_string_bytes<'a>(value: &Tlv<'a>) -> Result<&'a [u8], DerError> {
    match value.contents.split_first() {
        Some((0, bytes)) => Ok(bytes),
        _ => Err(DerError::Value),
    }
}

/// Writes an `OBJECT IDENTIFIER`; the first two arcs must be in range (X.690 section 8.19).
pub(crate) fn oid(arcs: &[u64]) -> Result<Vec<u8>, DerError> {
    let [first, second, rest @ ..] = arcs else {
        return Err(DerError::Value);
    };
    if *first > 2 || (*first < 2 && *second > 39) {
        return Err(DerError::Value);
    }
    let mut contents = Vec::new();
    let head = (first * 40).checked_add(*second).ok_or(DerError::Value)?;
    push_arc(&mut contents, head);
    for &arc in rest {
        push_arc(&mut contents, arc);
    }
    Ok(tlv(OID, &contents))
}

fn push_arc(out: &mut Vec<u8>, arc: u64) {
    let groups = (64 - arc.leading_zeros()).div_ceil(7).max(1);
    for index in (0..groups).rev() {
        let more = if index == 0 { 0 } else { 0x80 };
        out.push((arc >> (7 * index)) as u8 & 0x7f | more);
    }
}

/// Reads the arcs of an `OBJECT IDENTIFIER`'s contents.
pub(crate) fn oid_arcs(contents: &[u8]) -> Result<Vec<u64>, DerError> {
    let mut arcs = Vec::new();
    let mut arc = 0_u64;
    let mut fresh = true;
    for &byte in contents {
        if (fresh && byte == 0x80) || arc > u64::MAX >> 7 {
            return Err(DerError::Value);
        }
        arc = (arc << 7) | u64::from(byte & 0x7f);
        fresh = byte & 0x80 == 0;
        if fresh {
            push_read_arc(&mut arcs, arc);
            arc = 0;
        }
    }
    if fresh && !arcs.is_empty() {
        Ok(arcs)
    } else {
        Err(DerError::Value)
    }
}

fn push_read_arc(arcs: &mut Vec<u64>, arc: u64) {
    if arcs.is_empty() {
        let first = (arc / 40).min(2);
        arcs.extend([first, arc - first * 40]);
    } else {
        arcs.push(arc);
    }
}

/// Writes arcs as people do: `2.5.4.10`.
pub(crate) fn dotted(arcs: &[u64]) -> String {
    let texts: Vec<String> = arcs.iter().map(u64::to_string).collect();
    texts.join(".")
}

/// Reads `2.5.4.10`.
pub(crate) fn parse_dotted(text: &str) -> Result<Vec<u64>, DerError> {
    let arcs: Option<Vec<u64>> = text
        .split('.')
        .map(|arc| {
            let digits = !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| arc.parse().ok()).flatten()
        })
        .collect();
    let arcs = arcs.ok_or(DerError::Value)?;
    oid(&arcs)?;
    Ok(arcs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_written_and_read_in_their_shortest_form() {
        for size in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let written = tlv(OCTET_STRING, &vec![7; size]);
            let read = single(&written, OCTET_STRING).unwrap();
            assert_eq!((read.contents.len(), read.raw), (size, &written[..]));
        }
        assert_eq!(single(&[4, 0x81, 1, 9], 4), Err(DerError::Length));
        assert_eq!(single(&[4, 0x80, 0, 0], 4), Err(DerError::Length));
        assert_eq!(single(&[4, 2, 9], 4), Err(DerError::Truncated));
        assert_eq!(single(&[4, 1, 9, 0], 4), Err(DerError::Trailing));
    }

    #[test]
    fn object_identifiers_survive_a_round_trip() {
        for text in [
            "2.5.4.10",
            "1.2.840.113549.1.9.1",
            "2.999.1",
            "0.9.2342.19200300.100.1.25",
        ] {
            let arcs = parse_dotted(text).unwrap();
            let written = oid(&arcs).unwrap();
            let read = single(&written, OID).unwrap();
            assert_eq!(dotted(&oid_arcs(read.contents).unwrap()), text);
        }
        for bad in ["", "1", "3.1", "1.40", "1..2", "1.+2", "1.2.x"] {
            assert!(parse_dotted(bad).is_err(), "{bad}");
        }
        assert!(oid_arcs(&[0x80, 1]).is_err());
        assert!(oid_arcs(&[0x2a, 0x86]).is_err());
    }

    #[test]
    fn sets_are_sorted() {
        let set = set_of(vec![tlv(OCTET_STRING, b"b"), tlv(OCTET_STRING, b"a")]);
        assert_eq!(set, [0x31, 6, 4, 1, b'a', 4, 1, b'b']);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            while let Ok(value) = reader.any() {
                let _ = oid_arcs(value.contents);
                let _ = bit_string_bytes(&value);
            }
        }

        #[test]
        fn object_identifiers_of_any_arcs_survive(rest: Vec<u64>) {
            let arcs = [&[1, 3][..], &rest].concat();
            let written = oid(&arcs).unwrap();
            let read = single(&written, OID).unwrap();
            prop_assert_eq!(oid_arcs(read.contents).unwrap(), arcs);
        }
    }
}
