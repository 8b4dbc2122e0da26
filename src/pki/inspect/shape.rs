//! What kind of structure are these DER bytes, going by their outline alone?
//!
//! Invariant: the answer depends on the tags of the outer two levels only, so a file is recognised
//! even when its label is wrong or a field further in is broken. Outlines: RFC 5280 (certificate,
//! CRL, SubjectPublicKeyInfo), RFC 2986 (request), RFC 5958 (PKCS#8), RFC 8017 (PKCS#1), RFC 5915
//! (SEC1), RFC 7292 (PKCS#12).

use std::fmt;

use crate::pki::der::{BIT_STRING, INTEGER, OCTET_STRING, SEQUENCE, Tlv, single};

/// A kind of structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// X.509 certificate.
    Certificate,
    /// Certificate signing request, PKCS#10.
    Request,
    /// Certificate revocation list.
    Crl,
    /// Private key of any kind, PKCS#8.
    Pkcs8Key,
    /// Encrypted private key, PKCS#8.
    EncryptedPkcs8Key,
    /// RSA private key, PKCS#1.
    RsaKey,
    /// EC private key, SEC1.
    EcKey,
    /// DSA private key, OpenSSL's own format.
    DsaKey,
    /// Public key of any kind, SubjectPublicKeyInfo.
    PublicKey,
    /// RSA public key, PKCS#1.
    RsaPublicKey,
    /// PKCS#12 bundle, as `.p12` and `.pfx` files hold.
    Pkcs12,
}

impl Shape {
    /// True for private keys, encrypted ones included.
    pub(super) fn is_private_key(self) -> bool {
        matches!(
            self,
            Self::Pkcs8Key | Self::EncryptedPkcs8Key | Self::RsaKey | Self::EcKey | Self::DsaKey
        )
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "a certificate",
            Self::Request => "a certificate signing request",
            Self::Crl => "a certificate revocation list",
            Self::Pkcs8Key => "a private key (PKCS#8)",
            Self::EncryptedPkcs8Key => "an encrypted private key (PKCS#8)",
            Self::RsaKey => "an RSA private key (PKCS#1)",
            Self::EcKey => "an EC private key (SEC1)",
            Self::DsaKey => "a DSA private key",
            Self::PublicKey => "a public key",
            Self::RsaPublicKey => "an RSA public key (PKCS#1)",
            Self::Pkcs12 => "a PKCS#12 bundle",
        })
    }
}

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const CONTEXT_0: u8 = 0xa0;

/// No structure above has more fields than this on one level.
const MAX_FIELDS: usize = 12;

/// Recognises a structure; `None` where the outline fits none.
pub(super) fn recognise(bytes: &[u8]) -> Option<Shape> {
    let outer = fields(bytes)?;
    let shape = match tags(&outer).as_slice() {
        [SEQUENCE, SEQUENCE, BIT_STRING] => return signed(outer.first()?.raw),
        [SEQUENCE, BIT_STRING] => Shape::PublicKey,
        [SEQUENCE, OCTET_STRING] => Shape::EncryptedPkcs8Key,
        [INTEGER, SEQUENCE, OCTET_STRING, ..] => Shape::Pkcs8Key,
        [INTEGER, OCTET_STRING, ..] => Shape::EcKey,
        [INTEGER, INTEGER] => Shape::RsaPublicKey,
        // A DSA key has six integers, an RSA key nine or more.
        [INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER] => Shape::DsaKey,
        [
            INTEGER,
            INTEGER,
            INTEGER,
            INTEGER,
            INTEGER,
            INTEGER,
            INTEGER,
            ..,
        ] => Shape::RsaKey,
        [INTEGER, SEQUENCE] | [INTEGER, SEQUENCE, SEQUENCE] => Shape::Pkcs12,
        _ => return None,
    };
    Some(shape)
}

/// Tells the three signed structures apart by the fields of their signed part.
fn signed(signed_part: &[u8]) -> Option<Shape> {
    let inner = tags(&fields(signed_part)?);
    let has_time = inner
        .iter()
        .take(4)
        .any(|tag| matches!(*tag, UTC_TIME | GENERALIZED_TIME));
    let shape = match inner.as_slice() {
        _ if has_time => Shape::Crl,
        [CONTEXT_0, INTEGER, ..] => Shape::Certificate,
        // Version 1 leaves the version out.
        [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, ..] => Shape::Certificate,
        [INTEGER, SEQUENCE, SEQUENCE] | [INTEGER, SEQUENCE, SEQUENCE, CONTEXT_0] => Shape::Request,
        _ => return None,
    };
    Some(shape)
}

/// The fields of a sequence that fills the bytes, at most [`MAX_FIELDS`].
pub(super) fn fields(bytes: &[u8]) -> Option<Vec<Tlv<'_>>> {
    let mut reader = single(bytes, SEQUENCE).ok()?.inner();
    let mut fields = Vec::new();
    while reader.peek().is_some() && fields.len() < MAX_FIELDS {
        fields.push(reader.any().ok()?);
    }
    Some(fields)
}

fn tags(fields: &[Tlv<'_>]) -> Vec<u8> {
    fields.iter().map(|field| field.tag).collect()
}
