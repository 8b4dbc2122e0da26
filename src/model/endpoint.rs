//! `HOST:PORT`, as kubeadm writes the address of a control plane.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::urls::Host;

/// A host and a port; IPv6 in brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Address or DNS name.
    pub host: Host,
    /// TCP port.
    pub port: u16,
}

/// Why a text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no HOST:PORT: expected for example 10.0.0.100:6443, [fd00::1]:6443")]
pub struct EndpointError {
    /// The text that was given.
    pub found: String,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let fail = || EndpointError {
            found: text.to_owned(),
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(fail)?;
        if host.contains(':') && !host.starts_with('[') {
            return Err(fail());
        }
        let port: u16 = port.parse().map_err(|_| fail())?;
        if port == 0 {
            return Err(fail());
        }
        let host = host.parse().map_err(|_| fail())?;
        Ok(Self { host, port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Serialize for Endpoint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_survive_a_round_trip_and_need_a_port() {
        for text in ["10.0.0.100:6443", "[fd00::1]:8443", "api.example.com:443"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        for text in ["10.0.0.100", "fd00::1:6443", "a:0", "a:65536", ":1", ""] {
            assert!(text.parse::<Endpoint>().is_err(), "{text:?}");
        }
    }
}
