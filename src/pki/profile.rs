//! Under which rules is a certificate issued?
//!
//! Invariant: every field of cfssl's `config.SigningProfile` that has an effect here is in a
//! [`Profile`]; the others are refused or reported where the file is read.

use jiff::{SignedDuration, Timestamp};
use regex::Regex;

use super::csr_template::BACKDATE;
use super::usage::{ExtendedUsage, KeyUsage, Usages};

/// How certificates of one kind are issued.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name in the configuration.
    pub name: String,
    /// Key usages and extended key usages.
    pub usages: Usages,
    /// Lifetime, counted from the beginning of validity.
    pub expiry: SignedDuration,
    /// How far before now validity begins.
    pub backdate: SignedDuration,
    /// A fixed beginning; wins over `backdate`.
    pub not_before: Option<Timestamp>,
    /// A fixed end; wins over `expiry`.
    pub not_after: Option<Timestamp>,
    /// Set when the profile issues CA certificates.
    pub ca: Option<CaConstraint>,
    /// Where the issuer's certificate can be fetched (AIA caIssuers).
    pub issuer_urls: Vec<String>,
    /// The OCSP responder (AIA OCSP).
    pub ocsp_url: Option<String>,
    /// The CRL distribution point.
    pub crl_url: Option<String>,
    /// Whether to write the OCSP no-check extension (RFC 6960 section 4.2.2.2.1).
    pub ocsp_no_check: bool,
    /// What the common name and each DNS name, e-mail address and URI must match somewhere.
    pub name_whitelist: Option<Regex>,
    /// Whether extensions of a request that have no field of their own are copied.
    pub copy_extensions: bool,
    /// The only extensions to be copied, if there are any.
    pub allowed_extensions: Vec<Vec<u64>>,
    /// What is taken over from a request; `None` is everything.
    pub csr_whitelist: Option<CsrWhitelist>,
}

/// Limits of a CA certificate that a profile issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaConstraint {
    /// How many CAs may stand below it; none is no limit.
    pub path_len: Option<u8>,
}

/// Which parts of a request are taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CsrWhitelist {
    /// The subject.
    pub subject: bool,
    /// The public key; nothing can be issued without.
    pub public_key: bool,
    /// DNS names.
    pub dns_names: bool,
    /// IP addresses.
    pub ip_addresses: bool,
    /// E-mail addresses.
    pub email_addresses: bool,
    /// URIs.
    pub uris: bool,
}

impl Profile {
    /// What cfssl signs with when no configuration or no `default` is given: one year, server and
    /// client.
    pub fn built_in() -> Self {
        Self {
            name: "default".to_owned(),
            usages: Usages {
                key: vec![KeyUsage::DigitalSignature, KeyUsage::KeyEncipherment],
                extended: vec![ExtendedUsage::ServerAuth, ExtendedUsage::ClientAuth],
            },
            expiry: SignedDuration::from_hours(8760),
            ..Self::blank("default")
        }
    }

    pub(super) fn blank(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            usages: Usages::default(),
            expiry: SignedDuration::ZERO,
            backdate: BACKDATE,
            not_before: None,
            not_after: None,
            ca: None,
            issuer_urls: Vec::new(),
            ocsp_url: None,
            crl_url: None,
            ocsp_no_check: false,
            name_whitelist: None,
            copy_extensions: false,
            allowed_extensions: Vec::new(),
            csr_whitelist: None,
        }
    }
}
