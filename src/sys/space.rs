//! Room on a file system.

use std::path::Path;

use super::files::{FileError, failed};

/// Bytes that an ordinary user may still write on the file system that holds `path`, which exists.
///
/// # Errors
/// It can't be looked at.
pub fn free_bytes(path: &Path) -> Result<u64, FileError> {
    let stat = rustix::fs::statvfs(path)
        .map_err(|error| failed("ask for free space of", path)(error.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
