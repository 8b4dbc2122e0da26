//! The number an issuer gives to each certificate.
//!
//! Invariant: two encodings of one number are equal, whatever leading zeros they carry.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use x509_parser::num_bigint::{BigInt, Sign};

/// A serial number. Displays in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SerialNumber(BigInt);

impl SerialNumber {
    /// Reads the contents of a DER integer.
    pub fn new(bytes: &[u8]) -> Self {
        Self(BigInt::from_signed_bytes_be(bytes))
    }

    /// Reads a big-endian number without a sign.
    pub(super) fn from_unsigned(bytes: &[u8]) -> Self {
        Self(BigInt::from_bytes_be(Sign::Plus, bytes))
    }

    /// The number in decimal, as cfssl prints it.
    pub fn decimal(&self) -> String {
        self.0.to_string()
    }
}

impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, bytes) = self.0.to_bytes_be();
        if sign == Sign::Minus {
            f.write_str("-")?;
        }
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for SerialNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("SerialNumber", 2)?;
        out.serialize_field("hex", &self.to_string())?;
        out.serialize_field("decimal", &self.decimal())?;
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_and_decimal_are_the_number() {
        for (bytes, hex, decimal) in [
            (&[0x00][..], "00", "0"),
            (&[0x7f], "7f", "127"),
            (&[0x00, 0xff], "ff", "255"),
            (&[0x01, 0x00, 0x00], "010000", "65536"),
            (&[0xff], "-01", "-1"),
        ] {
            let serial = SerialNumber::new(bytes);
            assert_eq!(serial.to_string(), hex);
            assert_eq!(serial.decimal(), decimal);
        }
        assert_eq!(SerialNumber::new(&[0, 0, 5]), SerialNumber::new(&[5]));
    }
}
