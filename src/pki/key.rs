//! A private key: made, read from a file, written, and signing.
//!
//! Invariant: key material is wiped when dropped and never shown: `Debug` prints the kind only, and
//! no error carries a byte of it. New keys are written as PKCS#8, which every tool reads; read are
//! PKCS#8, PKCS#1 and SEC1, plain or encrypted, because kubeadm, cfssl and openssl each write
//! another one of them.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self as aws, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding,
    RsaKeyPair,
};
use rcgen::{PublicKeyData, SigningKey};
use zeroize::Zeroizing;

use super::der::{self, DerError};
use super::encrypted_pem;
use super::pem::{PemBlock, PemError, pem_blocks, pem_encode};
use super::public_key::{self, KeyKind, PublicKey, SignatureScheme};
use crate::model::KeyAlgorithm;

/// Why a file gives no private key, or none can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file is no PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// PEM without a private key.
    #[error(
        "no private key in the file: found {found}; expected PRIVATE KEY, EC PRIVATE KEY, RSA \
         PRIVATE KEY or ENCRYPTED PRIVATE KEY"
    )]
    NoKey {
        /// Labels of the blocks that are there.
        found: String,
    },
    /// More than one private key: which is meant is not guessed.
    #[error("{count} private keys in one file; expected exactly one")]
    SeveralKeys {
        /// How many.
        count: usize,
    },
    /// An encrypted key, and no passphrase was given.
    #[error("the private key is encrypted: a passphrase is needed")]
    PassphraseNeeded,
    /// The passphrase does not open the key.
    #[error("the passphrase does not open the private key")]
    WrongPassphrase,
    /// A key of a kind or size that can't sign here.
    #[error(
        "a private key of kind {found} is not supported; expected RSA of 2048 to 8192 bits, ECDSA \
         on P-256, P-384 or P-521, or Ed25519"
    )]
    UnsupportedKind {
        /// What was found.
        found: String,
    },
    /// An encryption that is not offered.
    #[error(
        "the private key's encryption is not supported: {found}; write it anew with openssl pkcs8 \
         -topk8 -v2 aes-256-cbc"
    )]
    UnsupportedEncryption {
        /// What was found.
        found: String,
    },
    /// Bytes that are no key.
    #[error("the private key is damaged: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// The random number generator or the crypto library failed.
    #[error("the crypto library could not make or use a key of kind {kind}")]
    Library {
        /// The kind of key.
        kind: String,
    },
}

impl From<DerError> for KeyError {
    fn from(error: DerError) -> Self {
        Self::Malformed {
            reason: error.to_string(),
        }
    }
}

/// A private key that can sign.
pub struct PrivateKey {
    pair: Pair,
    public: PublicKey,
    pkcs8: Zeroizing<Vec<u8>>,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, elided)", self.kind())
    }
}

impl PrivateKey {
    /// Makes a new key. RSA 4096 takes up to a second: keep it off threads that must answer.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        let failed = |_| KeyError::Library {
            kind: algorithm.to_string(),
        };
        let ecdsa = |curve| EcdsaKeyPair::generate(curve).map(Pair::Ecdsa);
        let rsa = |size| RsaKeyPair::generate(size).map(Pair::Rsa);
        let pair = match algorithm {
            KeyAlgorithm::EcdsaP256 => ecdsa(&aws::ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyAlgorithm::EcdsaP384 => ecdsa(&aws::ECDSA_P384_SHA384_ASN1_SIGNING),
            KeyAlgorithm::EcdsaP521 => ecdsa(&aws::ECDSA_P521_SHA512_ASN1_SIGNING),
            KeyAlgorithm::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyAlgorithm::Rsa3072 => rsa(KeySize::Rsa3072),
            KeyAlgorithm::Rsa4096 => rsa(KeySize::Rsa4096),
            KeyAlgorithm::Ed25519 => Ed25519KeyPair::generate().map(Pair::Ed25519),
        };
        Self::from_pair(pair.map_err(failed)?)
    }

    /// Reads the one private key of a PEM file; other blocks, such as `EC PARAMETERS` or
    /// certificates, are skipped. `passphrase` is used only when the key is encrypted.
    pub fn from_pem(file: &[u8], passphrase: Option<&str>) -> Result<Self, KeyError> {
        let blocks = pem_blocks(file)?;
        let keys: Vec<&PemBlock> = blocks
            .iter()
            .filter(|block| block.label.ends_with("PRIVATE KEY"))
            .collect();
        match keys.as_slice() {
            [key] => Self::from_block(key, passphrase),
            [] => {
                let labels: Vec<&str> = blocks.iter().map(|block| block.label.as_str()).collect();
                let found = labels.join(", ");
                Err(KeyError::NoKey { found })
            }
            several => Err(KeyError::SeveralKeys {
                count: several.len(),
            }),
        }
    }

    fn from_block(block: &PemBlock, passphrase: Option<&str>) -> Result<Self, KeyError> {
        let secret = || passphrase.ok_or(KeyError::PassphraseNeeded);
        match block.label.as_str() {
            "ENCRYPTED PRIVATE KEY" => {
                let plain = encrypted_pem::decrypt_pkcs8(&block.contents, secret()?)?;
                Self::from_der(&plain)
            }
            // cfssl writes its Ed25519 keys, which are PKCS#8, under a label of its own.
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" | "Ed25519 PRIVATE KEY" => {
                if encrypted_pem::is_traditional(block) {
                    let plain = encrypted_pem::decrypt_traditional(block, secret()?)?;
                    Self::from_der(&plain)
                } else {
                    Self::from_der(&block.contents)
                }
            }
            other => Err(KeyError::UnsupportedKind {
                found: other.to_owned(),
            }),
        }
    }

    /// Reads an unencrypted key: PKCS#8 (RFC 5958), PKCS#1 (RFC 8017) or SEC1 (RFC 5915).
    pub fn from_der(key: &[u8]) -> Result<Self, KeyError> {
        let mut fields = der::single(key, der::SEQUENCE)?.inner();
        fields.expect(der::INTEGER)?;
        let pair = match fields.peek() {
            Some(der::SEQUENCE) => from_pkcs8(key, fields.any()?.contents)?,
            Some(der::INTEGER) => Pair::Rsa(RsaKeyPair::from_der(key).map_err(rejected("RSA"))?),
            Some(der::OCTET_STRING) => from_sec1(key)?,
            _ => {
                return Err(KeyError::Malformed {
                    reason: "neither PKCS#8, PKCS#1 nor SEC1".to_owned(),
                });
            }
        };
        Self::from_pair(pair)
    }

    fn from_pair(pair: Pair) -> Result<Self, KeyError> {
        let (kind, bits) = match &pair {
            Pair::Ecdsa(pair) => (curve_of(pair), pair.public_key().as_ref()),
            Pair::Ed25519(pair) => (KeyKind::Ed25519, pair.public_key().as_ref()),
            Pair::Rsa(pair) => {
                let bits = public_key::modulus_bits(pair.public_key().as_ref())?;
                (KeyKind::Rsa(bits), pair.public_key().as_ref())
            }
        };
        let public = PublicKey::from_bits(kind, bits)?;
        let failed = |_| KeyError::Library {
            kind: kind.to_string(),
        };
        // Version 1, without the public key behind it: OpenSSL 3.0 refuses version 2.
        let pkcs8 = match &pair {
            Pair::Ecdsa(pair) => pair.to_pkcs8v1().map(|doc| doc.as_ref().to_vec()),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().map(|doc| doc.as_ref().to_vec()),
            Pair::Rsa(pair) => pair
                .as_der()
                .map(|doc: Pkcs8V1Der<'_>| doc.as_ref().to_vec()),
        };
        let pkcs8 = Zeroizing::new(pkcs8.map_err(failed)?);
        Ok(Self {
            pair,
            public,
            pkcs8,
        })
    }

    /// The key as PKCS#8 PEM, unencrypted: write it with mode 0600 only.
    pub fn to_pem(&self) -> Zeroizing<String> {
        pem_encode("PRIVATE KEY", &self.pkcs8)
    }

    /// The key as PKCS#8 DER, unencrypted.
    pub fn to_pkcs8_der(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The public half as SubjectPublicKeyInfo, DER: equal to the one in its certificate.
    pub fn public_key_der(&self) -> &[u8] {
        self.public.spki_der()
    }

    /// Kind and size; displays as `ECDSA P-256`, `RSA 2048`, `Ed25519`.
    pub fn kind(&self) -> KeyKind {
        self.public.kind()
    }

    /// The algorithm with which this key signs.
    pub fn signature_scheme(&self) -> SignatureScheme {
        self.kind().signature_scheme()
    }

    /// Signs a message with [`Self::signature_scheme`].
    pub fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let failed = |_| KeyError::Library {
            kind: self.kind().to_string(),
        };
        match &self.pair {
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => {
                let signature = pair.try_sign(message).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Rsa(pair) => {
                let encoding: &dyn RsaEncoding = match self.signature_scheme() {
                    SignatureScheme::RsaSha512 => &aws::RSA_PKCS1_SHA512,
                    SignatureScheme::RsaSha384 => &aws::RSA_PKCS1_SHA384,
                    _ => &aws::RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
                    .map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

impl PublicKeyData for PrivateKey {
    fn der_bytes(&self) -> &[u8] {
        self.public.bits()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        rcgen_algorithm(self.signature_scheme())
    }
}

impl SigningKey for PrivateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.sign_message(message)
            .map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// rcgen's name for a scheme; it writes the AlgorithmIdentifier.
pub(crate) fn rcgen_algorithm(scheme: SignatureScheme) -> &'static rcgen::SignatureAlgorithm {
    match scheme {
        SignatureScheme::EcdsaSha256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        SignatureScheme::EcdsaSha384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        SignatureScheme::EcdsaSha512 => &rcgen::PKCS_ECDSA_P521_SHA512,
        SignatureScheme::RsaSha256 => &rcgen::PKCS_RSA_SHA256,
        SignatureScheme::RsaSha384 => &rcgen::PKCS_RSA_SHA384,
        SignatureScheme::RsaSha512 => &rcgen::PKCS_RSA_SHA512,
        SignatureScheme::Ed25519 => &rcgen::PKCS_ED25519,
    }
}

fn curve_algorithm(kind: KeyKind) -> Option<&'static EcdsaSigningAlgorithm> {
    match kind {
        KeyKind::EcdsaP256 => Some(&aws::ECDSA_P256_SHA256_ASN1_SIGNING),
        KeyKind::EcdsaP384 => Some(&aws::ECDSA_P384_SHA384_ASN1_SIGNING),
        KeyKind::EcdsaP521 => Some(&aws::ECDSA_P521_SHA512_ASN1_SIGNING),
        KeyKind::Rsa(_) | KeyKind::Ed25519 => None,
    }
}

fn curve_of(pair: &EcdsaKeyPair) -> KeyKind {
    // The uncompressed point is 0x04 and two coordinates.
    match pair.public_key().as_ref().len() {
        65 => KeyKind::EcdsaP256,
        97 => KeyKind::EcdsaP384,
        _ => KeyKind::EcdsaP521,
    }
}

/// Reads PKCS#8, of which `algorithm` is the contents of the AlgorithmIdentifier.
fn from_pkcs8(key: &[u8], algorithm: &[u8]) -> Result<Pair, KeyError> {
    let mut fields = der::Reader::new(algorithm);
    let oid = der::oid_arcs(fields.expect(der::OID)?.contents)?;
    match oid.as_slice() {
        public_key::RSA => RsaKeyPair::from_pkcs8(key)
            .map(Pair::Rsa)
            .map_err(rejected("RSA")),
        public_key::ED25519 => Ed25519KeyPair::from_pkcs8_maybe_unchecked(key)
            .map(Pair::Ed25519)
            .map_err(rejected("Ed25519")),
        public_key::EC_PUBLIC_KEY => match named_curve(&mut fields)? {
            Some(algorithm) => EcdsaKeyPair::from_pkcs8(algorithm, key)
                .map(Pair::Ecdsa)
                .map_err(rejected("ECDSA")),
            None => from_any_curve(key),
        },
        other => Err(KeyError::UnsupportedKind {
            found: public_key::algorithm_name(other),
        }),
    }
}

/// The curve's algorithm if the parameters name a curve, `None` if they spell one out.
fn named_curve(
    fields: &mut der::Reader<'_>,
) -> Result<Option<&'static EcdsaSigningAlgorithm>, KeyError> {
    let Some(curve) = fields.optional(der::OID)? else {
        return Ok(None);
    };
    let curve = der::oid_arcs(curve.contents)?;
    let algorithm = public_key::curve_kind(&curve).and_then(curve_algorithm);
    algorithm
        .map(Some)
        .ok_or_else(|| KeyError::UnsupportedKind {
            found: public_key::algorithm_name(&curve),
        })
}

fn from_sec1(key: &[u8]) -> Result<Pair, KeyError> {
    let mut fields = der::single(key, der::SEQUENCE)?.inner();
    fields.expect(der::INTEGER)?;
    fields.expect(der::OCTET_STRING)?;
    // parameters [0] EXPLICIT, which RFC 5915 lets a writer leave out.
    let curve = match fields.optional(0xa0)? {
        Some(parameters) => named_curve(&mut parameters.inner())?,
        None => None,
    };
    match curve {
        Some(algorithm) => EcdsaKeyPair::from_private_key_der(algorithm, key)
            .map(Pair::Ecdsa)
            .map_err(rejected("ECDSA")),
        None => from_any_curve(key),
    }
}

fn from_any_curve(key: &[u8]) -> Result<Pair, KeyError> {
    let kinds = [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::EcdsaP521];
    kinds
        .into_iter()
        .filter_map(curve_algorithm)
        .find_map(|algorithm| EcdsaKeyPair::from_private_key_der(algorithm, key).ok())
        .map(Pair::Ecdsa)
        .ok_or_else(|| KeyError::UnsupportedKind {
            found: "ECDSA on an unnamed curve".to_owned(),
        })
}

/// The library says only in words why it refuses a key; a wrong size is the operator's to mend.
fn rejected(kind: &str) -> impl Fn(aws_lc_rs::error::KeyRejected) -> KeyError + '_ {
    move |error| match error.to_string().as_str() {
        "TooSmall" => KeyError::UnsupportedKind {
            found: format!("{kind} of less than 2048 bits"),
        },
        "TooLarge" => KeyError::UnsupportedKind {
            found: format!("{kind} of more than 8192 bits"),
        },
        other => KeyError::Malformed {
            reason: format!("no valid {kind} key ({other})"),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_algorithm_signs_and_survives_its_file() {
        for algorithm in KeyAlgorithm::ALL {
            let key = PrivateKey::generate(algorithm).unwrap();
            let again = PrivateKey::from_pem(key.to_pem().as_bytes(), Some("unused")).unwrap();
            assert_eq!(again.public_key(), key.public_key(), "{algorithm}");
            assert_eq!(again.to_pkcs8_der(), key.to_pkcs8_der());
            let signature = again.sign_message(b"text").unwrap();
            let scheme = key.signature_scheme();
            assert!(key.public_key().verify(scheme, b"text", &signature));
            assert!(!key.public_key().verify(scheme, b"texT", &signature));
            let read = PublicKey::from_der(key.public_key_der()).unwrap();
            assert_eq!(&read, key.public_key());
        }
    }

    #[test]
    fn debug_shows_the_kind_only() {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        assert_eq!(format!("{key:?}"), "PrivateKey(ECDSA P-256, elided)");
    }

    #[test]
    fn the_key_is_found_among_other_blocks_and_never_guessed() {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP384).unwrap();
        let parameters = pem_encode("EC PARAMETERS", &[6, 1, 1]);
        let file = format!("{}{}", *parameters, *key.to_pem());
        let read = PrivateKey::from_pem(file.as_bytes(), None).unwrap();
        assert_eq!(read.public_key(), key.public_key());
        let twice = format!("{0}{0}", *key.to_pem());
        let error = PrivateKey::from_pem(twice.as_bytes(), None).unwrap_err();
        assert_eq!(error, KeyError::SeveralKeys { count: 2 });
        let error = PrivateKey::from_pem(parameters.as_bytes(), None).unwrap_err();
        assert!(error.to_string().contains("found EC PARAMETERS"));
    }

    #[test]
    fn kinds_that_cannot_sign_here_are_named() {
        let openssh = pem_encode("OPENSSH PRIVATE KEY", b"x");
        let error = PrivateKey::from_pem(openssh.as_bytes(), None).unwrap_err();
        assert!(error.to_string().contains("OPENSSH"), "{error}");
        let algorithm = der::sequence(&[&der::oid(&[1, 2, 840, 10040, 4, 1]).unwrap()]);
        let dsa = der::sequence(&[&[2, 1, 0], &algorithm, &[4, 1, 0]]);
        let error = PrivateKey::from_der(&dsa).unwrap_err();
        assert!(error.to_string().contains("kind DSA"), "{error}");
    }

    #[test]
    fn keys_and_authorities_cross_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<PrivateKey>();
        shared::<crate::pki::CertificateAuthority>();
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, phrase: Option<String>) {
            let _ = PrivateKey::from_pem(&bytes, phrase.as_deref());
            let _ = PrivateKey::from_der(&bytes);
            for label in ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
                let file = pem_encode(label, &bytes);
                let _ = PrivateKey::from_pem(file.as_bytes(), phrase.as_deref());
            }
        }
    }
}
