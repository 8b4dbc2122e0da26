//! A file that comes in pieces and has its name only once it is whole.
//!
//! Invariant: as `sys::files`. Until [`StagedFile::commit_new`] the bytes are in a temporary neighbour;
//! dropping it, or a later sweep after a kill, leaves nothing.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{self, FileError, failed};

/// Bytes after which writing to the disk is begun, so that the sync at the end does not have all of it
/// to wait for.
const WRITE_BEHIND: u64 = 32 << 20;

/// A file on its way.
#[derive(Debug)]
pub struct StagedFile {
    staged: tempfile::NamedTempFile,
    path: PathBuf,
    written: u64,
    begun: u64,
}

impl StagedFile {
    /// Begins a file that will be at `path`, with `mode` from the first byte.
    ///
    /// # Errors
    /// The directory is not there or can't be written to.
    pub fn begin(path: &Path, mode: u32) -> Result<Self, FileError> {
        Ok(Self {
            staged: files::stage_empty(path, mode)?,
            path: path.to_owned(),
            written: 0,
            begun: 0,
        })
    }

    /// Where the bytes are until then.
    pub fn staged_path(&self) -> &Path {
        self.staged.path()
    }

    /// The file, to be read back.
    pub fn file(&self) -> &File {
        self.staged.as_file()
    }

    /// Makes the contents durable.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn sync(&self) -> Result<(), FileError> {
        let synced = self.staged.as_file().sync_all();
        synced.map_err(failed("write", &self.path))
    }

    /// Gives it its name, and makes the name durable. Refuses to replace a file.
    ///
    /// # Errors
    /// There is a file of that name, or the directory can't be written to.
    pub fn commit_new(self) -> Result<(), FileError> {
        let named = self.staged.persist_noclobber(&self.path);
        named.map_err(|error| failed("create", &self.path)(error.error))?;
        files::sync_parent(&self.path)
    }

    /// As [`StagedFile::commit_new`], but replaces what is there.
    ///
    /// # Errors
    /// The directory can't be written to.
    pub fn commit(self) -> Result<(), FileError> {
        let named = self.staged.persist(&self.path);
        named.map_err(|error| failed("write", &self.path)(error.error))?;
        files::sync_parent(&self.path)
    }
}

impl io::Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.staged.as_file_mut().write(bytes)?;
        self.written += count as u64;
        if self.written - self.begun >= WRITE_BEHIND {
            // Of pages that are dirty, Linux begins the writing and keeps them (`posix_fadvise(2)`,
            // POSIX_FADV_DONTNEED). A hint: without it the sync at the end does all.
            let _ = rustix::fs::fadvise(
                self.staged.as_file(),
                self.begun,
                std::num::NonZeroU64::new(self.written - self.begun),
                rustix::fs::Advice::DontNeed,
            );
            self.begun = self.written;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file on its way: to a name, or to no name because it will be stored in another form or elsewhere.
#[derive(Debug)]
pub enum Spool {
    /// It will have a name.
    Named(StagedFile),
    /// It goes when this value goes.
    Nameless(File),
}

impl Spool {
    /// The file, to be read back.
    pub fn file(&self) -> &File {
        match self {
            Self::Named(staged) => staged.file(),
            Self::Nameless(file) => file,
        }
    }

    /// Another handle of the file, which outlives its spool.
    ///
    /// # Errors
    /// There are too many open files.
    pub fn handle(&self) -> Result<File, FileError> {
        let handle = self.file().try_clone();
        handle.map_err(failed("open again", Path::new("the file that is written")))
    }

    /// Makes the contents durable, where they will have a name.
    ///
    /// # Errors
    /// As [`StagedFile::sync`].
    pub fn sync(&self) -> Result<(), FileError> {
        match self {
            Self::Named(staged) => staged.sync(),
            Self::Nameless(_) => Ok(()),
        }
    }
}

impl io::Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Named(staged) => staged.write(bytes),
            Self::Nameless(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_shows_only_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("backup.db");
        let mut staged = StagedFile::begin(&path, 0o600).unwrap();
        staged.write_all(b"one").unwrap();
        assert!(!path.exists());
        let mode = fs::metadata(staged.staged_path()).unwrap().permissions();
        assert_eq!(mode.mode() & 0o7777, 0o600);
        staged.sync().unwrap();
        staged.commit_new().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(files::list(dir.path()).unwrap(), ["backup.db"]);
    }

    #[test]
    fn one_that_is_given_up_leaves_nothing_and_one_that_is_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("backup.db");
        drop(StagedFile::begin(&path, 0o600).unwrap());
        assert!(files::list(dir.path()).unwrap().is_empty());
        let staged = StagedFile::begin(&path, 0o600).unwrap();
        files::write_new(&path, b"another's", 0o600).unwrap();
        assert!(staged.commit_new().is_err());
        assert_eq!(fs::read(&path).unwrap(), b"another's");
        assert_eq!(files::list(dir.path()).unwrap(), ["backup.db"]);
    }
}
