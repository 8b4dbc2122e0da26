//! What does this certificate say?
//!
//! Invariant: the facts keep the certificate's own bytes, so that whoever compares or re-encodes
//! works on what was signed. X.509 as in RFC 5280.

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::HexBytes;
use super::der::{self, DerFault};
use super::extensions::ExtensionFacts;
use super::name::NameFacts;
use super::public_key::PublicKeyFacts;
use super::serial::SerialNumber;
use super::signature::{SignatureFacts, SignatureFault};

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateFacts {
    /// Whom it certifies.
    pub subject: NameFacts,
    /// Who signed it.
    pub issuer: NameFacts,
    /// The number its issuer gave it.
    pub serial: SerialNumber,
    /// Version, 1 to 3. Only version 3 has extensions.
    pub version: u32,
    /// First instant at which it is valid.
    pub not_before: Timestamp,
    /// Last instant at which it is valid. "Never" (year 9999) reads as the last instant there is.
    pub not_after: Timestamp,
    /// The certified key.
    pub public_key: PublicKeyFacts,
    /// How it was signed.
    pub signature: SignatureFacts,
    /// What its extensions say.
    #[serde(flatten)]
    pub extensions: ExtensionFacts,
    /// SHA-256 of the whole certificate.
    #[serde(rename = "sha256")]
    pub fingerprint: HexBytes,
    /// True where it is signed with its own key.
    pub self_signed: bool,
    /// The certificate, byte for byte.
    #[serde(skip)]
    pub der: Vec<u8>,
}

/// How a certificate's validity stands to an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// It begins later.
    NotYetValid,
    /// It is valid for so many more whole days.
    Valid {
        /// Whole days until it ends.
        days_left: i64,
    },
    /// It ended so many whole days ago.
    Expired {
        /// Whole days since it ended.
        days_ago: i64,
    },
}

impl CertificateFacts {
    /// Describes a DER certificate; nothing may follow it.
    pub fn from_der(bytes: &[u8]) -> Result<Self, DerFault> {
        der::check_length(bytes)?;
        let (_, parsed) = X509Certificate::from_der(bytes).map_err(|e| der::unreadable(&e))?;
        let tbs = parsed.tbs_certificate.as_ref();
        der::check_length(tbs)?;
        let subject = NameFacts::read(parsed.subject())?;
        let issuer = NameFacts::read(parsed.issuer())?;
        let public_key = PublicKeyFacts::read(parsed.public_key());
        let signature = SignatureFacts::new(
            &parsed.signature_algorithm,
            &parsed.signature_value.data,
            tbs,
        );
        let own_key = || !matches!(signature.verify(&public_key), Err(SignatureFault::Invalid));
        Ok(Self {
            self_signed: subject.der == issuer.der && own_key(),
            serial: SerialNumber::new(parsed.raw_serial()),
            version: parsed.version().0.saturating_add(1),
            not_before: der::timestamp(parsed.validity().not_before),
            not_after: der::timestamp(parsed.validity().not_after),
            extensions: ExtensionFacts::read(parsed.extensions())?,
            fingerprint: HexBytes(Sha256::digest(bytes).to_vec()),
            der: bytes.to_vec(),
            subject,
            issuer,
            public_key,
            signature,
        })
    }

    /// True where it says that it is a CA.
    pub fn is_ca(&self) -> bool {
        self.extensions.basic_constraints.is_some_and(|it| it.ca)
    }

    /// How many intermediate CAs may stand below it; absent for no limit.
    pub fn path_len(&self) -> Option<u32> {
        self.extensions.basic_constraints.and_then(|it| it.path_len)
    }

    /// Whole days from `now` to the end; negative once it has ended.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        const DAY: i64 = 24 * 60 * 60;
        (self.not_after.as_second() - now.as_second()).div_euclid(DAY)
    }

    /// How its validity stands to `now`. Both ends belong to it (RFC 5280 section 4.1.2.5).
    pub fn lifetime(&self, now: Timestamp) -> Lifetime {
        let days_left = self.days_left(now);
        if now.as_second() < self.not_before.as_second() {
            Lifetime::NotYetValid
        } else if now.as_second() > self.not_after.as_second() {
            Lifetime::Expired {
                days_ago: -days_left - 1,
            }
        } else {
            Lifetime::Valid { days_left }
        }
    }
}
