//! One run at a time: an advisory lock on a file, released by the kernel when its holder dies.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::files::{self, FileError};

/// A held lock; dropping it releases it.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run holds it.
    #[error("another run holds {path}: {holder}", path = path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
        /// What that run wrote about itself.
        holder: String,
    },
    /// The lock file can't be opened.
    #[error(transparent)]
    File(#[from] FileError),
}

impl RunLock {
    /// Takes the lock without waiting; `holder` tells others who has it.
    pub fn take(path: &Path, holder: &str) -> Result<Self, LockError> {
        if let Some(parent) = path.parent() {
            files::ensure_dir(parent, 0o700)?;
        }
        let fail = |source| FileError {
            doing: "lock",
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(fail)?;
                return Err(LockError::Held {
                    path: path.to_owned(),
                    holder,
                });
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(fail(error).into()),
        }
        write_holder(&mut file, holder).map_err(fail)?;
        Ok(Self { _file: file })
    }
}

fn write_holder(file: &mut File, holder: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(holder.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_told_who_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("locks/prod.lock");
        let first = RunLock::take(&path, "member add, pid 7").unwrap();
        let Err(LockError::Held { holder, .. }) = RunLock::take(&path, "other") else {
            panic!("two runs hold one lock")
        };
        assert_eq!(holder, "member add, pid 7");
        drop(first);
        RunLock::take(&path, "third").unwrap();
    }
}
