//! A certificate authority that can sign: its certificate and its key.
//!
//! Invariant: the key is the certificate's, and the certificate may sign others. rcgen would accept
//! any pair; every certificate it then issued would be worthless, so the pair is checked here, once.

use std::fmt;

use jiff::Timestamp;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use super::key::PrivateKey;
use super::names::{Name, NameError};
use super::pem::{PemError, pem_blocks, pem_encode};
use super::public_key::{PublicKey, PublicKeyError};

/// Why a certificate and a key make no authority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// The file is no PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// PEM without a certificate.
    #[error("no certificate in the file: found {found}; expected CERTIFICATE")]
    NoCertificate {
        /// Labels of the blocks that are there.
        found: String,
    },
    /// Bytes that are no certificate.
    #[error("malformed certificate: {reason}")]
    Malformed {
        /// What is wrong with them.
        reason: String,
    },
    /// A public key that can't be used.
    #[error(transparent)]
    PublicKey(#[from] PublicKeyError),
    /// A subject that can't be read.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The key belongs to another certificate.
    #[error(
        "the key is not the certificate's: {subject} has {expected}, the key is another {found}; \
         give the key that was made with this CA"
    )]
    KeyMismatch {
        /// Subject of the certificate.
        subject: String,
        /// Kind of its key.
        expected: String,
        /// Kind of the key that was given.
        found: String,
    },
    /// The certificate is a leaf.
    #[error("{subject} is no CA: its basicConstraints do not say CA:TRUE")]
    NotAuthority {
        /// Its subject.
        subject: String,
    },
    /// Key usage forbids signing certificates.
    #[error("{subject} may not sign certificates: its key usage lacks keyCertSign")]
    MayNotSign {
        /// Its subject.
        subject: String,
    },
}

/// A CA's certificate with its key.
pub struct CertificateAuthority {
    der: Vec<u8>,
    key: PrivateKey,
    subject: Name,
    key_id: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
    path_len: Option<u32>,
    signs_crls: bool,
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority")
            .field("subject", &self.subject)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl CertificateAuthority {
    /// Takes the certificate of a PEM file that `key` belongs to; a bundle may hold several, as it
    /// does while a CA is being replaced.
    pub fn from_pem(file: &[u8], key: PrivateKey) -> Result<Self, AuthorityError> {
        let blocks = pem_blocks(file)?;
        let certificates: Vec<&[u8]> = blocks
            .iter()
            .filter(|block| {
                matches!(
                    block.label.as_str(),
                    "CERTIFICATE" | "TRUSTED CERTIFICATE" | "X509 CERTIFICATE"
                )
            })
            .map(|block| block.contents.as_slice())
            .collect();
        let Some(first) = certificates.first() else {
            let labels: Vec<&str> = blocks.iter().map(|block| block.label.as_str()).collect();
            let found = labels.join(", ");
            return Err(AuthorityError::NoCertificate { found });
        };
        let owns = |der: &&&[u8]| {
            X509Certificate::from_der(der)
                .is_ok_and(|(_, parsed)| parsed.public_key().raw == key.public_key_der())
        };
        let der = certificates.iter().find(owns).unwrap_or(first);
        Self::from_der(der, key)
    }

    /// Takes a certificate and its key.
    pub fn from_der(certificate: &[u8], key: PrivateKey) -> Result<Self, AuthorityError> {
        let malformed = |reason: String| AuthorityError::Malformed { reason };
        // OpenSSL's TRUSTED CERTIFICATE has its own data behind the certificate.
        let (rest, parsed) =
            X509Certificate::from_der(certificate).map_err(|error| malformed(error.to_string()))?;
        let der = &certificate[..certificate.len() - rest.len()];
        let subject = Name::from_der(parsed.subject().as_raw())?;
        let public = PublicKey::from_der(parsed.public_key().raw)?;
        if &public != key.public_key() {
            return Err(AuthorityError::KeyMismatch {
                subject: subject.to_string(),
                expected: public.kind().to_string(),
                found: key.kind().to_string(),
            });
        }
        let extension = |error: x509_parser::error::X509Error| malformed(error.to_string());
        let constraints = parsed.basic_constraints().map_err(extension)?;
        let constraints = constraints.filter(|constraints| constraints.value.ca);
        let constraints = constraints.ok_or_else(|| AuthorityError::NotAuthority {
            subject: subject.to_string(),
        })?;
        let usage = parsed.key_usage().map_err(extension)?;
        if usage
            .as_ref()
            .is_some_and(|usage| !usage.value.key_cert_sign())
        {
            let subject = subject.to_string();
            return Err(AuthorityError::MayNotSign { subject });
        }
        Ok(Self {
            key_id: subject_key_id(&parsed).unwrap_or_else(|| public.key_id().to_vec()),
            not_before: timestamp(parsed.validity().not_before).map_err(malformed)?,
            not_after: timestamp(parsed.validity().not_after).map_err(malformed)?,
            path_len: constraints.value.path_len_constraint,
            signs_crls: usage.is_none_or(|usage| usage.value.crl_sign()),
            der: der.to_owned(),
            key,
            subject,
        })
    }

    /// The certificate, DER.
    pub fn certificate_der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate, PEM.
    pub fn certificate_pem(&self) -> String {
        String::clone(&pem_encode("CERTIFICATE", &self.der))
    }

    /// The key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The subject, which is the issuer of everything it signs.
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// The subject key identifier; computed from the key if the certificate has none.
    pub fn key_id(&self) -> &[u8] {
        &self.key_id
    }

    /// The first second of its validity.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last second of its validity.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// How many CAs may stand below it; none is no limit.
    pub fn path_len(&self) -> Option<u32> {
        self.path_len
    }

    /// Whether its key usage allows it to sign revocation lists; that of a kubeadm CA does not.
    pub fn signs_crls(&self) -> bool {
        self.signs_crls
    }
}

fn subject_key_id(certificate: &X509Certificate<'_>) -> Option<Vec<u8>> {
    use x509_parser::extensions::ParsedExtension;
    let mut extensions = certificate.iter_extensions();
    extensions.find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) if !id.0.is_empty() => Some(id.0.to_vec()),
        _ => None,
    })
}

pub(crate) fn timestamp(time: ASN1Time) -> Result<Timestamp, String> {
    Timestamp::from_second(time.timestamp()).map_err(|error| error.to_string())
}
