//! What kubeadm's files can't say.

use std::path::PathBuf;

use super::KubeadmApi;
use crate::model::KubernetesVersion;

/// Why a cluster can't be told to kubeadm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KubeadmError {
    /// kubeadm of that release does not read this form.
    #[error("kubeadm {version} does not read {}", api.as_str())]
    Api {
        /// The form.
        api: KubeadmApi,
        /// The declared release.
        version: KubernetesVersion,
        /// The newest form that the release reads.
        newest: KubeadmApi,
    },
    /// Several control planes, but no address that all nodes could use.
    #[error("several control planes need one address under which all nodes reach them")]
    NoEndpoint,
    /// kubeadm sets up etcd on its usual ports alone.
    #[error("etcd.{field} is {port}: a stacked etcd of kubeadm always listens on {usual}")]
    Port {
        /// The field of the cluster file.
        field: &'static str,
        /// Its value.
        port: u16,
        /// kubeadm's port.
        usual: u16,
    },
    /// kubeadm gives a stacked etcd's certificates its own names.
    #[error("pki.layout is cfssl: a stacked etcd of kubeadm reads etcd/server.crt and its like")]
    Layout,
    /// kubeadm puts `etcd` between repository and tag.
    #[error("etcd.image is {image}: kubeadm can only say REPOSITORY/etcd:TAG")]
    Image {
        /// The image.
        image: String,
    },
    /// A map holds a name once.
    #[error("--{name} stands several times, which {} can't say", api.as_str())]
    Repeated {
        /// The flag.
        name: String,
        /// The form.
        api: KubeadmApi,
    },
    /// A path that is no text.
    #[error("{path:?} is no UTF-8")]
    Path {
        /// The path.
        path: PathBuf,
    },
}

impl KubeadmError {
    /// What to do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::Api { newest, .. } => {
                format!("leave --api out, or take --api {}", newest.as_str())
            }
            Self::NoEndpoint => {
                "set frontend.vip, or apiserver.controlPlaneEndpoint: HOST:PORT".to_owned()
            }
            Self::Port { field, usual, .. } => format!("set etcd.{field} to {usual}"),
            Self::Layout => "set pki.layout to kubeadm, or topology to external".to_owned(),
            Self::Image { .. } => {
                "tag the image so, such as registry.k8s.io/etcd:3.5.24-0".to_owned()
            }
            Self::Repeated { .. } => "name it once, or use a Kubernetes from 1.31 on".to_owned(),
            Self::Path { .. } => "name it in UTF-8".to_owned(),
        }
    }
}
