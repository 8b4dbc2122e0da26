//! Which key usages and extended key usages does a profile ask for?
//!
//! Invariant: a usage is one of cfssl's strings (its `config.KeyUsage` and `config.ExtKeyUsage`),
//! spelled exactly so, or an error; cfssl drops an unknown one without a word.

use std::fmt;

use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose};

/// A key usage (RFC 5280 section 4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyUsage {
    /// Signing anything but certificates and revocation lists; TLS needs it.
    DigitalSignature,
    /// Also called nonRepudiation.
    ContentCommitment,
    /// Transport of keys by RSA.
    KeyEncipherment,
    /// Direct encryption of data.
    DataEncipherment,
    /// Key agreement.
    KeyAgreement,
    /// Signing certificates.
    CertSign,
    /// Signing revocation lists.
    CrlSign,
    /// With key agreement: encrypts only.
    EncipherOnly,
    /// With key agreement: decrypts only.
    DecipherOnly,
}

/// An extended key usage (RFC 5280 section 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExtendedUsage {
    /// anyExtendedKeyUsage.
    Any,
    /// id-kp-serverAuth.
    ServerAuth,
    /// id-kp-clientAuth.
    ClientAuth,
    /// id-kp-codeSigning.
    CodeSigning,
    /// id-kp-emailProtection.
    EmailProtection,
    /// id-kp-ipsecEndSystem.
    IpsecEndSystem,
    /// id-kp-ipsecTunnel.
    IpsecTunnel,
    /// id-kp-ipsecUser.
    IpsecUser,
    /// id-kp-timeStamping.
    TimeStamping,
    /// id-kp-OCSPSigning.
    OcspSigning,
    /// Microsoft's server gated crypto.
    MicrosoftSgc,
    /// Netscape's server gated crypto.
    NetscapeSgc,
}

/// What a certificate may be used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usages {
    /// Key usages in the order of their bits.
    pub key: Vec<KeyUsage>,
    /// Extended key usages in the order they were asked for.
    pub extended: Vec<ExtendedUsage>,
}

enum Usage {
    Key(KeyUsage),
    Extended(ExtendedUsage),
}

const NAMES: &[(&str, Usage)] = &[
    ("signing", Usage::Key(KeyUsage::DigitalSignature)),
    ("digital signature", Usage::Key(KeyUsage::DigitalSignature)),
    (
        "content commitment",
        Usage::Key(KeyUsage::ContentCommitment),
    ),
    ("key encipherment", Usage::Key(KeyUsage::KeyEncipherment)),
    ("key agreement", Usage::Key(KeyUsage::KeyAgreement)),
    ("data encipherment", Usage::Key(KeyUsage::DataEncipherment)),
    ("cert sign", Usage::Key(KeyUsage::CertSign)),
    ("crl sign", Usage::Key(KeyUsage::CrlSign)),
    ("encipher only", Usage::Key(KeyUsage::EncipherOnly)),
    ("decipher only", Usage::Key(KeyUsage::DecipherOnly)),
    ("any", Usage::Extended(ExtendedUsage::Any)),
    ("server auth", Usage::Extended(ExtendedUsage::ServerAuth)),
    ("client auth", Usage::Extended(ExtendedUsage::ClientAuth)),
    ("code signing", Usage::Extended(ExtendedUsage::CodeSigning)),
    (
        "email protection",
        Usage::Extended(ExtendedUsage::EmailProtection),
    ),
    ("s/mime", Usage::Extended(ExtendedUsage::EmailProtection)),
    (
        "ipsec end system",
        Usage::Extended(ExtendedUsage::IpsecEndSystem),
    ),
    ("ipsec tunnel", Usage::Extended(ExtendedUsage::IpsecTunnel)),
    ("ipsec user", Usage::Extended(ExtendedUsage::IpsecUser)),
    ("timestamping", Usage::Extended(ExtendedUsage::TimeStamping)),
    ("ocsp signing", Usage::Extended(ExtendedUsage::OcspSigning)),
    (
        "microsoft sgc",
        Usage::Extended(ExtendedUsage::MicrosoftSgc),
    ),
    ("netscape sgc", Usage::Extended(ExtendedUsage::NetscapeSgc)),
];

/// Why a text is no usage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is no usage; {}expected one of {}",
    did_you_mean(.nearest.as_deref()),
    names()
)]
pub struct UsageError {
    /// The text that was given.
    pub found: String,
    /// The usage that was probably meant.
    pub nearest: Option<String>,
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("did you mean {name:?}? "))
}

fn names() -> String {
    let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

impl Usages {
    /// Collects usages by cfssl's names.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, UsageError> {
        let mut usages = Self::default();
        for name in names {
            usages.add(name)?;
        }
        Ok(usages)
    }

    /// Adds the usage of one of cfssl's names.
    pub fn add(&mut self, name: &str) -> Result<(), UsageError> {
        let known = NAMES.iter().find(|(known, _)| *known == name);
        let Some((_, usage)) = known else {
            return Err(UsageError {
                found: name.to_owned(),
                nearest: nearest(name),
            });
        };
        match usage {
            Usage::Key(usage) if !self.key.contains(usage) => self.key.push(*usage),
            Usage::Extended(usage) if !self.extended.contains(usage) => self.extended.push(*usage),
            _ => {}
        }
        self.key.sort();
        Ok(())
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.key.is_empty() && self.extended.is_empty()
    }

    /// The two usages of a CA: signing certificates and revocation lists.
    pub fn certificate_authority() -> Self {
        Self {
            key: vec![KeyUsage::CertSign, KeyUsage::CrlSign],
            extended: Vec::new(),
        }
    }
}

/// The usage that a typing error, `serverAuth` or `server-auth` stands for.
fn nearest(found: &str) -> Option<String> {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|letter| letter.to_ascii_lowercase()).collect()
    };
    let found = plain(found);
    let scored = NAMES
        .iter()
        .map(|(name, _)| (strsim::damerau_levenshtein(&plain(name), &found), *name));
    let (distance, name) = scored.min()?;
    (distance <= 3).then(|| name.to_owned())
}

impl KeyUsage {
    pub(crate) fn to_rcgen(self) -> KeyUsagePurpose {
        match self {
            Self::DigitalSignature => KeyUsagePurpose::DigitalSignature,
            Self::ContentCommitment => KeyUsagePurpose::ContentCommitment,
            Self::KeyEncipherment => KeyUsagePurpose::KeyEncipherment,
            Self::DataEncipherment => KeyUsagePurpose::DataEncipherment,
            Self::KeyAgreement => KeyUsagePurpose::KeyAgreement,
            Self::CertSign => KeyUsagePurpose::KeyCertSign,
            Self::CrlSign => KeyUsagePurpose::CrlSign,
            Self::EncipherOnly => KeyUsagePurpose::EncipherOnly,
            Self::DecipherOnly => KeyUsagePurpose::DecipherOnly,
        }
    }
}

impl ExtendedUsage {
    pub(crate) fn to_rcgen(self) -> ExtendedKeyUsagePurpose {
        use ExtendedKeyUsagePurpose as P;
        match self {
            Self::Any => P::Any,
            Self::ServerAuth => P::ServerAuth,
            Self::ClientAuth => P::ClientAuth,
            Self::CodeSigning => P::CodeSigning,
            Self::EmailProtection => P::EmailProtection,
            Self::TimeStamping => P::TimeStamping,
            Self::OcspSigning => P::OcspSigning,
            Self::IpsecEndSystem => P::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 5]),
            Self::IpsecTunnel => P::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 6]),
            Self::IpsecUser => P::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 7]),
            Self::MicrosoftSgc => P::Other(vec![1, 3, 6, 1, 4, 1, 311, 10, 3, 3]),
            Self::NetscapeSgc => P::Other(vec![2, 16, 840, 1, 113_730, 4, 1]),
        }
    }
}

impl fmt::Display for ExtendedUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = NAMES.iter().find_map(|(name, usage)| match usage {
            Usage::Extended(usage) if usage == self => Some(*name),
            _ => None,
        });
        f.pad(named.unwrap_or_default())
    }
}

impl fmt::Display for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut named = NAMES.iter().filter_map(|(name, usage)| match usage {
            Usage::Key(usage) if usage == self => Some(*name),
            _ => None,
        });
        // Of the two names of digitalSignature the second says what it is.
        f.pad(named.next_back().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_cfssl_is_known() {
        let all = Usages::parse(NAMES.iter().map(|(name, _)| *name)).unwrap();
        assert_eq!((all.key.len(), all.extended.len()), (9, 12));
        assert_eq!(KeyUsage::DigitalSignature.to_string(), "digital signature");
        assert_eq!(ExtendedUsage::ServerAuth.to_string(), "server auth");
    }

    #[test]
    fn other_spellings_are_refused_with_the_right_one() {
        for (found, right) in [
            ("ServerAuth", "server auth"),
            ("server-auth", "server auth"),
            ("clientauth", "client auth"),
            ("digital sinature", "digital signature"),
            ("Signing", "signing"),
        ] {
            let error = Usages::parse([found]).unwrap_err();
            assert_eq!(error.nearest.as_deref(), Some(right), "{found}");
        }
        let error = Usages::parse(["quantum entanglement"]).unwrap_err();
        assert_eq!(error.nearest, None);
        assert!(error.to_string().contains("expected one of signing, "));
    }

    #[test]
    fn order_and_repetition_do_not_matter_to_key_usages() {
        let one = Usages::parse(["key encipherment", "signing", "digital signature"]).unwrap();
        let other = Usages::parse(["signing", "key encipherment"]).unwrap();
        assert_eq!(one, other);
    }
}
