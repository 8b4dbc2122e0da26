//! What there is before a snapshot is saved: the members, and the place it goes to. Changes nothing.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::cluster::{self, ClusterAccess, ClusterError, ClusterView, Connection};
use crate::model::{ClientUrl, MemberId};
use crate::sys::files::{self, FileError};
use crate::sys::space;

/// What the operator wants.
#[derive(Clone, Debug)]
pub struct SaveRequest {
    /// A file to be, or a directory in which its name is made.
    pub path: PathBuf,
    /// The one member to ask; else one is chosen.
    pub endpoint: Option<ClientUrl>,
    /// The cluster's name, where a cluster file gives one.
    pub cluster_name: Option<String>,
    /// The present.
    pub now: Timestamp,
}

/// What was found.
#[derive(Debug)]
pub struct Observed {
    /// The cluster.
    pub view: ClusterView,
    /// The member at the endpoint that was named.
    pub pinned: Option<(ClientUrl, MemberId)>,
    /// True where the path is a directory.
    pub is_directory: bool,
    /// True where the path is a file.
    pub is_file: bool,
    /// Bytes that are free on the file system it goes to.
    pub free_bytes: u64,
}

/// Why looking failed.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// No member answers.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The place can't be looked at.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Looks at the cluster and at the place.
///
/// # Errors
/// [`ObserveError`].
pub async fn observe(
    request: &SaveRequest,
    access: &ClusterAccess,
) -> Result<Observed, ObserveError> {
    let is_directory = request.path.is_dir();
    let directory = match is_directory {
        true => request.path.as_path(),
        false => directory_of(&request.path),
    };
    files::demand_dir(directory)?;
    let free_bytes = space::free_bytes(directory)?;
    let pinned = match &request.endpoint {
        None => None,
        Some(endpoint) => {
            let status = Connection::open(endpoint, access).await?.status().await?;
            Some((endpoint.clone(), status.member_id))
        }
    };
    Ok(Observed {
        view: cluster::observe(access).await?,
        pinned,
        is_directory,
        is_file: request.path.symlink_metadata().is_ok() && !is_directory,
        free_bytes,
    })
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
