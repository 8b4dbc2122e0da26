//! The serial number of a certificate.
//!
//! Invariant: a serial is a positive integer of at most 20 bytes (RFC 5280 section 4.1.2.2) without
//! leading zeros, so that equal numbers are equal values.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::rand;

/// Longest serial number that RFC 5280 allows, in bytes.
const MAX_BYTES: usize = 20;

/// A certificate's serial number; displays in lower-case hex, as `openssl x509 -serial` reads it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Vec<u8>);

/// Why something is no serial number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SerialError {
    /// A text or bytes that are no positive number of at most 20 bytes.
    #[error("{found:?} is no serial number: expected 1 to 40 hexadecimal digits, colons allowed")]
    Malformed {
        /// What was given.
        found: String,
    },
    /// The random number generator failed.
    #[error("the operating system gives no random numbers")]
    Random,
}

impl Serial {
    /// Draws 20 random bytes with the top bit clear, as cfssl does: 159 bits never repeat.
    pub fn random() -> Result<Self, SerialError> {
        let mut bytes = [0; MAX_BYTES];
        rand::fill(&mut bytes).map_err(|_| SerialError::Random)?;
        bytes[0] &= 0x7f;
        Self::from_bytes(&bytes)
    }

    /// Takes the contents of a DER INTEGER.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SerialError> {
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        let digits = &bytes[zeros..];
        let negative = zeros == 0 && digits.first().is_some_and(|&byte| byte >= 0x80);
        if digits.is_empty() || digits.len() > MAX_BYTES || negative {
            return Err(SerialError::Malformed {
                found: hex(bytes.get(..40).unwrap_or(bytes)),
            });
        }
        Ok(Self(digits.to_owned()))
    }

    /// The number, big-endian, without leading zeros.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex(&self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

impl FromStr for Serial {
    type Err = SerialError;

    /// Reads hex, with colons (`openssl x509 -text`) or without (`openssl x509 -serial`).
    fn from_str(text: &str) -> Result<Self, SerialError> {
        let malformed = || SerialError::Malformed {
            found: text.to_owned(),
        };
        let plain = text.strip_prefix("0x").unwrap_or(text);
        let digits: Option<Vec<u8>> = plain
            .chars()
            .filter(|&letter| letter != ':')
            .map(|letter| letter.to_digit(16).map(|digit| digit as u8))
            .collect();
        let mut digits = digits
            .filter(|digits| digits.len() <= 2 * (MAX_BYTES + 1))
            .ok_or_else(malformed)?;
        if digits.len() % 2 == 1 {
            digits.insert(0, 0);
        }
        let mut bytes = vec![0];
        bytes.extend(digits.chunks(2).map(|pair| (pair[0] << 4) | pair[1]));
        Self::from_bytes(&bytes).map_err(|_| malformed())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn random_serials_differ_and_fit() {
        let (one, other) = (Serial::random().unwrap(), Serial::random().unwrap());
        assert_ne!(one, other);
        assert!(one.as_bytes().len() <= 20);
        assert_eq!(one.to_string().parse(), Ok(one));
    }

    #[test]
    fn both_forms_of_openssl_are_read() {
        for text in ["0ABC", "abc", "0a:bc", "0x0abc"] {
            assert_eq!(text.parse::<Serial>().unwrap().to_string(), "0abc");
        }
        for text in ["", "0", "xyz", "-1", &"f".repeat(41)] {
            assert!(text.parse::<Serial>().is_err(), "{text}");
        }
        assert!("f".repeat(40).parse::<Serial>().is_ok());
        assert!(Serial::from_bytes(&[0x80]).is_err());
        assert!(Serial::from_bytes(&[0, 0x80]).is_ok());
    }

    proptest! {
        #[test]
        fn arbitrary_input_never_panics(bytes: Vec<u8>, text: String) {
            let _ = Serial::from_bytes(&bytes);
            let _ = text.parse::<Serial>();
        }
    }
}
