//! Room for a file that only this run sees: a snapshot on its way to being packed, or unpacked.
//!
//! Invariant: the file has no name, so the kernel takes it away when the run ends, however it ends; its
//! mode is 0600 from the first byte.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::files::{self, FileError, failed};

/// Where programs put large files for a while (file-hierarchy(7)); `/tmp` is memory on many hosts.
const LARGE: &str = "/var/tmp";

/// Makes a file without a name in a directory.
///
/// # Errors
/// The directory is not there or can't be written to.
pub fn nameless(directory: &Path) -> Result<File, FileError> {
    let file = tempfile::tempfile_in(directory).map_err(failed("make a file in", directory))?;
    // Whoever may look into this process could open it; the umask decides on its mode before.
    file.set_permissions(Permissions::from_mode(0o600))
        .map_err(failed("make a file in", directory))?;
    Ok(file)
}

/// The directory for such files: the one that was named, else `$TMPDIR`, else `/var/tmp`, else the one
/// beside `file`.
///
/// # Errors
/// The one that was named is not there.
pub fn directory(named: Option<&Path>, file: &Path) -> Result<PathBuf, FileError> {
    if let Some(named) = named {
        files::demand_dir(named)?;
        return Ok(named.to_owned());
    }
    let wished = std::env::var_os("TMPDIR").map(PathBuf::from);
    let usual = wished.into_iter().chain([PathBuf::from(LARGE)]);
    let mut usual = usual.filter(|directory| directory.is_absolute() && directory.is_dir());
    Ok(usual.next().unwrap_or_else(|| match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn the_file_has_no_name_and_is_nobody_elses() {
        let dir = tempfile::tempdir().unwrap();
        let file = nameless(dir.path()).unwrap();
        assert!(files::list(dir.path()).unwrap().is_empty());
        let metadata = file.metadata().unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert_eq!(metadata.nlink(), 0);
    }

    #[test]
    fn a_directory_that_is_named_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let found = directory(Some(dir.path()), Path::new("x")).unwrap();
        assert_eq!(found, dir.path());
        assert!(directory(Some(&dir.path().join("none")), Path::new("x")).is_err());
    }
}
