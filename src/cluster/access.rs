//! How to reach an etcd cluster: endpoints, TLS material, credentials and the time a call may take.

use std::fmt;
use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Identity};
use zeroize::Zeroizing;

use crate::model::{ClientUrl, Host};

/// Everything needed to talk to a cluster.
#[derive(Clone, Debug)]
pub struct ClusterAccess {
    /// Where to ask first; the member list tells the rest.
    pub endpoints: Vec<ClientUrl>,
    /// Absent for clear-text clusters.
    pub tls: Option<TlsMaterial>,
    /// For clusters with authentication switched on.
    pub credentials: Option<Credentials>,
    /// Longest time for a connection or a single call.
    pub timeout: Duration,
}

/// A user of etcd's own authentication.
#[derive(Clone)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The password; wiped when dropped.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// PEM contents of the trusted CA and of the client pair.
#[derive(Clone)]
pub struct TlsMaterial {
    /// One or more CA certificates.
    pub ca: Vec<u8>,
    /// Certificate and key shown to a server that asks for one.
    pub identity: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
}

impl fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsMaterial").finish_non_exhaustive()
    }
}

impl TlsMaterial {
    /// The TLS settings for one endpoint. Servers are verified against their own address, which
    /// must stand without brackets where it is an IPv6 one.
    pub(super) fn config(&self, host: &Host) -> ClientTlsConfig {
        let domain = match host {
            Host::Ip(ip) => ip.to_string(),
            Host::Dns(name) => name.clone(),
        };
        let config = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.ca))
            .domain_name(domain);
        match &self.identity {
            Some((certificate, key)) => {
                config.identity(Identity::from_pem(certificate, key.as_slice()))
            }
            None => config,
        }
    }
}

impl ClusterAccess {
    /// The same access with other endpoints.
    pub fn with_endpoints(&self, endpoints: Vec<ClientUrl>) -> Self {
        Self {
            endpoints,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let access = ClusterAccess {
            endpoints: vec![],
            tls: Some(TlsMaterial {
                ca: b"ca".to_vec(),
                identity: Some((b"cert".to_vec(), Zeroizing::new(b"hush".to_vec()))),
            }),
            credentials: Some(Credentials {
                user: "root".into(),
                password: Zeroizing::new("hush".into()),
            }),
            timeout: Duration::from_secs(1),
        };
        let text = format!("{access:?}");
        assert!(
            !text.contains("hush") && !text.contains("104, 117"),
            "{text}"
        );
    }
}
