//! Writes the cluster file.

use std::io;
use std::path::Path;

use crate::ops::Refusal;
use crate::sys::files::{self, FileError};

/// Anybody may read it: it holds no secret.
const MODE: u32 = 0o644;

/// Writes the text where no file is, or over one where `force` says so.
///
/// # Errors
/// A refusal inside, where a file is there; otherwise the file that can't be written.
pub fn write_cluster_file(
    path: &Path,
    text: &str,
    force: bool,
) -> Result<Result<(), Refusal>, FileError> {
    if force {
        return files::write_atomic(path, text.as_bytes(), MODE).map(Ok);
    }
    match files::write_new(path, text.as_bytes(), MODE) {
        Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => {
            let what = format!("{} exists already", path.display());
            let fix =
                "etcdha init --force replaces it; -c FILE writes elsewhere; --dry-run only shows";
            Ok(Err(Refusal::new("file-exists", what, fix)))
        }
        written => written.map(Ok),
    }
}
