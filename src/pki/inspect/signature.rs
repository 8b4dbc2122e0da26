//! How was this signed, and does the signature hold?
//!
//! Invariant: an algorithm that cannot be checked here is told apart from a signature that is
//! wrong. The checks go to aws-lc-rs directly, because x509-parser's own know neither P-521 nor
//! RSA keys below 2048 bits, which old clusters still carry.

use std::fmt;

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use serde::Serialize;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::AlgorithmIdentifier;

use super::public_key::{Curve, KeyFamily, PublicKeyFacts, as_text};

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// MD5, broken.
    Md5,
    /// SHA-1, broken.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A signature algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSA with PKCS#1 v1.5 padding.
    Rsa(Hash),
    /// RSA with PSS padding; the hash is absent where the parameters are none that Go accepts.
    RsaPss(Option<Hash>),
    /// ECDSA.
    Ecdsa(Hash),
    /// Ed25519.
    Ed25519,
    /// Any other, by OID.
    Other(String),
}

impl SignatureAlgorithm {
    fn read(identifier: &AlgorithmIdentifier<'_>) -> Self {
        let oid = identifier.algorithm.to_id_string();
        match oid.as_str() {
            "1.2.840.113549.1.1.4" => Self::Rsa(Hash::Md5),
            "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => Self::Rsa(Hash::Sha1),
            "1.2.840.113549.1.1.14" => Self::Rsa(Hash::Sha224),
            "1.2.840.113549.1.1.11" => Self::Rsa(Hash::Sha256),
            "1.2.840.113549.1.1.12" => Self::Rsa(Hash::Sha384),
            "1.2.840.113549.1.1.13" => Self::Rsa(Hash::Sha512),
            "1.2.840.113549.1.1.10" => Self::RsaPss(pss_hash(identifier)),
            "1.2.840.10045.4.1" => Self::Ecdsa(Hash::Sha1),
            "1.2.840.10045.4.3.1" => Self::Ecdsa(Hash::Sha224),
            "1.2.840.10045.4.3.2" => Self::Ecdsa(Hash::Sha256),
            "1.2.840.10045.4.3.3" => Self::Ecdsa(Hash::Sha384),
            "1.2.840.10045.4.3.4" => Self::Ecdsa(Hash::Sha512),
            "1.3.101.112" => Self::Ed25519,
            _ => Self::Other(oid),
        }
    }

    /// True where the hash is broken, so that etcd refuses the signature.
    pub fn is_weak(&self) -> bool {
        match self {
            Self::Rsa(hash) | Self::Ecdsa(hash) | Self::RsaPss(Some(hash)) => {
                matches!(hash, Hash::Md5 | Hash::Sha1)
            }
            Self::RsaPss(None) | Self::Ed25519 | Self::Other(_) => false,
        }
    }
}

/// The hash of RSA-PSS parameters (RFC 4055). Go, as TLS 1.3, wants a salt as long as the hash.
fn pss_hash(identifier: &AlgorithmIdentifier<'_>) -> Option<Hash> {
    let parameters = RsaSsaPssParams::try_from(identifier.parameters()?).ok()?;
    let oid = parameters.hash_algorithm_oid().to_id_string();
    let (hash, length) = match oid.as_str() {
        "2.16.840.1.101.3.4.2.1" => (Hash::Sha256, 32),
        "2.16.840.1.101.3.4.2.2" => (Hash::Sha384, 48),
        "2.16.840.1.101.3.4.2.3" => (Hash::Sha512, 64),
        _ => return None,
    };
    (parameters.salt_length() == length).then_some(hash)
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha224 => "SHA-224",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        })
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(hash) => write!(f, "RSA with {hash}"),
            Self::RsaPss(Some(hash)) => write!(f, "RSA-PSS with {hash}"),
            Self::RsaPss(None) => f.write_str("RSA-PSS"),
            Self::Ecdsa(hash) => write!(f, "ECDSA with {hash}"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other(oid) => f.write_str(oid),
        }
    }
}

/// A signature and what it covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignatureFacts {
    /// How it was made.
    #[serde(serialize_with = "as_text")]
    pub algorithm: SignatureAlgorithm,
    /// The signature itself.
    #[serde(skip)]
    value: Vec<u8>,
    /// The bytes it covers.
    #[serde(skip)]
    signed: Vec<u8>,
}

/// Why a signature is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// The key did not make this signature.
    #[error("the signature does not verify")]
    Invalid,
    /// This combination of key and algorithm cannot be checked.
    #[error("{algorithm} by a key of {key} cannot be verified")]
    Unsupported {
        /// The signature's algorithm.
        algorithm: String,
        /// The key's.
        key: String,
    },
}

impl SignatureFacts {
    pub(super) fn new(identifier: &AlgorithmIdentifier<'_>, value: &[u8], signed: &[u8]) -> Self {
        Self {
            algorithm: SignatureAlgorithm::read(identifier),
            value: value.to_vec(),
            signed: signed.to_vec(),
        }
    }

    /// Verifies that `key` made the signature.
    pub fn verify(&self, key: &PublicKeyFacts) -> Result<(), SignatureFault> {
        let algorithm = self
            .verifier(key)
            .ok_or_else(|| SignatureFault::Unsupported {
                algorithm: self.algorithm.to_string(),
                key: key.to_string(),
            })?;
        UnparsedPublicKey::new(algorithm, &key.key)
            .verify(&self.signed, &self.value)
            .map_err(|_| SignatureFault::Invalid)
    }

    fn verifier(&self, key: &PublicKeyFacts) -> Option<&'static dyn VerificationAlgorithm> {
        // aws-lc-rs has a variant for short RSA keys with some hashes only.
        let short = key.bits.is_none_or(|bits| bits < 2048);
        let verifier: &dyn VerificationAlgorithm = match (&self.algorithm, &key.algorithm) {
            (SignatureAlgorithm::Ed25519, KeyFamily::Ed25519) => &signature::ED25519,
            (SignatureAlgorithm::Rsa(hash), KeyFamily::Rsa) => match (hash, short) {
                (Hash::Sha1, _) => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
                (Hash::Sha256, _) => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
                (Hash::Sha512, _) => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
                (Hash::Sha384, false) => &signature::RSA_PKCS1_2048_8192_SHA384,
                _ => return None,
            },
            (SignatureAlgorithm::RsaPss(Some(hash)), KeyFamily::Rsa) if !short => match hash {
                Hash::Sha256 => &signature::RSA_PSS_2048_8192_SHA256,
                Hash::Sha384 => &signature::RSA_PSS_2048_8192_SHA384,
                Hash::Sha512 => &signature::RSA_PSS_2048_8192_SHA512,
                _ => return None,
            },
            (SignatureAlgorithm::Ecdsa(hash), KeyFamily::Ecdsa(curve)) => match (curve, hash) {
                (Curve::P256, Hash::Sha1) => &signature::ECDSA_P256_SHA1_ASN1,
                (Curve::P256, Hash::Sha256) => &signature::ECDSA_P256_SHA256_ASN1,
                (Curve::P256, Hash::Sha384) => &signature::ECDSA_P256_SHA384_ASN1,
                (Curve::P256, Hash::Sha512) => &signature::ECDSA_P256_SHA512_ASN1,
                (Curve::P384, Hash::Sha256) => &signature::ECDSA_P384_SHA256_ASN1,
                (Curve::P384, Hash::Sha384) => &signature::ECDSA_P384_SHA384_ASN1,
                (Curve::P384, Hash::Sha512) => &signature::ECDSA_P384_SHA512_ASN1,
                (Curve::P521, Hash::Sha1) => &signature::ECDSA_P521_SHA1_ASN1,
                (Curve::P521, Hash::Sha256) => &signature::ECDSA_P521_SHA256_ASN1,
                (Curve::P521, Hash::Sha384) => &signature::ECDSA_P521_SHA384_ASN1,
                (Curve::P521, Hash::Sha512) => &signature::ECDSA_P521_SHA512_ASN1,
                _ => return None,
            },
            _ => return None,
        };
        Some(verifier)
    }
}
