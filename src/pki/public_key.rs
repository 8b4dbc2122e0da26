//! What kind of public key is this, and did its owner sign these bytes?
//!
//! Invariant: a `PublicKey` is of a kind that this program can check signatures of, and keeps the
//! SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) exactly as it was read.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self as aws, UnparsedPublicKey, VerificationAlgorithm};

use super::der::{self, DerError};

/// id-ecPublicKey (RFC 5480 section 2.1.1).
pub(crate) const EC_PUBLIC_KEY: &[u64] = &[1, 2, 840, 10045, 2, 1];
/// secp256r1, secp384r1 and secp521r1 (RFC 5480 section 2.1.1.1).
pub(crate) const P256: &[u64] = &[1, 2, 840, 10045, 3, 1, 7];
pub(crate) const P384: &[u64] = &[1, 3, 132, 0, 34];
pub(crate) const P521: &[u64] = &[1, 3, 132, 0, 35];
/// rsaEncryption (RFC 8017 appendix C).
pub(crate) const RSA: &[u64] = &[1, 2, 840, 113549, 1, 1, 1];
/// id-Ed25519 (RFC 8410 section 3).
pub(crate) const ED25519: &[u64] = &[1, 3, 101, 112];

/// Kind and size of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// ECDSA on NIST P-256.
    EcdsaP256,
    /// ECDSA on NIST P-384.
    EcdsaP384,
    /// ECDSA on NIST P-521.
    EcdsaP521,
    /// RSA with a modulus of so many bits.
    Rsa(u32),
    /// Ed25519.
    Ed25519,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcdsaP256 => f.pad("ECDSA P-256"),
            Self::EcdsaP384 => f.pad("ECDSA P-384"),
            Self::EcdsaP521 => f.pad("ECDSA P-521"),
            Self::Rsa(bits) => f.pad(&format!("RSA {bits}")),
            Self::Ed25519 => f.pad("Ed25519"),
        }
    }
}

impl KeyKind {
    /// The algorithm with which a key of this kind signs: its own strength decides the hash.
    pub fn signature_scheme(self) -> SignatureScheme {
        match self {
            Self::EcdsaP256 => SignatureScheme::EcdsaSha256,
            Self::EcdsaP384 => SignatureScheme::EcdsaSha384,
            Self::EcdsaP521 => SignatureScheme::EcdsaSha512,
            Self::Rsa(4096..) => SignatureScheme::RsaSha512,
            Self::Rsa(3072..) => SignatureScheme::RsaSha384,
            Self::Rsa(_) => SignatureScheme::RsaSha256,
            Self::Ed25519 => SignatureScheme::Ed25519,
        }
    }

    fn algorithm_der(self) -> Result<Vec<u8>, DerError> {
        let ec = |curve| -> Result<_, DerError> {
            Ok(der::sequence(&[
                &der::oid(EC_PUBLIC_KEY)?,
                &der::oid(curve)?,
            ]))
        };
        match self {
            Self::EcdsaP256 => ec(P256),
            Self::EcdsaP384 => ec(P384),
            Self::EcdsaP521 => ec(P521),
            Self::Rsa(_) => Ok(der::sequence(&[&der::oid(RSA)?, &[der::NULL, 0]])),
            Self::Ed25519 => Ok(der::sequence(&[&der::oid(ED25519)?])),
        }
    }
}

/// A signature algorithm of certificates, requests and revocation lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureScheme {
    /// ecdsa-with-SHA256 (RFC 5758).
    EcdsaSha256,
    /// ecdsa-with-SHA384 (RFC 5758).
    EcdsaSha384,
    /// ecdsa-with-SHA512 (RFC 5758).
    EcdsaSha512,
    /// sha256WithRSAEncryption (RFC 4055).
    RsaSha256,
    /// sha384WithRSAEncryption (RFC 4055).
    RsaSha384,
    /// sha512WithRSAEncryption (RFC 4055).
    RsaSha512,
    /// Ed25519 (RFC 8410).
    Ed25519,
}

impl SignatureScheme {
    const ALL: [Self; 7] = [
        Self::EcdsaSha256,
        Self::EcdsaSha384,
        Self::EcdsaSha512,
        Self::RsaSha256,
        Self::RsaSha384,
        Self::RsaSha512,
        Self::Ed25519,
    ];

    fn oid(self) -> &'static [u64] {
        match self {
            Self::EcdsaSha256 => &[1, 2, 840, 10045, 4, 3, 2],
            Self::EcdsaSha384 => &[1, 2, 840, 10045, 4, 3, 3],
            Self::EcdsaSha512 => &[1, 2, 840, 10045, 4, 3, 4],
            Self::RsaSha256 => &[1, 2, 840, 113549, 1, 1, 11],
            Self::RsaSha384 => &[1, 2, 840, 113549, 1, 1, 12],
            Self::RsaSha512 => &[1, 2, 840, 113549, 1, 1, 13],
            Self::Ed25519 => ED25519,
        }
    }

    /// Writes the AlgorithmIdentifier; RSA's has NULL parameters, the others none.
    pub(crate) fn to_der(self) -> Result<Vec<u8>, DerError> {
        let oid = der::oid(self.oid())?;
        let rsa = matches!(self, Self::RsaSha256 | Self::RsaSha384 | Self::RsaSha512);
        let parameters: &[u8] = if rsa { &[der::NULL, 0] } else { &[] };
        Ok(der::sequence(&[&oid, parameters]))
    }

    /// Reads an AlgorithmIdentifier; `None` for one that is not offered, such as those with SHA-1.
    pub fn from_der(algorithm: &[u8]) -> Option<Self> {
        let sequence = der::single(algorithm, der::SEQUENCE).ok()?;
        let oid = sequence.inner().expect(der::OID).ok()?;
        let arcs = der::oid_arcs(oid.contents).ok()?;
        Self::ALL.into_iter().find(|scheme| scheme.oid() == arcs)
    }
}

/// Why bytes are no usable public key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// No SubjectPublicKeyInfo at all.
    #[error("malformed public key: {0}")]
    Malformed(#[from] DerError),
    /// A key of another kind.
    #[error(
        "a public key of kind {found} is not supported; expected RSA, ECDSA on P-256, P-384 or \
         P-521, or Ed25519"
    )]
    Unsupported {
        /// Name or object identifier of what was found.
        found: String,
    },
}

/// A public key with its SubjectPublicKeyInfo.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    kind: KeyKind,
    spki: Vec<u8>,
    bits: Vec<u8>,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.kind)
    }
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo.
    pub fn from_der(spki: &[u8]) -> Result<Self, PublicKeyError> {
        let mut fields = der::single(spki, der::SEQUENCE)?.inner();
        let algorithm = fields.expect(der::SEQUENCE)?;
        let bits = fields.expect(der::BIT_STRING)?;
        fields.finish()?;
        let bits = der::bit_string_bytes(&bits)?;
        let kind = match algorithm_kind(algorithm.raw)? {
            Algorithm::Kind(kind) => kind,
            Algorithm::Rsa => KeyKind::Rsa(modulus_bits(bits)?),
        };
        Ok(Self {
            kind,
            spki: spki.to_owned(),
            bits: bits.to_owned(),
        })
    }

    /// Builds the SubjectPublicKeyInfo around the bits of a key.
    pub(crate) fn from_bits(kind: KeyKind, bits: &[u8]) -> Result<Self, DerError> {
        let spki = der::sequence(&[&kind.algorithm_der()?, &der::bit_string(bits)]);
        let bits = bits.to_owned();
        Ok(Self { kind, spki, bits })
    }

    /// Kind and size.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The SubjectPublicKeyInfo, DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The contents of its bit string: a point, an RSAPublicKey, 32 bytes.
    pub(crate) fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// The key identifier of RFC 5280 section 4.2.1.2, method 1: SHA-1 of the bit string.
    pub fn key_id(&self) -> [u8; 20] {
        let mut id = [0; 20];
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.bits);
        id.copy_from_slice(hash.as_ref());
        id
    }

    /// Tells whether this key's owner signed `message`.
    pub fn verify(&self, scheme: SignatureScheme, message: &[u8], signature: &[u8]) -> bool {
        let Some(algorithm) = verification(self.kind, scheme) else {
            return false;
        };
        let key = UnparsedPublicKey::new(algorithm, &self.bits);
        key.verify(message, signature).is_ok()
    }
}

enum Algorithm {
    Kind(KeyKind),
    Rsa,
}

fn algorithm_kind(algorithm: &[u8]) -> Result<Algorithm, PublicKeyError> {
    let mut fields = der::single(algorithm, der::SEQUENCE)?.inner();
    let oid = der::oid_arcs(fields.expect(der::OID)?.contents)?;
    let unsupported = |found: String| PublicKeyError::Unsupported { found };
    match oid.as_slice() {
        RSA => Ok(Algorithm::Rsa),
        ED25519 => Ok(Algorithm::Kind(KeyKind::Ed25519)),
        EC_PUBLIC_KEY => {
            let curve = fields
                .expect(der::OID)
                .map_err(|_| unsupported("ECDSA with explicit parameters".into()))?;
            let curve = der::oid_arcs(curve.contents)?;
            let kind = curve_kind(&curve).ok_or_else(|| unsupported(algorithm_name(&curve)))?;
            Ok(Algorithm::Kind(kind))
        }
        other => Err(unsupported(algorithm_name(other))),
    }
}

pub(crate) fn curve_kind(curve: &[u64]) -> Option<KeyKind> {
    match curve {
        P256 => Some(KeyKind::EcdsaP256),
        P384 => Some(KeyKind::EcdsaP384),
        P521 => Some(KeyKind::EcdsaP521),
        _ => None,
    }
}

/// What people call an algorithm or curve that is met but not supported.
pub(crate) fn algorithm_name(oid: &[u64]) -> String {
    let name = match oid {
        [1, 2, 840, 10040, 4, 1] => "DSA",
        [1, 2, 840, 113549, 1, 1, 10] => "RSA-PSS",
        [1, 3, 101, 110] => "X25519",
        [1, 3, 101, 111] => "X448",
        [1, 3, 101, 113] => "Ed448",
        [1, 3, 132, 0, 10] => "ECDSA secp256k1",
        [1, 3, 132, 0, 33] => "ECDSA P-224",
        [1, 2, 840, 10045, 3, 1, 1] => "ECDSA P-192",
        [1, 3, 36, 3, 3, 2, 8, 1, 1, ..] => "ECDSA brainpool",
        other => return der::dotted(other),
    };
    name.to_owned()
}

/// Size of the modulus in an RSAPublicKey (RFC 8017 appendix A.1.1).
pub(crate) fn modulus_bits(key: &[u8]) -> Result<u32, DerError> {
    let mut fields = der::single(key, der::SEQUENCE)?.inner();
    let modulus = fields.expect(der::INTEGER)?.contents;
    let zeros = modulus.iter().take_while(|&&byte| byte == 0).count();
    let digits = &modulus[zeros..];
    let first = digits.first().ok_or(DerError::Value)?;
    let bits = digits.len() * 8 - first.leading_zeros() as usize;
    u32::try_from(bits).map_err(|_| DerError::Value)
}

fn verification(
    kind: KeyKind,
    scheme: SignatureScheme,
) -> Option<&'static dyn VerificationAlgorithm> {
    use SignatureScheme as S;
    Some(match (kind, scheme) {
        (KeyKind::EcdsaP256, S::EcdsaSha256) => &aws::ECDSA_P256_SHA256_ASN1,
        (KeyKind::EcdsaP256, S::EcdsaSha384) => &aws::ECDSA_P256_SHA384_ASN1,
        (KeyKind::EcdsaP256, S::EcdsaSha512) => &aws::ECDSA_P256_SHA512_ASN1,
        (KeyKind::EcdsaP384, S::EcdsaSha256) => &aws::ECDSA_P384_SHA256_ASN1,
        (KeyKind::EcdsaP384, S::EcdsaSha384) => &aws::ECDSA_P384_SHA384_ASN1,
        (KeyKind::EcdsaP384, S::EcdsaSha512) => &aws::ECDSA_P384_SHA512_ASN1,
        (KeyKind::EcdsaP521, S::EcdsaSha256) => &aws::ECDSA_P521_SHA256_ASN1,
        (KeyKind::EcdsaP521, S::EcdsaSha384) => &aws::ECDSA_P521_SHA384_ASN1,
        (KeyKind::EcdsaP521, S::EcdsaSha512) => &aws::ECDSA_P521_SHA512_ASN1,
        (KeyKind::Rsa(_), S::RsaSha256) => &aws::RSA_PKCS1_2048_8192_SHA256,
        (KeyKind::Rsa(_), S::RsaSha384) => &aws::RSA_PKCS1_2048_8192_SHA384,
        (KeyKind::Rsa(_), S::RsaSha512) => &aws::RSA_PKCS1_2048_8192_SHA512,
        (KeyKind::Ed25519, S::Ed25519) => &aws::ED25519,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_key_of_a_ca_decides_the_hash() {
        assert_eq!(
            KeyKind::Rsa(2048).signature_scheme(),
            SignatureScheme::RsaSha256
        );
        assert_eq!(
            KeyKind::Rsa(3072).signature_scheme(),
            SignatureScheme::RsaSha384
        );
        assert_eq!(
            KeyKind::Rsa(8192).signature_scheme(),
            SignatureScheme::RsaSha512
        );
        for scheme in SignatureScheme::ALL {
            let algorithm = scheme.to_der().unwrap();
            assert_eq!(SignatureScheme::from_der(&algorithm), Some(scheme));
        }
    }

    #[test]
    fn other_kinds_are_named() {
        let oid = der::oid(&[1, 3, 101, 113]).unwrap();
        let spki = der::sequence(&[&der::sequence(&[&oid]), &der::bit_string(b"x")]);
        let error = PublicKey::from_der(&spki).unwrap_err();
        assert!(error.to_string().contains("Ed448"), "{error}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = PublicKey::from_der(&bytes);
            let _ = SignatureScheme::from_der(&bytes);
            let _ = modulus_bits(&bytes);
        }
    }
}
