//! Peer and client URLs: `scheme://host:port`, with nothing behind the port, as etcd demands.
//!
//! A peer URL and a client URL are different types, so that one can't stand where the other belongs.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `http` or `https`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Clear text.
    Http,
    /// TLS.
    Https,
}

/// The host part of a URL: an address or a DNS name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
    /// A DNS name, kept as given.
    Dns(String),
}

/// `scheme://host:port`. IPv6 addresses stand in brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EtcdUrl {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Address or DNS name.
    pub host: Host,
    /// TCP port.
    pub port: u16,
}

/// Why a text is no etcd URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is no etcd URL: {reason}; expected http(s)://HOST:PORT, IPv6 as https://[::1]:2379"
)]
pub struct UrlError {
    /// The text that was given.
    pub found: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl FromStr for Host {
    type Err = UrlError;

    /// Reads `10.0.0.1`, `::1`, `[::1]` or a DNS name.
    fn from_str(text: &str) -> Result<Self, UrlError> {
        let fail = |reason| UrlError {
            found: text.to_owned(),
            reason,
        };
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Some(inner) = bare {
            return inner
                .parse::<Ipv6Addr>()
                .map(|ip| Self::Ip(IpAddr::V6(ip)))
                .map_err(|_| fail("no IPv6 address in the brackets"));
        }
        if let Ok(ip) = text.parse() {
            return Ok(Self::Ip(ip));
        }
        let is_dns = !text.is_empty()
            && text.len() <= 253
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
            && text.bytes().any(|b| b.is_ascii_alphabetic());
        if is_dns {
            Ok(Self::Dns(text.to_owned()))
        } else {
            Err(fail("no host name or address"))
        }
    }
}

impl FromStr for EtcdUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let fail = |reason| UrlError {
            found: text.to_owned(),
            reason,
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| fail("no scheme"))?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(fail("unknown scheme")),
        };
        let (host, port) = rest.rsplit_once(':').ok_or_else(|| fail("no port"))?;
        let port: u16 = port
            .parse()
            .map_err(|_| fail("no port number from 1 to 65535"))?;
        if port == 0 {
            return Err(fail("no port number from 1 to 65535"));
        }
        if host.contains(':') && !host.starts_with('[') {
            return Err(fail("an IPv6 address without brackets"));
        }
        let host = host.parse().map_err(|error: UrlError| fail(error.reason))?;
        Ok(Self { scheme, host, port })
    }
}

impl Host {
    /// True for an address of the machine itself.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Ip(ip) => ip.is_loopback(),
            Self::Dns(name) => name == "localhost",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

impl fmt::Display for Host {
    /// Prints as inside a URL: IPv6 in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Dns(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for EtcdUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

macro_rules! url_type {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub EtcdUrl);

        impl $name {
            /// An `https` URL of this kind.
            pub fn https(host: Host, port: u16) -> Self {
                Self(EtcdUrl {
                    scheme: Scheme::Https,
                    host,
                    port,
                })
            }
        }

        impl FromStr for $name {
            type Err = UrlError;

            fn from_str(text: &str) -> Result<Self, UrlError> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

url_type!(
    PeerUrl,
    "Where members reach each other (port 2380 by default)."
);
url_type!(
    ClientUrl,
    "Where clients reach a member (port 2379 by default)."
);
url_type!(
    ApiserverUrl,
    "Where a kube-apiserver is reached (port 6443 by default)."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_survive_a_round_trip() {
        for text in [
            "https://10.0.0.1:2380",
            "http://[fd00::1]:2379",
            "https://m1.example.com:1",
        ] {
            assert_eq!(text.parse::<EtcdUrl>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_etcd_refuses_is_refused() {
        for (text, reason) in [
            ("10.0.0.1:2380", "no scheme"),
            ("ftp://10.0.0.1:2380", "unknown scheme"),
            ("https://10.0.0.1", "no port"),
            ("https://10.0.0.1:0", "no port number from 1 to 65535"),
            ("https://fd00::1:2380", "an IPv6 address without brackets"),
            ("https://10.0.0.1:2380/", "no port number from 1 to 65535"),
            ("https://10.0.0:2380", "no host name or address"),
        ] {
            assert_eq!(
                text.parse::<EtcdUrl>().unwrap_err().reason,
                reason,
                "{text}"
            );
        }
    }
}
