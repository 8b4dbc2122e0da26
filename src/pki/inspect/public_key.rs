//! What kind of public key is this, how strong, and is it the same as that one?
//!
//! Invariant: two keys are the same exactly when algorithm, curve and key bits are; optional
//! parameters, which encoders write differently, do not count.

use std::fmt;

use serde::Serialize;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::{PublicKey, RSAPublicKey};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::der::{self, DerFault};
use super::shape::Shape;

/// The family of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum KeyFamily {
    /// RSA.
    #[serde(rename = "RSA")]
    Rsa,
    /// ECDSA on a curve.
    #[serde(rename = "ECDSA")]
    Ecdsa(Curve),
    /// Ed25519.
    Ed25519,
    /// Any other algorithm, by name or OID; etcd has no use for it.
    #[serde(untagged)]
    Other(String),
}

/// A named curve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Curve {
    /// NIST P-256.
    #[serde(rename = "P-256")]
    P256,
    /// NIST P-384.
    #[serde(rename = "P-384")]
    P384,
    /// NIST P-521.
    #[serde(rename = "P-521")]
    P521,
    /// Any other, by name or OID.
    #[serde(untagged)]
    Other(String),
}

impl Curve {
    pub(super) fn from_oid(oid: &str) -> Self {
        match oid {
            "1.2.840.10045.3.1.7" => Self::P256,
            "1.3.132.0.34" => Self::P384,
            "1.3.132.0.35" => Self::P521,
            "1.3.132.0.33" => Self::Other("P-224".to_owned()),
            "1.3.132.0.10" => Self::Other("secp256k1".to_owned()),
            other => Self::Other(other.to_owned()),
        }
    }

    fn bits(&self) -> Option<usize> {
        match self {
            Self::P256 => Some(256),
            Self::P384 => Some(384),
            Self::P521 => Some(521),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

impl KeyFamily {
    /// Names the algorithm of a dotted OID, as in SubjectPublicKeyInfo and PKCS#8.
    pub(super) fn from_oids(algorithm: &str, curve: Option<&str>) -> Self {
        match algorithm {
            "1.2.840.113549.1.1.1" => Self::Rsa,
            "1.2.840.10045.2.1" => Self::Ecdsa(Curve::from_oid(curve.unwrap_or("no named curve"))),
            "1.3.101.112" => Self::Ed25519,
            "1.3.101.113" => Self::Other("Ed448".to_owned()),
            "1.3.101.110" => Self::Other("X25519".to_owned()),
            "1.2.840.10040.4.1" => Self::Other("DSA".to_owned()),
            "1.2.840.113549.1.1.10" => Self::Other("RSA-PSS".to_owned()),
            other => Self::Other(other.to_owned()),
        }
    }

    /// The size that follows from the family alone.
    pub(super) fn fixed_bits(&self) -> Option<usize> {
        match self {
            Self::Ecdsa(curve) => curve.bits(),
            Self::Ed25519 => Some(256),
            Self::Rsa | Self::Other(_) => None,
        }
    }
}

impl fmt::Display for KeyFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa => f.write_str("RSA"),
            Self::Ecdsa(curve) => write!(f, "ECDSA {curve}"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicKeyFacts {
    /// Algorithm and curve, as text: `RSA`, `ECDSA P-256`, `Ed25519`.
    #[serde(serialize_with = "as_text")]
    pub algorithm: KeyFamily,
    /// Size in bits; absent where it cannot be told.
    pub bits: Option<usize>,
    /// The key itself: an RSAPublicKey, an EC point, or 32 bytes of Ed25519.
    #[serde(skip)]
    pub key: Vec<u8>,
    /// The encoded SubjectPublicKeyInfo; absent where the key was taken from a private one.
    #[serde(skip)]
    pub spki_der: Option<Vec<u8>>,
}

pub(super) fn as_text<T: fmt::Display, S: serde::Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl PublicKeyFacts {
    /// Describes a parsed SubjectPublicKeyInfo.
    pub(super) fn read(spki: &SubjectPublicKeyInfo<'_>) -> Self {
        let curve = spki
            .algorithm
            .parameters()
            .and_then(|any| any.as_oid().ok());
        let algorithm = KeyFamily::from_oids(
            &spki.algorithm.algorithm.to_id_string(),
            curve.map(|oid| oid.to_id_string()).as_deref(),
        );
        let bits = match (&algorithm, spki.parsed()) {
            (KeyFamily::Rsa, Ok(PublicKey::RSA(rsa))) => Some(integer_bits(rsa.modulus)),
            _ => algorithm.fixed_bits(),
        };
        Self {
            algorithm,
            bits,
            key: spki.subject_public_key.data.to_vec(),
            spki_der: Some(spki.raw.to_vec()),
        }
    }

    /// Describes a public key file, SubjectPublicKeyInfo or PKCS#1.
    pub(super) fn from_der(shape: Shape, bytes: &[u8]) -> Result<Self, DerFault> {
        der::check_length(bytes)?;
        if shape == Shape::PublicKey {
            let (_, spki) =
                SubjectPublicKeyInfo::from_der(bytes).map_err(|e| der::unreadable(&e))?;
            return Ok(Self::read(&spki));
        }
        let (_, rsa) = RSAPublicKey::from_der(bytes).map_err(|e| der::unreadable(&e))?;
        Ok(Self {
            algorithm: KeyFamily::Rsa,
            bits: Some(integer_bits(rsa.modulus)),
            key: bytes.to_vec(),
            spki_der: None,
        })
    }

    /// True where both are the same key; a key whose bits are not known equals none.
    pub fn same_key(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.key == other.key && !self.key.is_empty()
    }
}

impl fmt::Display for PublicKeyFacts {
    /// Writes `RSA 2048`, `ECDSA P-256`, `Ed25519`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.algorithm, self.bits) {
            (KeyFamily::Rsa, Some(bits)) => write!(f, "RSA {bits}"),
            (family, _) => family.fmt(f),
        }
    }
}

/// The number of bits of a big-endian unsigned integer.
pub(super) fn integer_bits(bytes: &[u8]) -> usize {
    let significant = bytes.iter().position(|&byte| byte != 0);
    significant.map_or(0, |at| {
        (bytes.len() - at) * 8 - bytes[at].leading_zeros() as usize
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_an_integer_ignores_leading_zeros() {
        for (bytes, bits) in [
            (&[][..], 0),
            (&[0, 0], 0),
            (&[0, 0x80, 0], 16),
            (&[1, 0], 9),
        ] {
            assert_eq!(integer_bits(bytes), bits);
        }
    }
}
