//! What do a certificate's extensions say, in the words operators know?
//!
//! Invariant: an extension that is known but broken, or there twice, is an error and not silence:
//! Go refuses such a certificate, so showing the rest as if all were well would mislead.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;
use x509_parser::extensions::{
    ExtendedKeyUsage, GeneralName, KeyUsage, ParsedExtension, X509Extension,
};

use super::HexBytes;
use super::constraints::NameConstraints;
use super::name::NameFacts;

/// The extended key usage a TLS server must carry, in cfssl's words.
pub const SERVER_AUTH: &str = "server auth";
/// The extended key usage a TLS client must carry.
pub const CLIENT_AUTH: &str = "client auth";
/// The extended key usage that stands for all others.
pub const ANY_USAGE: &str = "any";
/// The key usage of every TLS certificate.
pub const DIGITAL_SIGNATURE: &str = "digital signature";
/// The key usage a CA must carry to issue.
pub const CERT_SIGN: &str = "cert sign";
/// The key usage a CA must carry to revoke.
pub const CRL_SIGN: &str = "crl sign";

/// Subject alternative names by kind, each in the certificate's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlternativeNames {
    /// DNS names as written; an empty one is kept.
    pub dns: Vec<String>,
    /// Addresses.
    pub ip: Vec<IpAddr>,
    /// Mailboxes.
    pub email: Vec<String>,
    /// URIs.
    pub uri: Vec<String>,
    /// Anything else, and entries that cannot be read, as text.
    pub other: Vec<String>,
}

impl AlternativeNames {
    /// True where there is no name of any kind.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// All names as text: DNS, addresses, mailboxes, URIs, others.
    pub fn iter(&self) -> impl Iterator<Item = String> + '_ {
        let texts = |list: &'static str| move |text: &String| format!("{list}{text}");
        self.dns
            .iter()
            .cloned()
            .chain(self.ip.iter().map(IpAddr::to_string))
            .chain(self.email.iter().map(texts("email:")))
            .chain(self.uri.iter().map(texts("uri:")))
            .chain(self.other.iter().map(texts("other:")))
    }

    fn push(&mut self, name: &GeneralName<'_>) {
        match name {
            GeneralName::DNSName(text) => self.dns.push((*text).to_owned()),
            GeneralName::RFC822Name(text) => self.email.push((*text).to_owned()),
            GeneralName::URI(text) => self.uri.push((*text).to_owned()),
            GeneralName::IPAddress(bytes) => match address(bytes) {
                Some(ip) => self.ip.push(ip),
                None => self.other.push(format!("address of {} bytes", bytes.len())),
            },
            GeneralName::DirectoryName(name) => {
                let name = NameFacts::from_der(name.as_raw()).unwrap_or_default();
                self.other.push(format!("name {}", name.text));
            }
            GeneralName::OtherName(oid, _) => self.other.push(format!("other name {oid}")),
            GeneralName::RegisteredID(oid) => self.other.push(format!("registered id {oid}")),
            GeneralName::X400Address(_) => self.other.push("X.400 address".to_owned()),
            GeneralName::EDIPartyName(_) => self.other.push("EDI party name".to_owned()),
            GeneralName::Invalid(tag, _) => self.other.push(format!("unreadable name {}", tag.0)),
        }
    }
}

/// Decodes four or sixteen bytes.
pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::V4(Ipv4Addr::from(four)));
    }
    let sixteen = <[u8; 16]>::try_from(bytes).ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(sixteen)))
}

/// Whether a certificate may sign others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BasicConstraints {
    /// True for a CA.
    pub ca: bool,
    /// How many intermediate CAs may stand below it; absent for no limit.
    pub path_len: Option<u32>,
}

/// What the extensions of a certificate or a request say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExtensionFacts {
    /// Subject alternative names.
    pub names: AlternativeNames,
    /// Key usages in cfssl's words; absent where the extension is.
    pub key_usage: Option<Vec<&'static str>>,
    /// Extended key usages in cfssl's words, OIDs where it has none; absent where the extension is.
    pub extended_key_usage: Option<Vec<String>>,
    /// Whether it may sign others; absent where the extension is.
    pub basic_constraints: Option<BasicConstraints>,
    /// Subject key identifier.
    pub subject_key_id: Option<HexBytes>,
    /// Authority key identifier.
    pub authority_key_id: Option<HexBytes>,
    /// Names that certificates below it may carry; absent where the extension is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_constraints: Option<NameConstraints>,
    /// OIDs of critical extensions that etcd's TLS library does not know and therefore refuses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_critical: Vec<String>,
}

/// Why an extension cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtensionFault {
    /// Its contents are broken.
    #[error("the extension {oid} cannot be read")]
    Unreadable {
        /// Dotted OID.
        oid: String,
    },
    /// It is there twice.
    #[error("the extension {oid} is there twice")]
    Twice {
        /// Dotted OID.
        oid: String,
    },
}

impl ExtensionFacts {
    /// Describes parsed extensions.
    pub(super) fn read(extensions: &[X509Extension<'_>]) -> Result<Self, ExtensionFault> {
        let mut facts = Self::default();
        for (at, extension) in extensions.iter().enumerate() {
            let oid = extension.oid.to_id_string();
            if extensions[..at]
                .iter()
                .any(|other| other.oid == extension.oid)
            {
                return Err(ExtensionFault::Twice { oid });
            }
            if extension.parsed_extension().error().is_some() {
                return Err(ExtensionFault::Unreadable { oid });
            }
            if !facts.take(extension.parsed_extension()) && extension.critical {
                facts.unknown_critical.push(oid);
            }
        }
        Ok(facts)
    }

    /// Describes one extension; false where it is none that a TLS library handles.
    pub(super) fn take(&mut self, extension: &ParsedExtension<'_>) -> bool {
        match extension {
            ParsedExtension::SubjectAlternativeName(san) => {
                san.general_names
                    .iter()
                    .for_each(|name| self.names.push(name));
            }
            ParsedExtension::KeyUsage(usage) => self.key_usage = Some(key_usage(usage)),
            ParsedExtension::ExtendedKeyUsage(usage) => {
                self.extended_key_usage = Some(extended_key_usage(usage));
            }
            ParsedExtension::BasicConstraints(constraints) => {
                self.basic_constraints = Some(BasicConstraints {
                    ca: constraints.ca,
                    path_len: constraints.path_len_constraint,
                });
            }
            ParsedExtension::SubjectKeyIdentifier(id) => {
                self.subject_key_id = Some(HexBytes::from(id.0));
            }
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.authority_key_id = id.key_identifier.as_ref().map(|id| HexBytes::from(id.0));
            }
            ParsedExtension::NameConstraints(constraints) => {
                self.name_constraints = Some(NameConstraints::read(constraints));
            }
            // Go reads these; it knows no others.
            ParsedExtension::CertificatePolicies(_)
            | ParsedExtension::CRLDistributionPoints(_)
            | ParsedExtension::AuthorityInfoAccess(_) => {}
            _ => return false,
        }
        true
    }

    /// True where the certificate may be used for `usage`: it says so, says `any`, or says nothing.
    pub fn allows_extended(&self, usage: &str) -> bool {
        self.extended_key_usage
            .as_ref()
            .is_none_or(|list| list.iter().any(|have| have == usage || have == ANY_USAGE))
    }

    /// True where the key may be used for `usage`: the certificate says so, or says nothing.
    pub fn allows_key_usage(&self, usage: &str) -> bool {
        self.key_usage
            .as_ref()
            .is_none_or(|list| list.contains(&usage))
    }
}

fn key_usage(usage: &KeyUsage) -> Vec<&'static str> {
    let all = [
        (usage.digital_signature(), DIGITAL_SIGNATURE),
        (usage.non_repudiation(), "content commitment"),
        (usage.key_encipherment(), "key encipherment"),
        (usage.data_encipherment(), "data encipherment"),
        (usage.key_agreement(), "key agreement"),
        (usage.key_cert_sign(), CERT_SIGN),
        (usage.crl_sign(), CRL_SIGN),
        (usage.encipher_only(), "encipher only"),
        (usage.decipher_only(), "decipher only"),
    ];
    let set = all.into_iter().filter(|(set, _)| *set);
    set.map(|(_, name)| name).collect()
}

fn extended_key_usage(usage: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let known = [
        (usage.any, ANY_USAGE),
        (usage.server_auth, SERVER_AUTH),
        (usage.client_auth, CLIENT_AUTH),
        (usage.code_signing, "code signing"),
        (usage.email_protection, "email protection"),
        (usage.time_stamping, "timestamping"),
        (usage.ocsp_signing, "ocsp signing"),
    ];
    let known = known.into_iter().filter(|(set, _)| *set);
    let other = usage.other.iter().map(|oid| {
        let oid = oid.to_id_string();
        let name = match oid.as_str() {
            "1.3.6.1.5.5.7.3.5" => "ipsec end system",
            "1.3.6.1.5.5.7.3.6" => "ipsec tunnel",
            "1.3.6.1.5.5.7.3.7" => "ipsec user",
            "1.3.6.1.4.1.311.10.3.3" => "microsoft sgc",
            "2.16.840.1.113730.4.1" => "netscape sgc",
            _ => return oid,
        };
        name.to_owned()
    });
    known
        .map(|(_, name)| name.to_owned())
        .chain(other)
        .collect()
}
