//! Which certificates does this revocation list revoke, and until when does it hold?
//!
//! Invariant: a list that could only be read in part is an error, never a shorter list. RFC 5280
//! section 5.

use jiff::Timestamp;
use serde::Serialize;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::{CertificateRevocationList, RevokedCertificate};
use x509_parser::x509::ReasonCode;

use super::HexBytes;
use super::der::{self, DerFault};
use super::extensions::{ExtensionFacts, ExtensionFault};
use super::name::NameFacts;
use super::serial::SerialNumber;
use super::signature::SignatureFacts;

/// A certificate revocation list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CrlFacts {
    /// Who signed it.
    pub issuer: NameFacts,
    /// Its number, which grows with every issue.
    pub number: Option<SerialNumber>,
    /// When it was made.
    pub this_update: Timestamp,
    /// When the next one is due.
    pub next_update: Option<Timestamp>,
    /// How it was signed.
    pub signature: SignatureFacts,
    /// Authority key identifier.
    pub authority_key_id: Option<HexBytes>,
    /// What it revokes, in its order.
    pub revoked: Vec<Revocation>,
    /// The list, byte for byte.
    #[serde(skip)]
    pub der: Vec<u8>,
}

/// One revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Revocation {
    /// The certificate's serial number.
    pub serial: SerialNumber,
    /// Since when.
    pub revoked_at: Timestamp,
    /// Why, where the list says so.
    pub reason: Option<&'static str>,
}

impl CrlFacts {
    /// Describes a DER list; nothing may follow it.
    pub fn from_der(bytes: &[u8]) -> Result<Self, DerFault> {
        der::check_length(bytes)?;
        let (_, parsed) =
            CertificateRevocationList::from_der(bytes).map_err(|e| der::unreadable(&e))?;
        let list = &parsed.tbs_cert_list;
        der::check_length(list.as_ref())?;
        let extensions = ExtensionFacts::read(parsed.extensions())?;
        let number = parsed.extensions().iter().find_map(|extension| {
            let ParsedExtension::CRLNumber(number) = extension.parsed_extension() else {
                return None;
            };
            Some(SerialNumber::from_unsigned(&number.to_bytes_be()))
        });
        let revoked = parsed.iter_revoked_certificates().map(revocation);
        Ok(Self {
            issuer: NameFacts::read(parsed.issuer())?,
            number,
            this_update: der::timestamp(parsed.last_update()),
            next_update: parsed.next_update().map(der::timestamp),
            signature: SignatureFacts::new(
                &parsed.signature_algorithm,
                &parsed.signature_value.data,
                list.as_ref(),
            ),
            authority_key_id: extensions.authority_key_id,
            revoked: revoked.collect::<Result<_, _>>()?,
            der: bytes.to_vec(),
        })
    }

    /// The entry that revokes this serial number. etcd compares serial numbers only, not issuers.
    pub fn revocation_of(&self, serial: &SerialNumber) -> Option<&Revocation> {
        self.revoked.iter().find(|entry| &entry.serial == serial)
    }

    /// True where the next list is overdue.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.next_update.is_some_and(|next| next < now)
    }
}

fn revocation(entry: &RevokedCertificate<'_>) -> Result<Revocation, ExtensionFault> {
    let broken = |extension: &&_| {
        let extension: &x509_parser::extensions::X509Extension<'_> = extension;
        extension.parsed_extension().error().is_some()
    };
    if let Some(extension) = entry.extensions().iter().find(broken) {
        let oid = extension.oid.to_id_string();
        return Err(ExtensionFault::Unreadable { oid });
    }
    Ok(Revocation {
        serial: SerialNumber::new(entry.raw_serial()),
        revoked_at: der::timestamp(entry.revocation_date),
        reason: entry.reason_code().map(|(_, code)| reason(code)),
    })
}

/// RFC 5280 section 5.3.1, in words.
fn reason(code: ReasonCode) -> &'static str {
    match code.0 {
        0 => "unspecified",
        1 => "key compromise",
        2 => "CA compromise",
        3 => "affiliation changed",
        4 => "superseded",
        5 => "cessation of operation",
        6 => "certificate hold",
        8 => "removed from CRL",
        9 => "privilege withdrawn",
        10 => "AA compromise",
        _ => "unknown",
    }
}
