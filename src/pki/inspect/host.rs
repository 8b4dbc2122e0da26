//! Is this certificate good for that host?
//!
//! Invariant: the answer is the one Go's `crypto/x509` gives, because etcd and Kubernetes ask it:
//! the common name never counts, an address matches only among the addresses, a wildcard stands
//! for exactly one label and only as the whole first one.

use std::net::IpAddr;

use crate::model::Host;

use super::certificate::CertificateFacts;

/// True where a TLS client that dials `host` accepts the certificate's names.
pub fn covers(certificate: &CertificateFacts, host: &Host) -> bool {
    let names = &certificate.extensions.names;
    match host {
        Host::Ip(ip) => names.ip.iter().any(|san| same_address(*san, *ip)),
        Host::Dns(name) => names.dns.iter().any(|pattern| matches_name(pattern, name)),
    }
}

/// An IPv4 address and its IPv6-mapped form are one address, as in Go.
fn same_address(left: IpAddr, right: IpAddr) -> bool {
    left.to_canonical() == right.to_canonical()
}

fn matches_name(pattern: &str, host: &str) -> bool {
    let host_is_name = is_host_name(host.strip_suffix('.').unwrap_or(host), false);
    if host_is_name && is_host_name(pattern, true) {
        return matches_pattern(pattern, host.strip_suffix('.').unwrap_or(host));
    }
    // A name that is no host name matches letter by letter.
    !matches!(pattern, "" | ".") && pattern.eq_ignore_ascii_case(host)
}

fn matches_pattern(pattern: &str, host: &str) -> bool {
    let (first, rest) = split_label(pattern);
    let (host_first, host_rest) = split_label(host);
    rest.map(str::to_ascii_lowercase) == host_rest.map(str::to_ascii_lowercase)
        && (first == "*" || first.eq_ignore_ascii_case(host_first))
}

fn split_label(name: &str) -> (&str, Option<&str>) {
    match name.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (name, None),
    }
}

/// Letters, digits, `_`, and `-` but not at a label's start; a pattern may begin with `*.`.
fn is_host_name(name: &str, pattern: bool) -> bool {
    let fits = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let labels = match name.strip_prefix("*.") {
        Some(rest) if pattern => rest,
        _ => name,
    };
    labels.split('.').all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_go() {
        for (pattern, host, expected) in [
            ("m1", "m1", true),
            ("m1", "M1", true),
            ("M1.Example.com", "m1.example.COM", true),
            ("m1", "m1.", true),
            ("m1.", "m1", false),
            ("m1.", "m1.", true),
            ("", "", false),
            (".", ".", false),
            ("*.example.com", "m1.example.com", true),
            ("*.example.com", "m1.example.com.", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", ".example.com", false),
            ("m*.example.com", "m1.example.com", false),
            ("a.*.com", "a.b.com", false),
            ("*", "m1", false),
            ("*", "*", true),
            ("*.com", "example.com", true),
            ("m_1", "m_1", true),
            ("-m1", "-m1", true),
            ("-m1", "-M2", false),
            ("10.0.0.1", "10.0.0.1", true),
        ] {
            assert_eq!(matches_name(pattern, host), expected, "{pattern} {host}");
        }
    }

    #[test]
    fn mapped_addresses_are_the_same_address() {
        let same = |a: &str, b: &str| same_address(a.parse().unwrap(), b.parse().unwrap());
        assert!(same("10.0.0.1", "::ffff:10.0.0.1"));
        assert!(same("fd00::1", "fd00:0:0::1"));
        assert!(!same("10.0.0.1", "10.0.0.2"));
    }
}
