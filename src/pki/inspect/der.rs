//! The steps that all DER structures share: lengths, times, and naming what is wrong.
//!
//! Invariant: a structure is accepted only when it fills its bytes exactly. x509-parser stops
//! quietly at what it does not understand; a rest it left over is an error here.

use jiff::Timestamp;
use x509_parser::error::X509Error;
use x509_parser::nom;
use x509_parser::time::ASN1Time;

use super::extensions::ExtensionFault;

/// Why bytes are not the structure they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DerFault {
    /// They do not start with a DER sequence.
    #[error("found no DER sequence in its {length} bytes")]
    NoSequence {
        /// Number of bytes.
        length: usize,
    },
    /// They end early.
    #[error("it is cut off: {found} bytes are there, its header says {expected}")]
    CutOff {
        /// Number of bytes.
        found: usize,
        /// Number of bytes that the header declares.
        expected: usize,
    },
    /// Something follows.
    #[error("{extra} bytes follow after byte {length}, where it ends")]
    Trailing {
        /// Number of bytes too many.
        extra: usize,
        /// Number of bytes that the header declares.
        length: usize,
    },
    /// A field is broken.
    #[error("its fields cannot be read: {reason}")]
    Fields {
        /// The field and why.
        reason: String,
    },
    /// An extension is broken.
    #[error(transparent)]
    Extension(#[from] ExtensionFault),
}

/// Total length that the header of a sequence declares; `None` where there is no sequence with a
/// definite length.
fn declared_length(bytes: &[u8]) -> Option<usize> {
    let [0x30, first, rest @ ..] = bytes else {
        return None;
    };
    if *first < 0x80 {
        return Some(2 + usize::from(*first));
    }
    let count = usize::from(first & 0x7f);
    // Four length bytes address 4 GiB; no certificate file is that large.
    if count == 0 || count > 4 || rest.len() < count {
        return None;
    }
    let length = rest[..count]
        .iter()
        .fold(0_usize, |sum, &byte| sum << 8 | usize::from(byte));
    length.checked_add(2 + count)
}

/// Checks that one DER sequence fills the bytes exactly.
pub(super) fn check_length(bytes: &[u8]) -> Result<(), DerFault> {
    let found = bytes.len();
    match declared_length(bytes) {
        None => Err(DerFault::NoSequence { length: found }),
        Some(expected) if expected > found => Err(DerFault::CutOff { found, expected }),
        Some(length) if length < found => Err(DerFault::Trailing {
            extra: found - length,
            length,
        }),
        Some(_) => Ok(()),
    }
}

/// Puts x509-parser's answer into words.
pub(super) fn unreadable(error: &nom::Err<X509Error>) -> DerFault {
    let reason = match error {
        nom::Err::Incomplete(_) => "a field is cut off".to_owned(),
        nom::Err::Error(error) | nom::Err::Failure(error) => error.to_string(),
    };
    DerFault::Fields { reason }
}

/// Converts a time. What lies outside of the calendar's range becomes its first or last instant:
/// RFC 5280 writes "never" as the end of year 9999, some hours past the range.
pub(super) fn timestamp(time: ASN1Time) -> Timestamp {
    let range = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
    let seconds = time.timestamp().clamp(*range.start(), *range.end());
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_compared_with_the_bytes() {
        assert_eq!(check_length(&[0x30, 1, 5]), Ok(()));
        assert_eq!(check_length(&[0x30, 0x81, 1, 5]), Ok(()));
        for (bytes, fault) in [
            (&b"hello"[..], DerFault::NoSequence { length: 5 }),
            (&[], DerFault::NoSequence { length: 0 }),
            (&[0x30, 0x80, 0, 0], DerFault::NoSequence { length: 4 }),
            (&[0x30, 0x82, 1], DerFault::NoSequence { length: 3 }),
            (
                &[0x30, 2, 5],
                DerFault::CutOff {
                    found: 3,
                    expected: 4,
                },
            ),
            (
                &[0x30, 0, 5],
                DerFault::Trailing {
                    extra: 1,
                    length: 2,
                },
            ),
        ] {
            assert_eq!(check_length(bytes).unwrap_err(), fault);
        }
    }
}
