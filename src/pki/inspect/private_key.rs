//! What kind of private key is this, and which public key belongs to it?
//!
//! Invariant: no byte of the private part is copied out or shown. The public part is read where
//! the file carries it, or derived by aws-lc-rs where it does not.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use serde::Serialize;

use super::public_key::{Curve, KeyFamily, PublicKeyFacts, integer_bits};
use super::shape::{Shape, fields};
use crate::pki::der::{self, Tlv};

/// How a private key is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum KeyEncoding {
    /// `RSA PRIVATE KEY`, as kubeadm and cfssl write RSA keys.
    #[serde(rename = "PKCS#1")]
    Pkcs1,
    /// `EC PRIVATE KEY`, as cfssl and openssl write EC keys.
    #[serde(rename = "SEC1")]
    Sec1,
    /// `PRIVATE KEY`.
    #[serde(rename = "PKCS#8")]
    Pkcs8,
    /// `ENCRYPTED PRIVATE KEY`.
    #[serde(rename = "encrypted PKCS#8")]
    EncryptedPkcs8,
    /// Any of the first two with `Proc-Type: 4,ENCRYPTED`.
    #[serde(rename = "encrypted PEM")]
    EncryptedPem,
    /// Any other, such as `OPENSSH PRIVATE KEY`.
    #[serde(rename = "other")]
    Other,
}

impl fmt::Display for KeyEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pkcs1 => "PKCS#1",
            Self::Sec1 => "SEC1",
            Self::Pkcs8 => "PKCS#8",
            Self::EncryptedPkcs8 => "encrypted PKCS#8",
            Self::EncryptedPem => "encrypted PEM",
            Self::Other => "other",
        })
    }
}

/// A private key: its kind and size, never its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateKeyFacts {
    /// How it is written down.
    pub encoding: KeyEncoding,
    /// True where a passphrase is needed to use it.
    pub encrypted: bool,
    /// The public key that belongs to it; absent for encrypted keys and unknown algorithms.
    pub public_key: Option<PublicKeyFacts>,
}

impl PrivateKeyFacts {
    /// A key of which nothing but its encoding can be told.
    pub(super) fn opaque(encoding: KeyEncoding) -> Self {
        Self {
            encoding,
            encrypted: matches!(
                encoding,
                KeyEncoding::EncryptedPkcs8 | KeyEncoding::EncryptedPem
            ),
            public_key: None,
        }
    }

    /// Describes a DER key of that shape; `None` where its fields cannot be read.
    pub(super) fn read(shape: Shape, der: &[u8]) -> Option<Self> {
        let (encoding, public_key) = match shape {
            Shape::RsaKey => (KeyEncoding::Pkcs1, Some(rsa(der)?)),
            Shape::EcKey => (KeyEncoding::Sec1, Some(ec(der, None)?)),
            Shape::Pkcs8Key => (KeyEncoding::Pkcs8, Some(pkcs8(der)?)),
            Shape::EncryptedPkcs8Key => (KeyEncoding::EncryptedPkcs8, None),
            Shape::DsaKey => (
                KeyEncoding::Other,
                Some(keyless(KeyFamily::Other("DSA".into()))),
            ),
            _ => return None,
        };
        Some(Self {
            public_key,
            ..Self::opaque(encoding)
        })
    }
}

impl fmt::Display for PrivateKeyFacts {
    /// Writes `RSA 2048`, or how it is encrypted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.public_key {
            Some(key) => key.fmt(f),
            None => self.encoding.fmt(f),
        }
    }
}

/// An algorithm whose public key cannot be derived here. Its key bytes are empty, which no real
/// key's are.
fn keyless(algorithm: KeyFamily) -> PublicKeyFacts {
    PublicKeyFacts {
        bits: algorithm.fixed_bits(),
        algorithm,
        key: Vec::new(),
        spki_der: None,
    }
}

/// PKCS#1: version, modulus, public exponent, …
fn rsa(key: &[u8]) -> Option<PublicKeyFacts> {
    let fields = fields(key)?;
    let [_, modulus, exponent, ..] = fields.as_slice() else {
        return None;
    };
    Some(PublicKeyFacts {
        algorithm: KeyFamily::Rsa,
        bits: Some(integer_bits(modulus.contents)),
        key: der::sequence(&[modulus.raw, exponent.raw]),
        spki_der: None,
    })
}

/// SEC1: version, private key, `[0]` curve, `[1]` public key. In PKCS#8 the curve stands outside.
fn ec(key: &[u8], outer_curve: Option<String>) -> Option<PublicKeyFacts> {
    let fields = fields(key)?;
    let tagged = |tag: u8| {
        let field = fields.iter().find(|field| field.tag == tag)?;
        field.inner().any().ok()
    };
    let curve = outer_curve.or_else(|| dotted(&tagged(0xa0)?))?;
    let curve = Curve::from_oid(&curve);
    let derive = |algorithm| {
        let pair = EcdsaKeyPair::from_private_key_der(algorithm, key).ok()?;
        Some(pair.public_key().as_ref().to_vec())
    };
    let public = match curve {
        Curve::P256 => derive(&ECDSA_P256_SHA256_ASN1_SIGNING)?,
        Curve::P384 => derive(&ECDSA_P384_SHA384_ASN1_SIGNING)?,
        Curve::P521 => derive(&ECDSA_P521_SHA512_ASN1_SIGNING)?,
        Curve::Other(_) => {
            let bits = tagged(0xa1);
            let bits = bits.and_then(|bits| der::bit_string_bytes(&bits).ok().map(<[u8]>::to_vec));
            bits.unwrap_or_default()
        }
    };
    Some(PublicKeyFacts {
        key: public,
        ..keyless(KeyFamily::Ecdsa(curve))
    })
}

/// PKCS#8: version, algorithm, the key as an octet string, …
fn pkcs8(key: &[u8]) -> Option<PublicKeyFacts> {
    let outer = fields(key)?;
    let [_, algorithm, inner, ..] = outer.as_slice() else {
        return None;
    };
    let oids = fields(algorithm.raw)?;
    let oid = |at: usize| dotted(oids.get(at)?);
    let curve = oid(1);
    let family = KeyFamily::from_oids(&oid(0)?, curve.as_deref());
    match family {
        KeyFamily::Rsa => rsa(inner.contents),
        KeyFamily::Ecdsa(_) => ec(inner.contents, curve),
        KeyFamily::Ed25519 => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key).ok()?;
            Some(PublicKeyFacts {
                key: pair.public_key().as_ref().to_vec(),
                ..keyless(KeyFamily::Ed25519)
            })
        }
        KeyFamily::Other(_) => Some(keyless(family)),
    }
}

fn dotted(oid: &Tlv<'_>) -> Option<String> {
    let arcs = (oid.tag == der::OID).then(|| der::oid_arcs(oid.contents));
    Some(der::dotted(&arcs?.ok()?))
}
