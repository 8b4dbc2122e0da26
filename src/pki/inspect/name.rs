//! A subject or issuer as it is shown.

use serde::{Serialize, Serializer};
use x509_parser::x509::X509Name;

use super::der::DerFault;
use crate::pki::Name;

/// A subject or issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameFacts {
    /// RFC 4514 text; empty for an empty name.
    pub text: String,
    /// The encoded name, byte for byte: what Go and OpenSSL compare.
    pub der: Vec<u8>,
}

impl NameFacts {
    /// Describes a name that x509-parser accepted.
    pub(super) fn read(name: &X509Name<'_>) -> Result<Self, DerFault> {
        Self::from_der(name.as_raw()).ok_or_else(|| DerFault::Fields {
            reason: "a distinguished name is no sequence of names".to_owned(),
        })
    }

    /// Describes an encoded name; `None` where it is none.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let name = Name::from_der(der).ok()?;
        Some(Self {
            text: name.to_string(),
            der: der.to_vec(),
        })
    }
}

impl Serialize for NameFacts {
    /// Writes the RFC 4514 text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
