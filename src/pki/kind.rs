//! The kinds of certificates a node of an etcd cluster needs.
//!
//! Names and uses follow kubeadm's list of etcd certificates (`cmd/kubeadm/app/phases/certs`).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::usage::ExtendedUsage;

/// What a leaf certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateKind {
    /// What a member shows to its clients.
    Server,
    /// What members show to each other.
    Peer,
    /// What probes and tools show to etcd.
    HealthcheckClient,
    /// What kube-apiserver shows to etcd.
    ApiserverEtcdClient,
}

impl CertificateKind {
    /// Every kind, in the order in which they are listed.
    pub const ALL: [Self; 4] = [
        Self::Server,
        Self::Peer,
        Self::HealthcheckClient,
        Self::ApiserverEtcdClient,
    ];

    /// The name in file names, flags and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Peer => "peer",
            Self::HealthcheckClient => "healthcheck-client",
            Self::ApiserverEtcdClient => "apiserver-etcd-client",
        }
    }

    /// The signing profile that issues it.
    pub fn profile(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Peer => "peer",
            Self::HealthcheckClient | Self::ApiserverEtcdClient => "client",
        }
    }

    /// True where others dial the host that shows it, so that it must carry the host's names.
    pub fn is_dialled(self) -> bool {
        matches!(self, Self::Server | Self::Peer)
    }

    /// The extended key usages without which etcd refuses it. A server needs client auth as well:
    /// etcd's gRPC gateway dials its own listener with that certificate.
    pub fn required_usages(self) -> &'static [ExtendedUsage] {
        match self {
            Self::Server | Self::Peer => &[ExtendedUsage::ServerAuth, ExtendedUsage::ClientAuth],
            Self::HealthcheckClient | Self::ApiserverEtcdClient => &[ExtendedUsage::ClientAuth],
        }
    }

    /// kubeadm's common name, where it is not the node's own.
    pub fn common_name(self) -> Option<&'static str> {
        match self {
            Self::Server | Self::Peer => None,
            Self::HealthcheckClient => Some("kube-etcd-healthcheck-client"),
            Self::ApiserverEtcdClient => Some("kube-apiserver-etcd-client"),
        }
    }
}

impl fmt::Display for CertificateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
