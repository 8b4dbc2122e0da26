//! Where a node's front end comes from: its own file, or the cluster file.

use std::path::{Path, PathBuf};

use crate::model::{ClusterSpec, Frontend, Mistake, SpecError};
use crate::ops::cluster_file::ClusterFileError;
use crate::sys::files;

/// Where a file is looked for when none is named, in this order.
pub const PLACES: [&str; 3] = [
    "etcdha.yaml",
    "/etc/etcdha/frontend.yaml",
    "/etc/etcdha/etcdha.yaml",
];

/// A front end that is fit for use.
#[derive(Clone, Debug)]
pub struct FrontendFile {
    /// Where it was read.
    pub path: PathBuf,
    /// What it declares.
    pub frontend: Frontend,
    /// What should be looked at.
    pub warnings: Vec<Mistake>,
}

/// Reads the named file, of kind `Frontend` or `Cluster`, or the first one at the usual places.
///
/// # Errors
/// As of the cluster file; that a named file is missing is one.
pub fn load(named: Option<&Path>) -> Result<Option<FrontendFile>, ClusterFileError> {
    if let Some(path) = named {
        let missing = || ClusterFileError::Missing {
            path: path.to_owned(),
        };
        return read(path)?.ok_or_else(missing).map(Some);
    }
    for place in PLACES {
        if let Some(file) = read(Path::new(place))? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<Option<FrontendFile>, ClusterFileError> {
    let Some(bytes) = files::read_optional(path)? else {
        return Ok(None);
    };
    let path = path.to_owned();
    let Ok(text) = std::str::from_utf8(&bytes).map_err(|error| error.valid_up_to()) else {
        let offset = std::str::from_utf8(&bytes)
            .err()
            .map_or(0, |error| error.valid_up_to());
        return Err(ClusterFileError::NoText { path, offset });
    };
    match declared(text) {
        Ok((frontend, warnings)) => Ok(Some(FrontendFile {
            path,
            frontend,
            warnings,
        })),
        Err(error) => Err(ClusterFileError::Mistakes { path, error }),
    }
}

/// Warnings of a cluster file are about more than the front end.
fn declared(text: &str) -> Result<(Frontend, Vec<Mistake>), SpecError> {
    if Frontend::is_meant(text) {
        let checked = Frontend::parse(text)?;
        return Ok((checked.frontend, checked.warnings));
    }
    let checked = ClusterSpec::parse(text)?;
    Ok((checked.spec.node_frontend(), Vec::new()))
}
