//! Writes generated documents: manual pages.

use std::path::Path;

use crate::sys::files::{self, FileError};

/// Writes each document, a file name and its text, into `dir`, replacing older ones.
///
/// # Errors
/// The first file or directory that can't be written.
pub fn write_documents(dir: &Path, documents: &[(String, String)]) -> Result<(), FileError> {
    files::ensure_dir(dir, 0o755)?;
    for (name, text) in documents {
        files::write_atomic(&dir.join(name), text.as_bytes(), 0o644)?;
    }
    Ok(())
}
