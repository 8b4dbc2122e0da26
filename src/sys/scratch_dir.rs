//! A directory that is thrown away: made for one run, removed at its end, swept by the next run where
//! that end did not come.
//!
//! Invariant: mode 0700 and this user's own. It is marked and locked as what
//! [`super::staged_dir`] builds, and never put into place.

use std::path::{Path, PathBuf};

use super::files::FileError;
use super::staged_dir::{self, Leftover, StagedDir};

/// A directory of one run.
#[derive(Debug)]
pub struct ScratchDir {
    staged: StagedDir,
}

impl ScratchDir {
    /// Makes one below `parent`; its name begins with `name`.
    ///
    /// # Errors
    /// Where no directory can be made there.
    pub fn begin(parent: &Path, name: &str) -> Result<Self, FileError> {
        let staged = StagedDir::begin_in(parent, name, parent.join(name))?;
        Ok(Self { staged })
    }

    /// Where the run may write.
    pub fn path(&self) -> PathBuf {
        self.staged.contents()
    }

    /// Removes it. Dropping it does so too, but does not tell.
    ///
    /// # Errors
    /// Where something of it is still there; what.
    pub fn remove(self) -> Result<(), FileError> {
        let outer = self.staged.outer().to_owned();
        drop(self);
        match std::fs::symlink_metadata(&outer) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Ok(_) => Err(FileError {
                doing: "remove",
                path: outer,
                source: std::io::Error::other("something in it could not be removed"),
            }),
            Err(source) => Err(FileError {
                doing: "remove",
                path: outer,
                source,
            }),
        }
    }
}

/// What dead runs of this user have left below `parent`.
pub fn leftovers(parent: &Path, name: &str) -> Vec<Leftover> {
    staged_dir::leftovers_in(parent, name)
}

/// True where the file system keeps its files in memory.
///
/// # Errors
/// It can't be looked at.
pub fn is_in_memory(path: &Path) -> Result<bool, FileError> {
    /// `TMPFS_MAGIC` and `RAMFS_MAGIC` of `linux/magic.h`.
    const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];
    let stat = rustix::fs::statfs(path).map_err(|error| FileError {
        doing: "ask for the file system of",
        path: path.to_owned(),
        source: error.into(),
    })?;
    // The type's width differs from machine to machine; the numbers have 32 bits.
    Ok(IN_MEMORY
        .iter()
        .any(|magic| i128::from(stat.f_type) & 0xffff_ffff == i128::from(*magic)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::files;

    #[test]
    fn it_goes_with_its_run_and_a_directory_of_its_name_is_not_entered() {
        let dir = tempfile::tempdir().unwrap();
        // Somebody else's, perhaps.
        std::fs::create_dir(dir.path().join("drill")).unwrap();
        let scratch = ScratchDir::begin(dir.path(), "drill").unwrap();
        assert_eq!(scratch.path().parent().unwrap().parent(), Some(dir.path()));
        assert!(leftovers(dir.path(), "drill").is_empty(), "it lives");
        scratch.remove().unwrap();
        assert_eq!(files::list(dir.path()).unwrap(), ["drill"]);
        assert!(files::list(&dir.path().join("drill")).unwrap().is_empty());
    }

    #[test]
    fn memory_is_told_from_disks() {
        assert!(!is_in_memory(Path::new("/proc")).unwrap());
        assert!(is_in_memory(Path::new("/nowhere")).is_err());
    }
}
