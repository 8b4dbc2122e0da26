//! Why a host can't be described.

use std::path::PathBuf;

use super::merge::Contradiction;
use crate::manifest::ManifestError;
use crate::sys::files::FileError;

/// A host that says too little about its etcd.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is no etcd static pod here.
    #[error("{} does not exist: this host runs no etcd as a static pod", path.display())]
    NoManifest {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A manifest is no static pod.
    #[error("{}:{error}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        error: ManifestError,
    },
    /// A manifest says too little, or something that no cluster file can say.
    #[error("{}: {what}", path.display())]
    Says {
        /// The manifest.
        path: PathBuf,
        /// What is missing or can't be taken over.
        what: String,
        /// What to do about it.
        fix: &'static str,
    },
    /// The host carries neither etcd nor an apiserver.
    #[error("{} holds neither etcd.yaml nor kube-apiserver.yaml", path.display())]
    NoPods {
        /// The manifest directory.
        path: PathBuf,
    },
    /// No host carries etcd.
    #[error("no host that was read runs etcd as a static pod")]
    NoEtcd,
    /// A control plane node without etcd, whose name no file tells.
    #[error("{} does not tell the node's name", path.display())]
    NoName {
        /// The apiserver's certificate.
        path: PathBuf,
    },
    /// Hosts contradict each other.
    #[error("the hosts contradict each other")]
    Disagree(Vec<Contradiction>),
}
