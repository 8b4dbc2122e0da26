//! Finds and reads the cluster file.
//!
//! Invariant: paths in the file that name things on this machine are relative to the file, so what is
//! handed out works from any directory.

use std::path::{Path, PathBuf};

use crate::model::{Checked, ClusterSpec, SpecError};
use crate::sys::files::{self, FileError};

/// Where the file is looked for when none is named, in this order.
pub const PLACES: [&str; 2] = ["etcdha.yaml", "/etc/etcdha/etcdha.yaml"];

/// A cluster file that is fit for use.
#[derive(Clone, Debug)]
pub struct ClusterFile {
    /// Where it was read.
    pub path: PathBuf,
    /// The cluster, paths resolved, and what should be looked at.
    pub checked: Checked,
}

/// Why there is no cluster from a file.
#[derive(Debug, thiserror::Error)]
pub enum ClusterFileError {
    /// A file was named, but there is none.
    #[error("{} does not exist", path.display())]
    Missing {
        /// The named file.
        path: PathBuf,
    },
    /// It can't be read.
    #[error(transparent)]
    Unreadable(#[from] FileError),
    /// It is no text.
    #[error("{} is not UTF-8 from byte {offset} on", path.display())]
    NoText {
        /// The file.
        path: PathBuf,
        /// The first byte that is no text.
        offset: usize,
    },
    /// It has mistakes.
    #[error("{}: {error}", path.display())]
    Mistakes {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: SpecError,
    },
}

/// Reads the named file, or the first one at the usual places; none where there is none.
///
/// # Errors
/// [`ClusterFileError`]; that a named file is missing is one.
pub fn load_cluster_file(named: Option<&Path>) -> Result<Option<ClusterFile>, ClusterFileError> {
    if let Some(path) = named {
        let read = read_cluster_file(path)?;
        return match read {
            Some(file) => Ok(Some(file)),
            None => Err(ClusterFileError::Missing {
                path: path.to_owned(),
            }),
        };
    }
    for place in PLACES {
        if let Some(file) = read_cluster_file(Path::new(place))? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

fn read_cluster_file(path: &Path) -> Result<Option<ClusterFile>, ClusterFileError> {
    let Some(bytes) = files::read_optional(path)? else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes).map_err(|error| ClusterFileError::NoText {
        path: path.to_owned(),
        offset: error.valid_up_to(),
    })?;
    let parsed = ClusterSpec::parse(text).map_err(|error| ClusterFileError::Mistakes {
        path: path.to_owned(),
        error,
    });
    let mut checked = parsed?;
    checked
        .spec
        .resolve_paths(path.parent().unwrap_or(Path::new("")));
    Ok(Some(ClusterFile {
        path: path.to_owned(),
        checked,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_file_that_is_missing_or_no_text_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("etcdha.yaml");
        let error = load_cluster_file(Some(&path)).unwrap_err();
        assert!(matches!(error, ClusterFileError::Missing { .. }));
        files::write_atomic(&path, b"name: \xff", 0o644).unwrap();
        let error = load_cluster_file(Some(&path)).unwrap_err();
        assert!(matches!(error, ClusterFileError::NoText { offset: 6, .. }));
    }

    #[test]
    fn paths_start_at_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("etcdha.yaml");
        let text = "apiVersion: etcdha.dev/v1alpha1\nkind: Cluster\nname: a\n\
            etcd: {version: 3.5.16}\nmembers: [{name: m1, address: 10.0.0.1, root: hosts/m1}]\n";
        files::write_atomic(&path, text.as_bytes(), 0o644).unwrap();
        let file = load_cluster_file(Some(&path)).unwrap().unwrap();
        let spec = file.checked.spec;
        assert_eq!(spec.pki.dir, dir.path().join("pki"));
        assert_eq!(spec.members[0].root(), dir.path().join("hosts/m1"));
    }
}
