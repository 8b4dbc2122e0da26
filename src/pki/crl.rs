//! How is a revocation list made and continued?
//!
//! Invariant: a list is the CA's (issuer byte for byte, signature verified), its number grows, and no
//! entry of the list before it is lost. etcd looks up serial numbers in it and checks nothing else,
//! and reads DER only (`client-crl-file`), so a wrong list would fail nowhere but when it counts.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, CertificateRevocationListParams, Issuer, KeyIdMethod, RevokedCertParams,
    SerialNumber,
};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{CertificateRevocationList, FromDer};
use x509_parser::revocation_list::RevokedCertificate;

use super::authority::{CertificateAuthority, timestamp};
use super::certificate::date;
use super::key::KeyError;
use super::pem::{PemError, pem_blocks, pem_encode};
use super::serial::{Serial, SerialError};
use super::signed::{Draft, Signed};

/// Place of the issuer in TBSCertList (RFC 5280 section 5.1).
const ISSUER_FIELD: usize = 2;

/// Why a revocation list can't be read or made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// A PEM file that is broken.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// PEM without a list.
    #[error("no revocation list in the file: found {found}; expected X509 CRL")]
    NoList {
        /// Labels of the blocks that are there.
        found: String,
    },
    /// Bytes that are no list.
    #[error("malformed revocation list: {reason}")]
    Malformed {
        /// What is wrong with them.
        reason: String,
    },
    /// A list of another CA.
    #[error("the revocation list is {found}'s; expected one of {expected}")]
    OtherIssuer {
        /// Who issued it.
        found: String,
        /// The CA at hand.
        expected: String,
    },
    /// A list that the CA did not sign as it is.
    #[error("the revocation list's signature is not {subject}'s: it was changed, or uses SHA-1")]
    Signature {
        /// The CA.
        subject: String,
    },
    /// An extension that a continued list would lose.
    #[error("the revocation list carries extension {oid}, which would be lost; make a new list")]
    Extension {
        /// Its object identifier.
        oid: String,
    },
    /// A lifetime that dates can't express, or of nothing.
    #[error("a next update after {lifetime} is impossible: expected one such as 8760h")]
    NextUpdate {
        /// The lifetime, as cfssl writes it.
        lifetime: String,
    },
    /// A serial number that can't be.
    #[error(transparent)]
    Serial(#[from] SerialError),
    /// The CA's key can't sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// rcgen refused to encode it.
    #[error("the revocation list can't be encoded: {reason}")]
    Encoding {
        /// rcgen's reason.
        reason: String,
    },
}

/// Why a certificate is revoked (RFC 5280 section 5.3.1); displays and parses as it is spelled there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RevocationReason {
    /// Its private key was exposed.
    KeyCompromise,
    /// The CA's private key was exposed.
    CaCompromise,
    /// Its subject changed.
    AffiliationChanged,
    /// Another certificate took its place.
    Superseded,
    /// It is not needed any more.
    CessationOfOperation,
    /// It is suspended.
    CertificateHold,
    /// A privilege in it was withdrawn.
    PrivilegeWithdrawn,
    /// The attribute authority's key was exposed.
    AaCompromise,
}

/// Why a text is no reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is no reason for a revocation: expected one of {}",
    reasons()
)]
pub struct RevocationReasonError {
    /// The text that was given.
    pub found: String,
}

fn reasons() -> String {
    RevocationReason::ALL
        .map(|reason| reason.to_string())
        .join(", ")
}

impl RevocationReason {
    /// Every reason, in the order of their codes.
    pub const ALL: [Self; 8] = [
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::CertificateHold,
        Self::PrivilegeWithdrawn,
        Self::AaCompromise,
    ];

    fn to_rcgen(self) -> rcgen::RevocationReason {
        use rcgen::RevocationReason as R;
        match self {
            Self::KeyCompromise => R::KeyCompromise,
            Self::CaCompromise => R::CaCompromise,
            Self::AffiliationChanged => R::AffiliationChanged,
            Self::Superseded => R::Superseded,
            Self::CessationOfOperation => R::CessationOfOperation,
            Self::CertificateHold => R::CertificateHold,
            Self::PrivilegeWithdrawn => R::PrivilegeWithdrawn,
            Self::AaCompromise => R::AaCompromise,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.to_rcgen() as u8 == code)
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::CertificateHold => "certificateHold",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
            Self::AaCompromise => "aACompromise",
        })
    }
}

impl FromStr for RevocationReason {
    type Err = RevocationReasonError;

    /// Reads a reason whatever its case, with hyphens or without.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.replace('-', "");
        let found = Self::ALL
            .into_iter()
            .find(|reason| reason.to_string().eq_ignore_ascii_case(&plain));
        found.ok_or_else(|| RevocationReasonError {
            found: text.to_owned(),
        })
    }
}

/// A revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Its serial number.
    pub serial: Serial,
    /// When it was revoked.
    pub date: Timestamp,
    /// Why, if that is known.
    pub reason: Option<RevocationReason>,
    /// Since when it must not be trusted, if that is known.
    pub invalid_since: Option<Timestamp>,
}

/// A revocation list of a CA at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    der: Vec<u8>,
    number: u128,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
    entries: Vec<Revocation>,
}

impl RevocationList {
    /// Reads a list, PEM or DER, and verifies that `authority` issued it.
    pub fn from_bytes(file: &[u8], authority: &CertificateAuthority) -> Result<Self, CrlError> {
        if !file.starts_with(&[super::der::SEQUENCE]) {
            let blocks = pem_blocks(file)?;
            let Some(list) = blocks.iter().find(|block| block.label == "X509 CRL") else {
                let labels: Vec<&str> = blocks.iter().map(|block| block.label.as_str()).collect();
                let found = labels.join(", ");
                return Err(CrlError::NoList { found });
            };
            return Self::from_der(&list.contents, authority);
        }
        Self::from_der(file, authority)
    }

    fn from_der(bytes: &[u8], authority: &CertificateAuthority) -> Result<Self, CrlError> {
        let malformed = |reason: String| CrlError::Malformed { reason };
        let signed = Signed::from_der(bytes).map_err(|error| malformed(error.to_string()))?;
        let (_, list) = CertificateRevocationList::from_der(bytes)
            .map_err(|error| malformed(error.to_string()))?;
        if list.tbs_cert_list.issuer.as_raw() != authority.subject().as_der() {
            return Err(CrlError::OtherIssuer {
                found: list.issuer().to_string(),
                expected: authority.subject().to_string(),
            });
        }
        if !signed.is_signed_by(authority.key().public_key()) {
            return Err(CrlError::Signature {
                subject: authority.subject().to_string(),
            });
        }
        let entries: Result<_, _> = list.iter_revoked_certificates().map(entry).collect();
        let next_update = list.next_update().map(timestamp).transpose();
        Ok(Self {
            der: bytes.to_owned(),
            number: number(&list)?,
            this_update: timestamp(list.last_update()).map_err(malformed)?,
            next_update: next_update.map_err(malformed)?,
            entries: entries?,
        })
    }

    /// The list, DER: the form that etcd reads.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The list, PEM.
    pub fn pem(&self) -> String {
        String::clone(&pem_encode("X509 CRL", &self.der))
    }

    /// Its number, which grows from list to list.
    pub fn number(&self) -> u128 {
        self.number
    }

    /// When it was made.
    pub fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// When the next one is due; etcd does not look at it.
    pub fn next_update(&self) -> Option<Timestamp> {
        self.next_update
    }

    /// The revoked certificates, in the order they were revoked.
    pub fn entries(&self) -> &[Revocation] {
        &self.entries
    }

    /// Whether a certificate is on the list.
    pub fn contains(&self, serial: &Serial) -> bool {
        self.entries.iter().any(|entry| &entry.serial == serial)
    }
}

/// The list's number; refuses extensions that a continued list would lose.
fn number(list: &CertificateRevocationList<'_>) -> Result<u128, CrlError> {
    let mut number = 0;
    for extension in list.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::CRLNumber(found) => {
                let bytes = found.to_bytes_be();
                let mut padded = [0; 16];
                let start = padded.len().checked_sub(bytes.len());
                let start = start.ok_or_else(|| CrlError::Malformed {
                    reason: "its number has more than 16 bytes".to_owned(),
                })?;
                padded[start..].copy_from_slice(&bytes);
                number = u128::from_be_bytes(padded);
            }
            ParsedExtension::AuthorityKeyIdentifier(_) => {}
            _ => {
                return Err(CrlError::Extension {
                    oid: extension.oid.to_id_string(),
                });
            }
        }
    }
    Ok(number)
}

fn entry(revoked: &RevokedCertificate<'_>) -> Result<Revocation, CrlError> {
    let malformed = |reason: String| CrlError::Malformed { reason };
    let mut entry = Revocation {
        serial: Serial::from_bytes(revoked.raw_serial())?,
        date: timestamp(revoked.revocation_date).map_err(malformed)?,
        reason: None,
        invalid_since: None,
    };
    for extension in revoked.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::ReasonCode(code) => entry.reason = RevocationReason::from_code(code.0),
            ParsedExtension::InvalidityDate(since) => {
                entry.invalid_since = Some(timestamp(*since).map_err(malformed)?);
            }
            _ => {
                return Err(CrlError::Extension {
                    oid: extension.oid.to_id_string(),
                });
            }
        }
    }
    Ok(entry)
}

/// Makes the next list: everything of `before`, then `revoked`, as far as it is not there yet. A CA
/// whose key usage lacks cRLSign ([`CertificateAuthority::signs_crls`]) signs it all the same: etcd
/// takes the list, verifiers that look at the usage don't.
///
/// # Errors
/// `lifetime` leads beyond what dates can say, or the key can't sign.
pub fn revoke(
    authority: &CertificateAuthority,
    before: Option<&RevocationList>,
    revoked: &[Revocation],
    now: Timestamp,
    lifetime: SignedDuration,
) -> Result<RevocationList, CrlError> {
    let next_update = now.checked_add(lifetime).ok();
    let next_update = next_update.filter(|_| lifetime.as_secs() > 0);
    let next_update = next_update.ok_or_else(|| CrlError::NextUpdate {
        lifetime: super::format_lifetime(lifetime),
    })?;
    let mut entries: Vec<Revocation> = Vec::new();
    let earlier = before.map_or(&[][..], RevocationList::entries);
    for entry in earlier.iter().chain(revoked) {
        if !entries.iter().any(|other| other.serial == entry.serial) {
            entries.push(entry.clone());
        }
    }
    let number = before.map_or(0, RevocationList::number).saturating_add(1);
    let encoding = |error: rcgen::Error| CrlError::Encoding {
        reason: error.to_string(),
    };
    let params = CertificateRevocationListParams {
        this_update: date(now).map_err(encoding)?,
        next_update: date(next_update).map_err(encoding)?,
        crl_number: SerialNumber::from_slice(&number.to_be_bytes()),
        issuing_distribution_point: None,
        revoked_certs: entries
            .iter()
            .map(params_of)
            .collect::<Result<_, _>>()
            .map_err(encoding)?,
        key_identifier_method: KeyIdMethod::PreSpecified(authority.key_id().to_owned()),
    };
    let draft = Draft::new(authority.key());
    let issuer = CertificateParams::default();
    params
        .signed_by(&Issuer::from_params(&issuer, &draft))
        .map_err(encoding)?;
    let der = draft.sign(&[(ISSUER_FIELD, authority.subject().as_der())])?;
    RevocationList::from_der(&der, authority)
}

fn params_of(entry: &Revocation) -> Result<RevokedCertParams, rcgen::Error> {
    Ok(RevokedCertParams {
        serial_number: SerialNumber::from_slice(entry.serial.as_bytes()),
        revocation_time: date(entry.date)?,
        reason_code: entry.reason.map(RevocationReason::to_rcgen),
        invalidity_date: entry.invalid_since.map(date).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::KeyAlgorithm;
    use crate::pki::issue::tests::{authority_of, now};

    const YEAR: SignedDuration = SignedDuration::from_hours(8760);

    fn revocation(serial: &str, reason: Option<RevocationReason>) -> Revocation {
        Revocation {
            serial: serial.parse().unwrap(),
            date: now(),
            reason,
            invalid_since: None,
        }
    }

    #[test]
    fn a_list_is_continued_without_losing_an_entry() {
        for algorithm in KeyAlgorithm::ALL {
            let authority = authority_of(algorithm);
            let mut one = revocation("0abc", Some(RevocationReason::KeyCompromise));
            one.invalid_since = Some("2026-01-01T00:00:00Z".parse().unwrap());
            let two = revocation("ff00", None);
            let list = revoke(&authority, None, &[one.clone()], now(), YEAR).unwrap();
            assert_eq!((list.number(), list.this_update()), (1, now()));
            let list = RevocationList::from_bytes(list.pem().as_bytes(), &authority).unwrap();
            let again = [two.clone(), revocation("0abc", None)];
            let next = revoke(&authority, Some(&list), &again, now(), YEAR).unwrap();
            assert_eq!((next.number(), next.entries()), (2, &[one, two][..]));
            assert!(next.contains(&"0abc".parse().unwrap()));
            let read = RevocationList::from_bytes(next.as_der(), &authority).unwrap();
            assert_eq!(read, next);
        }
    }

    #[test]
    fn an_empty_list_is_a_list() {
        let authority = authority_of(KeyAlgorithm::Ed25519);
        let list = revoke(&authority, None, &[], now(), YEAR).unwrap();
        assert_eq!(list.entries(), []);
        assert_eq!(
            list.next_update().unwrap().to_string(),
            "2027-11-21T12:00:00Z"
        );
        let error = revoke(&authority, None, &[], now(), SignedDuration::ZERO).unwrap_err();
        assert!(matches!(error, CrlError::NextUpdate { .. }), "{error}");
    }

    #[test]
    fn another_ca_s_list_and_a_changed_one_are_refused() {
        let (authority, other) = (
            authority_of(KeyAlgorithm::EcdsaP256),
            authority_of(KeyAlgorithm::EcdsaP256),
        );
        let entry = revocation("0123456789abcdef", None);
        let list = revoke(&authority, None, &[entry], now(), YEAR).unwrap();
        // Both have the same name: only the key tells them apart.
        let error = RevocationList::from_bytes(list.as_der(), &other).unwrap_err();
        assert!(matches!(error, CrlError::Signature { .. }), "{error}");
        let mut bytes = list.as_der().to_vec();
        let at = bytes
            .windows(2)
            .position(|pair| pair == [0x89, 0xab])
            .unwrap();
        bytes[at] = 0x88;
        let error = RevocationList::from_bytes(&bytes, &authority).unwrap_err();
        assert!(matches!(error, CrlError::Signature { .. }), "{error}");
        let pem = authority.certificate_pem();
        let error = RevocationList::from_bytes(pem.as_bytes(), &authority).unwrap_err();
        assert!(error.to_string().contains("found CERTIFICATE"), "{error}");
    }

    #[test]
    fn reasons_are_read_in_any_spelling() {
        for reason in RevocationReason::ALL {
            assert_eq!(reason.to_string().parse(), Ok(reason));
        }
        assert_eq!(
            "key-compromise".parse(),
            Ok(RevocationReason::KeyCompromise)
        );
        assert_eq!("CACOMPROMISE".parse(), Ok(RevocationReason::CaCompromise));
        let error = "lost".parse::<RevocationReason>().unwrap_err();
        assert!(error.to_string().contains("superseded"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, at in 0_usize..400, flip: u8) {
            let authority = authority_of(KeyAlgorithm::Ed25519);
            let _ = RevocationList::from_bytes(&bytes, &authority);
            let entry = revocation("0abc", Some(RevocationReason::Superseded));
            let list = revoke(&authority, None, &[entry], now(), YEAR).unwrap();
            let mut changed = list.as_der().to_vec();
            let length = changed.len();
            changed[at % length] ^= flip;
            let read = RevocationList::from_bytes(&changed, &authority);
            prop_assert_eq!(read.is_ok(), flip == 0);
        }
    }
}
