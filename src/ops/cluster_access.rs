//! How a command reaches etcd: from flags first, then from what the cluster file and kubeadm's own
//! places say.
//!
//! Invariant: a file that was named and can't be read is an error; one that is only looked for is
//! skipped.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::cluster::{ClusterAccess, Credentials, TlsMaterial};
use crate::model::{ClientUrl, ClusterSpec, PkiLayout, Scheme};
use crate::sys::files::{self, FileError};

/// Where kubeadm keeps certificates.
const KUBEADM_PKI: &str = "/etc/kubernetes/pki";

/// What the operator said about reaching etcd; empty and absent fields are looked up.
#[derive(Clone, Debug)]
pub struct AccessRequest {
    /// Client URLs.
    pub endpoints: Vec<ClientUrl>,
    /// CA file.
    pub cacert: Option<PathBuf>,
    /// Client certificate and key files.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// User of etcd's own authentication.
    pub credentials: Option<Credentials>,
    /// Longest time of a call.
    pub timeout: Duration,
}

/// Why etcd can't be reached.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A named file can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// No CA was named and none was found.
    #[error("no CA certificate to verify etcd with; looked for {}", .looked.join(", "))]
    NoCa {
        /// Where it was looked for.
        looked: Vec<String>,
    },
}

/// Resolves flags and cluster file.
///
/// # Errors
/// [`AccessError`].
pub fn cluster_access(
    request: AccessRequest,
    spec: Option<&ClusterSpec>,
) -> Result<ClusterAccess, AccessError> {
    let endpoints = endpoints(request.endpoints, spec);
    let needs_tls = endpoints.iter().any(|url| url.0.scheme == Scheme::Https);
    let tls = match needs_tls {
        true => Some(tls(request.cacert, request.identity, spec)?),
        false => None,
    };
    Ok(ClusterAccess {
        endpoints,
        tls,
        credentials: request.credentials,
        timeout: request.timeout,
    })
}

fn endpoints(named: Vec<ClientUrl>, spec: Option<&ClusterSpec>) -> Vec<ClientUrl> {
    if !named.is_empty() {
        return named;
    }
    match spec {
        Some(spec) => spec
            .etcd_members()
            .map(|member| spec.client_url(member))
            .collect(),
        None => {
            let loopback = crate::model::Host::Ip(std::net::Ipv4Addr::LOCALHOST.into());
            vec![ClientUrl::https(loopback, 2379)]
        }
    }
}

fn tls(
    cacert: Option<PathBuf>,
    identity: Option<(PathBuf, PathBuf)>,
    spec: Option<&ClusterSpec>,
) -> Result<TlsMaterial, AccessError> {
    let places = Places::of(spec);
    let ca = match cacert {
        Some(path) => files::read(&path)?,
        None => places.first_ca()?,
    };
    let identity = match identity {
        Some((cert, key)) => Some((files::read(&cert)?, Zeroizing::new(files::read(&key)?))),
        None => places.first_identity()?,
    };
    Ok(TlsMaterial { ca, identity })
}

/// A client certificate and its key, PEM.
type Identity = (Vec<u8>, Zeroizing<Vec<u8>>);

/// Where certificates are looked for, best first.
struct Places {
    cas: Vec<PathBuf>,
    identities: Vec<(PathBuf, PathBuf)>,
}

impl Places {
    fn of(spec: Option<&ClusterSpec>) -> Self {
        let mut cas = Vec::new();
        let mut directories = Vec::new();
        let mut layout = PkiLayout::Kubeadm;
        if let Some(spec) = spec {
            layout = spec.pki.layout;
            cas.extend(spec.pki.ca.as_ref().map(|ca| ca.cert.clone()));
            cas.push(ca_path(&spec.pki.dir, layout));
            for member in spec.etcd_members() {
                directories.push(spec.pki.dir.join("nodes").join(member.name.as_str()));
            }
            for member in spec.etcd_members() {
                let host_dir = &spec.pki.host_dir;
                let inside = host_dir.strip_prefix("/").unwrap_or(host_dir);
                directories.push(member.root().join(inside));
            }
        }
        directories.push(PathBuf::from(KUBEADM_PKI));
        cas.extend(
            directories
                .iter()
                .map(|directory| ca_path(directory, layout)),
        );
        let identities = directories
            .iter()
            .flat_map(|directory| identities(directory, layout));
        Self {
            identities: identities.collect(),
            cas,
        }
    }

    fn first_ca(&self) -> Result<Vec<u8>, AccessError> {
        for path in &self.cas {
            if let Some(bytes) = files::read_optional(path)? {
                return Ok(bytes);
            }
        }
        let mut looked: Vec<_> = self
            .cas
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        looked.dedup();
        Err(AccessError::NoCa { looked })
    }

    fn first_identity(&self) -> Result<Option<Identity>, AccessError> {
        for (cert, key) in &self.identities {
            if let (Some(cert), Some(key)) =
                (files::read_optional(cert)?, files::read_optional(key)?)
            {
                return Ok(Some((cert, Zeroizing::new(key))));
            }
        }
        Ok(None)
    }
}

fn ca_path(directory: &Path, layout: PkiLayout) -> PathBuf {
    match layout {
        PkiLayout::Kubeadm => directory.join("etcd/ca.crt"),
        PkiLayout::Cfssl => directory.join("ca.pem"),
    }
}

/// The client pair, and the server's own as a last resort: it is a client certificate as well.
fn identities(directory: &Path, layout: PkiLayout) -> Vec<(PathBuf, PathBuf)> {
    match layout {
        PkiLayout::Kubeadm => ["etcd/healthcheck-client", "etcd/server"]
            .map(|stem| {
                let file = |extension| directory.join(format!("{stem}.{extension}"));
                (file("crt"), file("key"))
            })
            .into(),
        PkiLayout::Cfssl => ["client", "server"]
            .map(|stem| {
                (
                    directory.join(format!("{stem}.pem")),
                    directory.join(format!("{stem}-key.pem")),
                )
            })
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(endpoint: &str) -> AccessRequest {
        AccessRequest {
            endpoints: vec![endpoint.parse().unwrap()],
            cacert: None,
            identity: None,
            credentials: None,
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn clear_text_endpoints_need_no_certificates() {
        assert!(
            cluster_access(request("http://127.0.0.1:2379"), None)
                .unwrap()
                .tls
                .is_none()
        );
    }

    #[test]
    fn a_named_file_must_be_there() {
        let request = AccessRequest {
            cacert: Some("/none/ca.crt".into()),
            ..request("https://127.0.0.1:2379")
        };
        let error = cluster_access(request, None).unwrap_err();
        assert_eq!(error.to_string(), "read /none/ca.crt");
    }
}
