//! How is a certificate issued?
//!
//! Invariant: what is returned was checked: it names its issuer byte for byte, carries the public
//! key it was asked for, ends no later than its issuer, and its signature verifies. Whatever differs
//! from what was asked for is told in the result.
//!
//! As cfssl has it (`signer/local`, `signer.FillTemplate`): key usage critical, extended key usage
//! not, basicConstraints always there and critical, subject key identifier SHA-1 of the key.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use rcgen::CustomExtension;

use super::authority::{AuthorityError, CertificateAuthority};
use super::certificate::{Content, Signer};
use super::csr_template::{CaSection, CsrTemplate};
use super::der;
use super::key::{KeyError, PrivateKey};
use super::names::{Name, NameError};
use super::pem::pem_encode;
use super::profile::Profile;
use super::public_key::PublicKey;
use super::san::{San, distinct_sans};
use super::serial::{Serial, SerialError};
use super::usage::{ExtendedUsage, KeyUsage, Usages};

/// id-pe-authorityInfoAccess and its two methods (RFC 5280 section 4.2.2.1).
const AUTHORITY_INFO_ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
const AIA_OCSP: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 1];
const AIA_CA_ISSUERS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 2];
/// id-pkix-ocsp-nocheck (RFC 6960 section 4.2.2.2.1).
const OCSP_NO_CHECK: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 1, 5];

/// Why no certificate is issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The issuer's key can't sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The issuer's certificate and key don't fit.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The subject can't be encoded.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No serial number.
    #[error(transparent)]
    Serial(#[from] SerialError),
    /// The issuer's time is over.
    #[error("the CA {subject} expired at {not_after}; make a new CA first")]
    IssuerExpired {
        /// The issuer.
        subject: String,
        /// Its last second.
        not_after: Timestamp,
    },
    /// The issuer's time has not come, or this machine's clock is behind.
    #[error("the CA {subject} is valid from {not_before}, and it is {now}; check the clock")]
    IssuerNotYetValid {
        /// The issuer.
        subject: String,
        /// Its first second.
        not_before: Timestamp,
        /// The time now.
        now: Timestamp,
    },
    /// A lifetime that certificates can't express, or that is over before it begins.
    #[error("a validity from {from} for {lifetime} is impossible: {reason}")]
    Validity {
        /// The beginning.
        from: Timestamp,
        /// The lifetime, as cfssl writes it.
        lifetime: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Neither subject nor names.
    #[error("the certificate would have no name: give it a CN or a host")]
    Nameless,
    /// A name the profile does not let through.
    #[error("{name:?} does not match the name_whitelist {whitelist:?} of profile {profile:?}")]
    NotWhitelisted {
        /// The name.
        name: String,
        /// The expression.
        whitelist: String,
        /// The profile.
        profile: String,
    },
    /// The issuer may not have CAs below it, or not as deep.
    #[error(
        "the CA {subject} allows {allowed} CAs below it; profile {profile:?} asks for one that \
         allows {wanted}"
    )]
    PathLength {
        /// The issuer.
        subject: String,
        /// Its path length.
        allowed: u32,
        /// The path length of the certificate to be.
        wanted: u8,
        /// The profile.
        profile: String,
    },
    /// `is_ca` and `cert sign` only make sense together (RFC 5280 section 4.2.1.3).
    #[error(
        "profile {profile:?} is contradictory: ca_constraint.is_ca and the usage \"cert sign\" \
         need each other"
    )]
    CertSign {
        /// The profile.
        profile: String,
    },
    /// rcgen refused to encode it.
    #[error("the certificate can't be encoded: {reason}")]
    Encoding {
        /// rcgen's reason.
        reason: String,
    },
    /// The finished certificate is not what was asked for.
    #[error("the issued certificate failed its own check: {what}")]
    SelfCheck {
        /// What differs.
        what: &'static str,
    },
}

/// Something that is otherwise than it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssueNote {
    /// The certificate would have outlived its issuer and ends with it.
    EndsWithIssuer {
        /// The end that was asked for.
        wanted: Timestamp,
    },
    /// The certificate would have begun before its issuer and begins with it.
    BeginsWithIssuer {
        /// The beginning that was asked for.
        wanted: Timestamp,
    },
    /// A server certificate without a name that a client could check.
    NoNames,
    /// Something of the request was not taken over, and why.
    LeftOut {
        /// What.
        what: String,
        /// Because of which rule.
        reason: String,
    },
}

impl fmt::Display for IssueNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndsWithIssuer { wanted } => {
                write!(f, "ends with its CA instead of at {wanted}")
            }
            Self::BeginsWithIssuer { wanted } => {
                write!(f, "begins with its CA instead of at {wanted}")
            }
            Self::NoNames => f.write_str("has no DNS name or address that a client could check"),
            Self::LeftOut { what, reason } => write!(f, "{what} was left out: {reason}"),
        }
    }
}

/// An issued certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// Its serial number.
    pub serial: Serial,
    /// The first second of its validity.
    pub not_before: Timestamp,
    /// The last second of its validity.
    pub not_after: Timestamp,
    /// What is otherwise than it was asked for.
    pub notes: Vec<IssueNote>,
}

impl Issued {
    /// The certificate, PEM.
    pub fn pem(&self) -> String {
        String::clone(&pem_encode("CERTIFICATE", &self.der))
    }
}

/// A CA to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaRequest {
    /// Subject and issuer.
    pub subject: Name,
    /// Its own names, which kubeadm gives it and nobody checks.
    pub sans: Vec<San>,
    /// Lifetime, backdate and path length.
    pub ca: CaSection,
    /// A CRL distribution point.
    pub crl_url: Option<String>,
}

impl CaRequest {
    /// What a CSR file asks for.
    pub fn from_template(template: &CsrTemplate) -> Result<Self, NameError> {
        Ok(Self {
            subject: template.subject.to_name()?,
            sans: template.hosts.clone(),
            ca: template.ca,
            crl_url: template.crl_url.clone(),
        })
    }
}

/// Whom a certificate is for; how it is issued is the profile's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafRequest {
    /// The subject.
    pub subject: Name,
    /// Names and addresses, in order.
    pub sans: Vec<San>,
    /// A CRL distribution point of its own, instead of the profile's.
    pub crl_url: Option<String>,
}

impl LeafRequest {
    /// What a CSR file asks for.
    pub fn from_template(template: &CsrTemplate) -> Result<Self, NameError> {
        Ok(Self {
            subject: template.subject.to_name()?,
            sans: template.hosts.clone(),
            crl_url: template.crl_url.clone(),
        })
    }
}

/// Makes a self-signed CA of a key.
///
/// # Errors
/// A lifetime that can't be expressed, or a failure of key or encoding.
pub fn issue_ca(
    request: &CaRequest,
    key: PrivateKey,
    now: Timestamp,
) -> Result<(CertificateAuthority, Issued), IssueError> {
    let not_before = begin(now, request.ca.backdate)?;
    let content = Content {
        subject: &request.subject,
        public: key.public_key(),
        not_before,
        not_after: end(not_before, request.ca.expiry)?,
        usages: &Usages::certificate_authority(),
        sans: distinct_sans(request.sans.iter().cloned()),
        ca: Some(request.ca.path_len),
        crl_url: request.crl_url.as_deref(),
        extensions: Vec::new(),
        notes: Vec::new(),
    };
    if request.subject.is_empty() {
        return Err(IssueError::Nameless);
    }
    let signer = Signer {
        key: &key,
        subject: &request.subject,
        // RFC 5280 section 4.2.1.1: the one certificate that may omit the authority's key identifier.
        key_id: None,
    };
    let issued = content.issue(&signer)?;
    let authority = CertificateAuthority::from_der(&issued.der, key)?;
    Ok((authority, issued))
}

/// Issues a certificate for a public key under the rules of a profile.
///
/// # Errors
/// The issuer is not valid now, or the profile forbids what is asked for.
pub fn issue_leaf(
    authority: &CertificateAuthority,
    profile: &Profile,
    request: &LeafRequest,
    public: &PublicKey,
    now: Timestamp,
) -> Result<Issued, IssueError> {
    issue_with(authority, profile, request, public, now, Extras::default())
}

/// What a signing request adds to a [`LeafRequest`].
#[derive(Default)]
pub(crate) struct Extras {
    /// Extensions to copy.
    pub(crate) extensions: Vec<CustomExtension>,
    /// What was not taken over.
    pub(crate) notes: Vec<IssueNote>,
}

pub(crate) fn issue_with(
    authority: &CertificateAuthority,
    profile: &Profile,
    request: &LeafRequest,
    public: &PublicKey,
    now: Timestamp,
    extras: Extras,
) -> Result<Issued, IssueError> {
    let sans = distinct_sans(request.sans.iter().cloned());
    check_leaf(profile, request)?;
    check_path_length(authority, profile)?;
    let mut notes = extras.notes;
    let serves = profile.usages.extended.contains(&ExtendedUsage::ServerAuth);
    if serves && sans.is_empty() {
        notes.push(IssueNote::NoNames);
    }
    let (not_before, not_after) = validity(authority, profile, now, &mut notes)?;
    let mut extensions = profile_extensions(profile)?;
    extensions.extend(extras.extensions);
    let content = Content {
        subject: &request.subject,
        public,
        not_before,
        not_after,
        usages: &profile.usages,
        sans,
        ca: profile.ca.map(|ca| ca.path_len),
        crl_url: request.crl_url.as_deref().or(profile.crl_url.as_deref()),
        extensions,
        notes,
    };
    content.issue(&Signer {
        key: authority.key(),
        subject: authority.subject(),
        key_id: Some(authority.key_id()),
    })
}

/// Whether a profile lets a request through, whichever CA signs: for whoever plans.
///
/// # Errors
/// A profile that contradicts itself, a name that it keeps out, no name at all.
pub fn check_leaf(profile: &Profile, request: &LeafRequest) -> Result<(), IssueError> {
    if profile.ca.is_some() != profile.usages.key.contains(&KeyUsage::CertSign) {
        return Err(IssueError::CertSign {
            profile: profile.name.clone(),
        });
    }
    check_names(profile, &request.subject, &request.sans)
}

fn check_path_length(
    authority: &CertificateAuthority,
    profile: &Profile,
) -> Result<(), IssueError> {
    let Some((ca, allowed)) = profile.ca.zip(authority.path_len()) else {
        return Ok(());
    };
    let wanted = ca.path_len.unwrap_or(0);
    if u32::from(wanted) >= allowed {
        return Err(IssueError::PathLength {
            subject: authority.subject().to_string(),
            allowed,
            wanted,
            profile: profile.name.clone(),
        });
    }
    Ok(())
}

fn check_names(profile: &Profile, subject: &Name, sans: &[San]) -> Result<(), IssueError> {
    if subject.is_empty() && sans.is_empty() {
        return Err(IssueError::Nameless);
    }
    let Some(whitelist) = &profile.name_whitelist else {
        return Ok(());
    };
    // As in cfssl: addresses are not held against the list.
    let names = sans.iter().filter(|san| !matches!(san, San::Ip(_)));
    let common_name = subject.common_name().into_iter();
    let mut names = common_name.chain(names.map(ToString::to_string));
    match names.find(|name| !whitelist.is_match(name)) {
        None => Ok(()),
        Some(name) => Err(IssueError::NotWhitelisted {
            name,
            whitelist: whitelist.to_string(),
            profile: profile.name.clone(),
        }),
    }
}

fn begin(now: Timestamp, backdate: SignedDuration) -> Result<Timestamp, IssueError> {
    let seconds = now.as_second().saturating_sub(backdate.as_secs());
    // UTCTime and GeneralizedTime have years from 0 on; nobody backdates to before 1950.
    Timestamp::from_second(seconds).map_err(|_| impossible(now, backdate, "it begins too early"))
}

fn end(from: Timestamp, lifetime: SignedDuration) -> Result<Timestamp, IssueError> {
    from.checked_add(lifetime)
        .map_err(|_| impossible(from, lifetime, "it ends after the year 9999"))
}

fn impossible(from: Timestamp, lifetime: SignedDuration, reason: &'static str) -> IssueError {
    IssueError::Validity {
        from,
        lifetime: super::format_lifetime(lifetime),
        reason,
    }
}

/// Whether the CA's own time is now: nothing that it signs outside it is worth anything.
///
/// # Errors
/// [`IssueError::IssuerNotYetValid`] or [`IssueError::IssuerExpired`].
pub fn check_issuer(authority: &CertificateAuthority, now: Timestamp) -> Result<(), IssueError> {
    let subject = || authority.subject().to_string();
    let (first, last) = (authority.not_before(), authority.not_after());
    if now < first {
        return Err(IssueError::IssuerNotYetValid {
            subject: subject(),
            not_before: first,
            now,
        });
    }
    if now >= last {
        return Err(IssueError::IssuerExpired {
            subject: subject(),
            not_after: last,
        });
    }
    Ok(())
}

fn validity(
    authority: &CertificateAuthority,
    profile: &Profile,
    now: Timestamp,
    notes: &mut Vec<IssueNote>,
) -> Result<(Timestamp, Timestamp), IssueError> {
    check_issuer(authority, now)?;
    let (first, last) = (authority.not_before(), authority.not_after());
    let wanted_from = match profile.not_before {
        Some(fixed) => begin(fixed, SignedDuration::ZERO)?,
        None => begin(now, profile.backdate)?,
    };
    let wanted_to = match profile.not_after {
        Some(fixed) => begin(fixed, SignedDuration::ZERO)?,
        None => end(wanted_from, profile.expiry)?,
    };
    let (from, to) = (wanted_from.max(first), wanted_to.min(last));
    if from != wanted_from {
        let wanted = wanted_from;
        notes.push(IssueNote::BeginsWithIssuer { wanted });
    }
    if to != wanted_to {
        notes.push(IssueNote::EndsWithIssuer { wanted: wanted_to });
    }
    if to <= now || to <= from {
        let reason = "it would be over before it begins";
        return Err(impossible(from, from.duration_until(to), reason));
    }
    Ok((from, to))
}

fn profile_extensions(profile: &Profile) -> Result<Vec<CustomExtension>, IssueError> {
    let mut extensions = Vec::new();
    let ocsp = profile.ocsp_url.iter().map(|url| (AIA_OCSP, url));
    let issuers = profile.issuer_urls.iter().map(|url| (AIA_CA_ISSUERS, url));
    let access: Result<Vec<Vec<u8>>, der::DerError> = ocsp
        .chain(issuers)
        .map(|(method, url)| {
            // uniformResourceIdentifier [6] of GeneralName.
            let location = der::tlv(0x86, url.as_bytes());
            Ok(der::sequence(&[&der::oid(method)?, &location]))
        })
        .collect();
    let access = access.map_err(KeyError::from)?;
    if !access.is_empty() {
        let content = der::tlv(der::SEQUENCE, &access.concat());
        extensions.push(CustomExtension::from_oid_content(
            AUTHORITY_INFO_ACCESS,
            content,
        ));
    }
    if profile.ocsp_no_check {
        let null = vec![der::NULL, 0];
        extensions.push(CustomExtension::from_oid_content(OCSP_NO_CHECK, null));
    }
    Ok(extensions)
}

#[cfg(test)]
pub(crate) mod tests;
