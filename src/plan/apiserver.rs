//! A kube-apiserver and its etcd as steps name them: addresses and files, never what is in the files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::apiserver::{ApiAccess, Credentials, EtcdFlags, Kubeconfig, ProcessMark};
use crate::cluster::{ClusterAccess, TlsMaterial};
use crate::model::{ApiserverUrl, ClientUrl, NodeName, Scheme};
use crate::node::LocalNode;
use crate::sys::files::FileError;

use super::action::WriteFile;
use super::step::StepError;

/// A kube-apiserver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiserverTarget {
    /// The node it runs on.
    pub name: NodeName,
    /// Where it answers.
    pub url: ApiserverUrl,
    /// What tells its process from others.
    pub process: ProcessMark,
    /// Whom to trust when it is asked, and who asks.
    pub credentials: CredentialFiles,
}

/// Where credentials for an apiserver are. `on` is the node whose files they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum CredentialFiles {
    /// In a kubeconfig.
    Kubeconfig {
        /// The node.
        on: String,
        /// The file.
        path: PathBuf,
    },
    /// In files of their own.
    Files {
        /// The node.
        on: String,
        /// The CA's certificate.
        ca: PathBuf,
        /// Client certificate and key; without them the apiserver is asked anonymously.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pair: Option<(PathBuf, PathBuf)>,
    },
}

/// The etcd that a kube-apiserver uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EtcdUse {
    /// Its flags, paths as inside the pod.
    pub flags: EtcdFlags,
    /// `--etcd-prefix`.
    pub prefix: String,
    /// Where its servers are reached from here: loopback is the node's own address.
    pub dial: Vec<ClientUrl>,
    /// The trusted CA on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The client certificate on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// Its key on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
}

/// Another manifest for a kube-apiserver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repoint {
    /// The manifest. What is expected there now is the one to put back.
    pub file: WriteFile,
    /// The apiserver.
    pub target: ApiserverTarget,
    /// The etcd it is to use.
    pub etcd: EtcdUse,
    /// The etcd it uses with the manifest to put back; none where an earlier run wrote already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<EtcdUse>,
    /// True where it was ready before, so that it must be ready again once the file is put back.
    pub was_ready: bool,
    /// Longest wait for that, in seconds.
    pub deadline_seconds: u64,
}

impl CredentialFiles {
    /// Reads them on their node.
    ///
    /// # Errors
    /// Where a file is missing or can't be read.
    pub fn load(&self, nodes: &[LocalNode]) -> Result<Credentials, StepError> {
        let (Self::Kubeconfig { on, .. } | Self::Files { on, .. }) = self;
        let node = nodes.iter().find(|node| node.name.as_str() == on);
        let node =
            node.ok_or_else(|| StepError::Missing(format!("node {on} is not known to this run")))?;
        match self {
            Self::Kubeconfig { path, .. } => {
                let bytes = Zeroizing::new(demand(node, path)?);
                let directory = path.parent().unwrap_or(Path::new("/"));
                let unusable = |error: &dyn std::error::Error| {
                    StepError::Missing(format!("{} on {on}: {error}", path.display()))
                };
                let text = std::str::from_utf8(&bytes).map_err(|error| unusable(&error))?;
                let config =
                    Kubeconfig::parse(text, directory).map_err(|error| unusable(&error))?;
                let credentials = config.credentials(|file| demand(node, file));
                credentials.map_err(|error| unusable(&error))
            }
            Self::Files { ca, pair, .. } => Ok(Credentials {
                ca: demand(node, ca)?,
                identity: match pair {
                    Some((cert, key)) => {
                        Some((demand(node, cert)?, Zeroizing::new(demand(node, key)?)))
                    }
                    None => None,
                },
                token: None,
            }),
        }
    }
}

impl ApiserverTarget {
    /// The way to it.
    ///
    /// # Errors
    /// Where its credentials can't be read.
    pub fn access(&self, nodes: &[LocalNode], timeout: Duration) -> Result<ApiAccess, StepError> {
        Ok(ApiAccess {
            url: self.url.clone(),
            credentials: self.credentials.load(nodes)?,
            timeout,
        })
    }
}

impl EtcdUse {
    /// The way to this etcd with the very files that the apiserver uses, read on its node.
    ///
    /// # Errors
    /// Where a file is missing or can't be read.
    pub fn access(&self, node: &LocalNode, timeout: Duration) -> Result<ClusterAccess, FileError> {
        let is_tls = self.dial.iter().any(|url| url.0.scheme == Scheme::Https);
        let tls = match (&self.ca_file, is_tls) {
            (Some(ca), true) => Some(TlsMaterial {
                ca: demand(node, ca)?,
                identity: match (&self.cert_file, &self.key_file) {
                    (Some(cert), Some(key)) => {
                        Some((demand(node, cert)?, Zeroizing::new(demand(node, key)?)))
                    }
                    _ => None,
                },
            }),
            _ => None,
        };
        Ok(ClusterAccess {
            endpoints: self.dial.clone(),
            tls,
            credentials: None,
            timeout,
        })
    }
}

fn demand(node: &LocalNode, path: &Path) -> Result<Vec<u8>, FileError> {
    node.read_followed(path)?.ok_or_else(|| FileError {
        doing: "read",
        path: node.local(path),
        source: std::io::ErrorKind::NotFound.into(),
    })
}
