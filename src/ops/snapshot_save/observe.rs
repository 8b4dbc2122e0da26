//! What there is before a snapshot is saved: the members, and the place it goes to. Changes nothing.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::cluster::{self, ClusterAccess, ClusterError, ClusterView, Connection};
use crate::model::{ClientUrl, MemberId, ObjectPlace, SnapshotPlace};
use crate::s3::{S3Access, S3Client, S3Error};
use crate::snapshot::packing::{self, Packing};
use crate::sys::files::{self, FileError};
use crate::sys::{scratch, space};

/// What the operator wants.
#[derive(Clone, Debug)]
pub struct SaveRequest {
    /// A file or an object to be, or a directory or a prefix in which its name is made.
    pub place: SnapshotPlace,
    /// Directories and prefixes that get a copy.
    pub copies: Vec<SnapshotPlace>,
    /// How it is stored.
    pub packing: Packing,
    /// A directory for the snapshot before it is stored; else one is chosen.
    pub scratch: Option<PathBuf>,
    /// How an S3-compatible store is reached, where a place is in one.
    pub store: Option<S3Access>,
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
    /// The place, and then those of the copies.
    pub places: Vec<ObservedPlace>,
    /// The directory that the snapshot comes to.
    pub spool_dir: PathBuf,
    /// Bytes that are free on its file system.
    pub free_bytes: u64,
}

/// A place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedPlace {
    /// The file or object to be, with its name.
    pub place: SnapshotPlace,
    /// True where something is there.
    pub is_taken: bool,
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
    /// The store can't be asked.
    #[error(transparent)]
    Store(#[from] S3Error),
    /// Nothing says how.
    #[error("{0} is in a store, and nothing says how it is reached")]
    NoStore(ObjectPlace),
}

/// Looks at the cluster and at the places.
///
/// # Errors
/// [`ObserveError`].
pub async fn observe(
    request: &SaveRequest,
    access: &ClusterAccess,
) -> Result<Observed, ObserveError> {
    let name = file_name(request);
    let mut places = vec![look_at(request, &request.place, &name, true).await?];
    for copy in &request.copies {
        places.push(look_at(request, copy, &name, false).await?);
    }
    let spool_dir = match places.first().and_then(|first| first.place.path()) {
        Some(path) => directory_of(path).to_owned(),
        None => scratch::directory(request.scratch.as_deref(), Path::new("."))?,
    };
    let free_bytes = space::free_bytes(&spool_dir)?;
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
        places,
        spool_dir,
        free_bytes,
    })
}

/// `prod-20260203T040506Z.db`: sorted by name they are sorted by time.
fn file_name(request: &SaveRequest) -> String {
    let name = request.cluster_name.as_deref().unwrap_or("etcd");
    let time = request.now.strftime("%Y%m%dT%H%M%SZ");
    format!("{name}-{time}.db{}", request.packing.ending())
}

async fn look_at(
    request: &SaveRequest,
    place: &SnapshotPlace,
    name: &str,
    may_be_file: bool,
) -> Result<ObservedPlace, ObserveError> {
    match place {
        SnapshotPlace::Path(path) => {
            let is_directory = path.is_dir() || !may_be_file;
            let directory = match is_directory {
                true => path.as_path(),
                false => directory_of(path),
            };
            files::demand_dir(directory)?;
            let place = match is_directory {
                true => place.join(name),
                false => place.clone(),
            };
            let taken = place.path().map(Path::symlink_metadata);
            let is_taken = taken.is_some_and(|found| found.is_ok());
            Ok(ObservedPlace { place, is_taken })
        }
        SnapshotPlace::Object(object) => {
            let store = request.store.as_ref();
            let store = store.ok_or_else(|| ObserveError::NoStore(object.clone()))?;
            let object = match packing::is_ending(&object.key) && may_be_file {
                true => object.clone(),
                false => object.join(name),
            };
            let client = S3Client::new(store, &object.bucket)?;
            client.greet(&object.key).await?;
            let is_taken = match client.size_of(&object.key).await {
                Ok(size) => size.is_some(),
                // Who may put but not look is told so here.
                Err(error) if error.status() == Some(403) => false,
                Err(error) => return Err(error.into()),
            };
            let place = SnapshotPlace::Object(object);
            Ok(ObservedPlace { place, is_taken })
        }
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
