//! Small files that the operator names: text, and secrets, which nobody else may read.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::sys::files::{self, FileError};

/// Why a secret is not read.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Others may read it.
    #[error("{path} can be read by others", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// Reads a text.
///
/// # Errors
/// It can't be read, or is no text.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    let text = String::from_utf8(files::read(path)?);
    text.map_err(|_| FileError {
        doing: "read",
        path: path.to_owned(),
        source: std::io::ErrorKind::InvalidData.into(),
    })
}

/// Reads the text of a file that only its owner may read.
///
/// # Errors
/// [`SecretFileError`].
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    let failed = |source| FileError {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let mut file = files::open_regular(path)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        let path = path.to_owned();
        return Err(SecretFileError::Open { path, mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}
