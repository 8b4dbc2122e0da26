//! Why a host can't be described.

use std::path::PathBuf;

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
}
