//! Which files stand below a directory, with their modes, owners and contents?
//!
//! Invariant: the walk ends. Links to directories are not followed, and depth, number of files and
//! their size are bounded; what is beyond a bound is reported, not left out.

use std::fmt;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::files::FileError;

/// Deeper trees are no certificate directories; kubeadm's has two levels.
const MAX_DEPTH: usize = 8;

/// More files are no certificate directory either.
const MAX_FILES: usize = 10_000;

/// No certificate, key or revocation list that etcd can load comes near this many bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A file that was found.
#[derive(Clone)]
pub struct WalkedFile {
    /// Its path, the directory's included.
    pub path: PathBuf,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Contents, or why there are none. Wiped when dropped: they may be a private key.
    pub contents: Result<Zeroizing<Vec<u8>>, String>,
}

impl fmt::Debug for WalkedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WalkedFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Reads every regular file below `dir`, sorted by path. Links to files are followed, as the kubelet
/// keeps its current certificate behind one.
///
/// # Errors
/// Where the directory itself can't be read, or holds more than is sensible.
pub fn walk(dir: &Path) -> Result<Vec<WalkedFile>, FileError> {
    let mut found = Vec::new();
    let mut pending = vec![(dir.to_owned(), 0)];
    while let Some((here, depth)) = pending.pop() {
        let failed = |source| FileError {
            doing: "read directory",
            path: here.clone(),
            source,
        };
        let entries = match fs::read_dir(&here) {
            Ok(entries) => entries,
            // One closed directory does not hide the rest.
            Err(error) if depth > 0 => {
                found.push(unreadable(here, &error));
                continue;
            }
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() && depth < MAX_DEPTH {
                pending.push((entry.path(), depth + 1));
            } else if kind.is_file() || kind.is_symlink() {
                found.extend(read(entry.path()));
            }
            if found.len() > MAX_FILES {
                let text = format!("more than {MAX_FILES} files: this is no certificate directory");
                return Err(failed(std::io::Error::other(text)));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Reads one file as [`walk`] does.
///
/// # Errors
/// Where there is none.
pub fn read_one(path: &Path) -> Result<WalkedFile, FileError> {
    fs::metadata(path).map_err(|source| FileError {
        doing: "read",
        path: path.to_owned(),
        source,
    })?;
    Ok(read(path.to_owned()).unwrap_or_else(|| WalkedFile {
        path: path.to_owned(),
        mode: 0,
        uid: 0,
        contents: Err("is no regular file".to_owned()),
    }))
}

/// Nothing for links to directories, sockets and the like.
fn read(path: PathBuf) -> Option<WalkedFile> {
    let about = match fs::metadata(&path) {
        Ok(about) if about.is_file() => about,
        Ok(_) => return None,
        Err(error) => return Some(unreadable(path, &error)),
    };
    let contents = match about.len() {
        size if size > MAX_BYTES => {
            Err(format!("it has {size} bytes, expected at most {MAX_BYTES}"))
        }
        size => read_bytes(&path, size).map_err(|error| error.to_string()),
    };
    Some(WalkedFile {
        mode: about.mode() & 0o7777,
        uid: about.uid(),
        path,
        contents,
    })
}

/// Reads into a buffer that never grows, so that no part of a key is left behind in freed memory.
fn read_bytes(path: &Path, size: u64) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let room = usize::try_from(size).unwrap_or(0) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    fs::File::open(path)?
        .take(MAX_BYTES.min(size))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(path: PathBuf, error: &std::io::Error) -> WalkedFile {
    WalkedFile {
        path,
        mode: 0,
        uid: 0,
        contents: Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::sys::files::{ensure_dir, write_atomic};

    #[test]
    fn files_are_found_with_mode_and_contents_through_links_but_not_in_circles() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        ensure_dir(&dir.join("etcd"), 0o700).unwrap();
        write_atomic(&dir.join("etcd/ca.crt"), b"ca", 0o644).unwrap();
        write_atomic(&dir.join("etcd/ca.key"), b"key", 0o600).unwrap();
        symlink("etcd/ca.crt", dir.join("link.crt")).unwrap();
        symlink("..", dir.join("etcd/circle")).unwrap();
        symlink("nowhere", dir.join("dangling.crt")).unwrap();
        let found: Vec<_> = walk(dir)
            .unwrap()
            .into_iter()
            .map(|file| {
                let path = file.path.strip_prefix(dir).unwrap().display().to_string();
                let contents = file.contents.map(|bytes| bytes.to_vec());
                (path, file.mode, contents.ok())
            })
            .collect();
        assert_eq!(
            found,
            [
                ("dangling.crt".to_owned(), 0, None),
                ("etcd/ca.crt".to_owned(), 0o644, Some(b"ca".to_vec())),
                ("etcd/ca.key".to_owned(), 0o600, Some(b"key".to_vec())),
                ("link.crt".to_owned(), 0o644, Some(b"ca".to_vec())),
            ]
        );
        assert!(walk(&dir.join("none")).is_err());
        assert!(read_one(&dir.join("none")).is_err());
        assert!(read_one(&dir.join("etcd")).unwrap().contents.is_err());
    }
}
