//! Which names and addresses does a certificate stand for?
//!
//! Invariant: a `San` can be written into a certificate and matched by a TLS client: addresses are
//! addresses, DNS names are ASCII labels, nothing is empty. Text is classified as cfssl does it (IP,
//! then e-mail, then URI, then DNS), and what would become a name that never matches is refused.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum San {
    /// A DNS name; the first label may be `*`.
    Dns(String),
    /// An address.
    Ip(IpAddr),
    /// An e-mail address.
    Email(String),
    /// A URI with its scheme.
    Uri(String),
}

/// Why a text is no subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no name for a certificate: {reason}; expected {expected}")]
pub struct SanError {
    /// The text that was given.
    pub found: String,
    /// What is wrong with it.
    pub reason: &'static str,
    /// What should stand there.
    pub expected: &'static str,
}

const A_HOST: &str = "an IP address or a DNS name such as m1.example.com";

impl FromStr for San {
    type Err = SanError;

    fn from_str(text: &str) -> Result<Self, SanError> {
        let fail = |reason, expected| SanError {
            found: text.to_owned(),
            reason,
            expected,
        };
        if text.is_empty() {
            return Err(fail("it is empty", A_HOST));
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            // An IPv4 address in IPv6 clothes is written as four bytes, as Go does.
            return Ok(Self::Ip(ip.to_canonical()));
        }
        if !text.is_ascii() {
            return Err(fail(
                "it is not ASCII",
                "the xn-- form of an international name",
            ));
        }
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(fail("it contains a space or control character", A_HOST));
        }
        if text.contains("://") {
            return uri(text).ok_or_else(|| fail("it is no URI", "a URI such as spiffe://a/b"));
        }
        if text.contains('@') {
            return email(text)
                .ok_or_else(|| fail("it is no e-mail address", "an address such as a@b.example"));
        }
        match dns_defect(text) {
            None => Ok(Self::Dns(text.to_owned())),
            Some((reason, expected)) => Err(fail(reason, expected)),
        }
    }
}

fn uri(text: &str) -> Option<San> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme_fits = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    (scheme_fits && !rest.is_empty()).then(|| San::Uri(text.to_owned()))
}

fn email(text: &str) -> Option<San> {
    let (local, domain) = text.split_once('@')?;
    let fits = !local.is_empty() && !domain.contains('@') && dns_defect(domain).is_none();
    fits.then(|| San::Email(text.to_owned()))
}

/// What keeps a text from being a DNS name that a client can match (RFC 1123, RFC 6125); `_` is let
/// through, as Go and resolvers do.
fn dns_defect(text: &str) -> Option<(&'static str, &'static str)> {
    let after_star = text.strip_prefix("*.").unwrap_or(text);
    let labels = || after_star.split('.');
    let last = labels().next_back().unwrap_or_default();
    if text.len() > 253 {
        Some(("it is longer than 253 characters", A_HOST))
    } else if text.starts_with('[') || text.contains(':') {
        Some((
            "it contains brackets or a port",
            "the bare address or name, without port",
        ))
    } else if text.contains('/') {
        Some((
            "it contains a slash",
            "a single address or name, no network and no path",
        ))
    } else if after_star.contains('*') {
        Some((
            "a wildcard may only be the whole first label",
            "a name such as *.example.com",
        ))
    } else if text.ends_with('.') || labels().any(str::is_empty) {
        Some(("a label is empty", "a name without dot at its end"))
    } else if last.bytes().all(|byte| byte.is_ascii_digit()) {
        Some((
            "it looks like an address but is none",
            "four numbers from 0 to 255, or a DNS name",
        ))
    } else if labels().any(|label| !is_label(label)) {
        Some(("a label holds another character or is too long", A_HOST))
    } else {
        None
    }
}

fn is_label(label: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    label.len() <= 63 && label.bytes().all(fits) && !label.starts_with('-') && !label.ends_with('-')
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => f.pad(&ip.to_string()),
            Self::Dns(text) | Self::Email(text) | Self::Uri(text) => f.pad(text),
        }
    }
}

/// Keeps the first of equal names (DNS names are equal whatever their case) in their order.
pub fn distinct_sans(sans: impl IntoIterator<Item = San>) -> Vec<San> {
    let mut seen = std::collections::BTreeSet::new();
    let key = |san: &San| match san {
        San::Dns(name) => San::Dns(name.to_ascii_lowercase()),
        other => other.clone(),
    };
    sans.into_iter()
        .filter(|san| seen.insert(key(san)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_classified_as_cfssl_does() {
        let dns = |text: &str| San::Dns(text.to_owned());
        for (text, expected) in [
            ("10.0.0.1", San::Ip([10, 0, 0, 1].into())),
            ("::ffff:10.0.0.1", San::Ip([10, 0, 0, 1].into())),
            ("fd00::1", San::Ip("fd00::1".parse().unwrap())),
            ("m1", dns("m1")),
            ("*.example.com", dns("*.example.com")),
            ("_etcd-server._tcp.x", dns("_etcd-server._tcp.x")),
            ("a@b.example", San::Email("a@b.example".into())),
            ("spiffe://a/b", San::Uri("spiffe://a/b".into())),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn names_that_never_match_are_refused() {
        for (text, reason) in [
            ("", "it is empty"),
            ("10.0.0.1:2379", "it contains brackets or a port"),
            ("[::1]", "it contains brackets or a port"),
            ("10.0.0.0/24", "it contains a slash"),
            ("10.0.0.300", "it looks like an address but is none"),
            ("10.0.0", "it looks like an address but is none"),
            ("a b", "it contains a space or control character"),
            ("köln.example", "it is not ASCII"),
            ("a..b", "a label is empty"),
            ("a.", "a label is empty"),
            ("a.*.b", "a wildcard may only be the whole first label"),
            ("-a.b", "a label holds another character or is too long"),
            ("a,b", "a label holds another character or is too long"),
            ("a@", "it is no e-mail address"),
            ("1x://y", "it is no URI"),
        ] {
            assert_eq!(text.parse::<San>().unwrap_err().reason, reason, "{text}");
        }
    }

    #[test]
    fn repeated_names_are_written_once() {
        let sans = ["m1", "M1", "10.0.0.1", "10.0.0.1", "m2"].map(|text| text.parse().unwrap());
        let kept: Vec<String> = distinct_sans(sans).iter().map(San::to_string).collect();
        assert_eq!(kept, ["m1", "10.0.0.1", "m2"]);
    }

    proptest! {
        #[test]
        fn any_text_is_classified_or_refused(text: String) {
            if let Ok(san) = text.parse::<San>() {
                prop_assert!(san.to_string().is_ascii());
            }
        }
    }
}
