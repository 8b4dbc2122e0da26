//! Which names may the certificates below a CA carry?
//!
//! Invariant: matching is that of Go's `crypto/x509` for DNS names and addresses, the two kinds
//! that etcd's certificates carry: a name must lie in no excluded subtree and, where there is a
//! permitted subtree of its kind, in one of those (RFC 5280 section 4.2.1.10).

use std::fmt;
use std::net::IpAddr;

use serde::{Serialize, Serializer};
use x509_parser::extensions as parsed;
use x509_parser::extensions::{GeneralName, GeneralSubtree};

use super::certificate::CertificateFacts;
use super::extensions::{AlternativeNames, address};

/// The name constraints of a CA.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NameConstraints {
    /// Names below these are allowed.
    pub permitted: Vec<Subtree>,
    /// Names below these are barred.
    pub excluded: Vec<Subtree>,
}

/// A part of the space of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subtree {
    /// A domain and everything below it; with a leading dot, only what is below.
    Dns(String),
    /// A network.
    Address {
        /// Its address.
        network: IpAddr,
        /// Its mask.
        mask: IpAddr,
    },
    /// A kind that is not compared here.
    Other,
}

impl NameConstraints {
    pub(super) fn read(constraints: &parsed::NameConstraints<'_>) -> Self {
        let read = |subtrees: &Option<Vec<GeneralSubtree<'_>>>| {
            let subtrees = subtrees.iter().flatten();
            subtrees
                .map(|subtree| Subtree::read(&subtree.base))
                .collect()
        };
        Self {
            permitted: read(&constraints.permitted_subtrees),
            excluded: read(&constraints.excluded_subtrees),
        }
    }

    fn allows(&self, name: &Name<'_>) -> bool {
        let mut same_kind = self
            .permitted
            .iter()
            .filter(|subtree| subtree.is_kind_of(name))
            .peekable();
        let permitted = same_kind.peek().is_none() || same_kind.any(|subtree| subtree.holds(name));
        permitted && !self.excluded.iter().any(|subtree| subtree.holds(name))
    }
}

enum Name<'a> {
    Dns(&'a str),
    Address(IpAddr),
}

impl Subtree {
    fn read(name: &GeneralName<'_>) -> Self {
        match name {
            GeneralName::DNSName(domain) => Self::Dns((*domain).to_owned()),
            GeneralName::IPAddress(bytes) => {
                let (network, mask) = bytes.split_at(bytes.len() / 2);
                match (address(network), address(mask)) {
                    (Some(network), Some(mask)) => Self::Address { network, mask },
                    _ => Self::Other,
                }
            }
            _ => Self::Other,
        }
    }

    fn is_kind_of(&self, name: &Name<'_>) -> bool {
        matches!(
            (self, name),
            (Self::Dns(_), Name::Dns(_)) | (Self::Address { .. }, Name::Address(_))
        )
    }

    fn holds(&self, name: &Name<'_>) -> bool {
        match (self, name) {
            (Self::Dns(domain), Name::Dns(name)) => below(name, domain),
            (Self::Address { network, mask }, Name::Address(ip)) => {
                masked(*ip, *mask).is_some_and(|ip| Some(ip) == masked(*network, *mask))
            }
            _ => false,
        }
    }
}

/// True where `name` lies in `domain`: all of it for an empty domain.
fn below(name: &str, domain: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let domain = domain.to_ascii_lowercase();
    if domain.is_empty() {
        return true;
    }
    match name.strip_suffix(domain.trim_start_matches('.')) {
        Some("") => !domain.starts_with('.'),
        Some(rest) => rest.ends_with('.'),
        None => false,
    }
}

/// The network part of an address; `None` where address and mask are of different families.
fn masked(ip: IpAddr, mask: IpAddr) -> Option<IpAddr> {
    match (ip, mask) {
        (IpAddr::V4(ip), IpAddr::V4(mask)) => Some(IpAddr::V4(ip & mask)),
        (IpAddr::V6(ip), IpAddr::V6(mask)) => Some(IpAddr::V6(ip & mask)),
        _ => None,
    }
}

impl fmt::Display for Subtree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(domain) => f.write_str(domain),
            Self::Address { network, mask } => {
                let ones = match mask {
                    IpAddr::V4(mask) => mask.to_bits().count_ones(),
                    IpAddr::V6(mask) => mask.to_bits().count_ones(),
                };
                write!(f, "{network}/{ones}")
            }
            Self::Other => f.write_str("other"),
        }
    }
}

impl Serialize for Subtree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The first of a leaf's names that a CA's name constraints do not allow.
pub fn broken_constraint(ca: &CertificateFacts, names: &AlternativeNames) -> Option<String> {
    let constraints = ca.extensions.name_constraints.as_ref()?;
    let dns = names
        .dns
        .iter()
        .find(|name| !constraints.allows(&Name::Dns(name)));
    let ip = names
        .ip
        .iter()
        .find(|ip| !constraints.allows(&Name::Address(**ip)));
    dns.cloned().or_else(|| ip.map(IpAddr::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_hold_themselves_and_what_is_below() {
        for (name, domain, expected) in [
            ("example.com", "example.com", true),
            ("m1.Example.com", "example.com", true),
            ("example.com", ".example.com", false),
            ("m1.example.com", ".example.com", true),
            ("badexample.com", "example.com", false),
            ("anything", "", true),
        ] {
            assert_eq!(below(name, domain), expected, "{name} {domain}");
        }
    }

    #[test]
    fn a_permitted_network_bars_the_other_family() {
        let network = Subtree::Address {
            network: "10.0.0.0".parse().unwrap(),
            mask: "255.0.0.0".parse().unwrap(),
        };
        assert_eq!(network.to_string(), "10.0.0.0/8");
        let constraints = NameConstraints {
            permitted: vec![network],
            excluded: vec![Subtree::Dns("evil".to_owned())],
        };
        let allows = |ip: &str| constraints.allows(&Name::Address(ip.parse().unwrap()));
        assert_eq!(
            (allows("10.1.2.3"), allows("11.1.2.3"), allows("::1")),
            (true, false, false)
        );
        assert!(constraints.allows(&Name::Dns("m1")) && !constraints.allows(&Name::Dns("m.evil")));
    }
}
