//! Certificates: where they are made, where they go and how they look.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::KeyAlgorithm;

/// Certificates: where they are made and how they look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, default)]
pub struct PkiSpec {
    /// The operator's directory: the CA, and `nodes/NAME` for what goes to each node. Relative to
    /// the cluster file.
    pub dir: PathBuf,
    /// Where the files live on each host.
    pub host_dir: PathBuf,
    /// File names.
    pub layout: PkiLayout,
    /// An existing CA elsewhere, to adopt.
    pub ca: Option<CaFiles>,
    /// Directory with cfssl templates that replace the embedded ones. Relative to the cluster file.
    pub templates: Option<PathBuf>,
    /// Algorithm of generated keys, unless a template says otherwise.
    pub key_algorithm: Option<KeyAlgorithm>,
    /// Lifetime of leaves such as `8760h`, `5y`, unless a template says otherwise.
    pub leaf_validity: Option<String>,
    /// Lifetime of a new CA.
    pub ca_validity: Option<String>,
    /// DNS names and addresses added to every server and peer certificate.
    pub extra_names: Vec<String>,
    /// Adds the front end's virtual address to the server certificates.
    pub include_vip: bool,
}

/// Where a CA's certificate and key are. Relative to the cluster file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaFiles {
    /// The certificate, PEM.
    pub cert: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// How certificate files are named.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PkiLayout {
    /// `etcd/ca.crt`, `etcd/server.crt`, `etcd/server.key`, …
    #[default]
    Kubeadm,
    /// `ca.pem`, `server.pem`, `server-key.pem`, …
    Cfssl,
}

impl PkiLayout {
    /// Both, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::Kubeadm, Self::Cfssl];

    /// The name in files and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kubeadm => "kubeadm",
            Self::Cfssl => "cfssl",
        }
    }
}

impl Default for PkiSpec {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("pki"),
            host_dir: PathBuf::from("/etc/kubernetes/pki"),
            layout: PkiLayout::default(),
            ca: None,
            templates: None,
            key_algorithm: None,
            leaf_validity: None,
            ca_validity: None,
            extra_names: Vec::new(),
            include_vip: false,
        }
    }
}
