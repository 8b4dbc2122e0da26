//! Networks in CIDR form, one of each address family at most.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::Serialize;

/// One network, or two of different families behind a comma (dual stack), as kubeadm takes them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subnets(Vec<IpNet>);

/// Why a text is no subnet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is no network: expected for example 10.96.0.0/12, or 10.96.0.0/12,fd00:96::/112"
)]
pub struct SubnetsError {
    /// The text that was given.
    pub found: String,
}

impl Subnets {
    /// True when an address belongs to one of them.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&ip))
    }

    /// True when the two share an address.
    pub fn overlap(&self, other: &Self) -> bool {
        let pairs = self
            .0
            .iter()
            .flat_map(|a| other.0.iter().map(move |b| (a, b)));
        pairs
            .into_iter()
            .any(|(a, b)| a.contains(b) || b.contains(a))
    }

    /// The first address that a service gets: kubernetes.default in the service subnet.
    pub fn first_hosts(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.0.iter().map(|net| match net.network() {
            IpAddr::V4(ip) => IpAddr::V4((u32::from(ip).wrapping_add(1)).into()),
            IpAddr::V6(ip) => IpAddr::V6((u128::from(ip).wrapping_add(1)).into()),
        })
    }
}

impl FromStr for Subnets {
    type Err = SubnetsError;

    fn from_str(text: &str) -> Result<Self, SubnetsError> {
        let fail = || SubnetsError {
            found: text.to_owned(),
        };
        let nets = text.split(',').map(|part| part.trim().parse::<IpNet>());
        let nets: Vec<_> = nets.collect::<Result<_, _>>().map_err(|_| fail())?;
        let family = |net: &IpNet| net.addr().is_ipv4();
        match nets.as_slice() {
            [_] => Ok(Self(nets)),
            [a, b] if family(a) != family(b) => Ok(Self(nets)),
            _ => Err(fail()),
        }
    }
}

impl fmt::Display for Subnets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, net) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{net}")?;
        }
        Ok(())
    }
}

impl Serialize for Subnets {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_each_family_at_most() {
        for text in ["10.96.0.0/12", "10.96.0.0/12,fd00:96::/112"] {
            assert_eq!(text.parse::<Subnets>().unwrap().to_string(), text);
        }
        for text in [
            "10.96.0.0",
            "10.96.0.0/33",
            "10.0.0.0/8,10.1.0.0/16",
            "",
            "a/8",
        ] {
            assert!(text.parse::<Subnets>().is_err(), "{text:?}");
        }
        let services: Subnets = "10.96.0.0/12,fd00:96::/112".parse().unwrap();
        let hosts: Vec<_> = services.first_hosts().map(|ip| ip.to_string()).collect();
        assert_eq!(hosts, ["10.96.0.1", "fd00:96::1"]);
        assert!(services.overlap(&"10.100.0.0/16".parse().unwrap()));
        assert!(!services.overlap(&"10.244.0.0/16".parse().unwrap()));
    }
}
