//! Symbolic links as the node itself follows them: an absolute one starts at the node's root, not at
//! ours.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::sys::files::{self, FileError};

use super::LocalNode;

/// Most links on the way to a file; the kernel's own limit.
const MAX_LINKS: usize = 40;

impl LocalNode {
    /// The path of the host that `host_path` leads to once every link is followed. What is not there
    /// is taken as written.
    ///
    /// # Errors
    /// Where links lead in a circle, or a link can't be read.
    pub fn follow(&self, host_path: &Path) -> Result<PathBuf, FileError> {
        let failed = |source: io::Error| FileError {
            doing: "follow links to",
            path: self.local(host_path),
            source,
        };
        let mut pending: Vec<PathBuf> = parts(host_path);
        let mut reached = PathBuf::from("/");
        let mut links = 0;
        while let Some(part) = pending.pop() {
            if part == Path::new("..") {
                reached.pop();
                continue;
            }
            let next = reached.join(&part);
            match fs::read_link(self.local(&next)) {
                Ok(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(failed(io::Error::other("too many links")));
                    }
                    if target.is_absolute() {
                        reached = PathBuf::from("/");
                    }
                    pending.extend(parts(&target));
                }
                // Not a link, or not there.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::InvalidInput
                            | io::ErrorKind::NotFound
                            | io::ErrorKind::NotADirectory
                    ) =>
                {
                    reached = next;
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(reached)
    }

    /// Reads a file through links as the node follows them; `None` when there is none.
    ///
    /// # Errors
    /// As [`LocalNode::follow`]; where it can't be read.
    pub fn read_followed(&self, host_path: &Path) -> Result<Option<Vec<u8>>, FileError> {
        let path = self.follow(host_path)?;
        files::read_optional(&self.local(&path))
    }

    /// The permission bits of a file; `None` where there is none.
    pub fn mode(&self, host_path: &Path) -> Option<u32> {
        let about = fs::metadata(self.local(host_path)).ok()?;
        Some(about.permissions().mode() & 0o7777)
    }

    /// When a file was last written; `None` where there is none or that can't be told.
    pub fn modified(&self, host_path: &Path) -> Option<SystemTime> {
        fs::metadata(self.local(host_path)).ok()?.modified().ok()
    }
}

/// The components below the root, last first.
fn parts(path: &Path) -> Vec<PathBuf> {
    let named = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let mut parts: Vec<PathBuf> = named.collect();
    parts.reverse();
    parts
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_below_the_nodes_own_root() {
        let root = tempfile::tempdir().unwrap();
        let node = LocalNode {
            name: "m1".parse().unwrap(),
            root: root.path().to_owned(),
        };
        let local = |path: &str| node.local(Path::new(path));
        files::ensure_dir(&local("/srv/pki/etcd"), 0o755).unwrap();
        files::ensure_dir(&local("/etc/kubernetes"), 0o755).unwrap();
        files::write_atomic(&local("/srv/pki/etcd/ca.crt"), b"ca", 0o644).unwrap();
        symlink("/srv/pki", local("/etc/kubernetes/pki")).unwrap();
        symlink("../pki/etcd/ca.crt", local("/srv/pki/relative.crt")).unwrap();
        symlink("/circle", local("/circle")).unwrap();
        let follow = |path: &str| {
            node.follow(Path::new(path))
                .map_err(|error| error.to_string())
        };
        let end = Ok(PathBuf::from("/srv/pki/etcd/ca.crt"));
        assert_eq!(follow("/etc/kubernetes/pki/etcd/ca.crt"), end);
        assert_eq!(follow("/etc/kubernetes/pki/relative.crt"), end);
        assert_eq!(follow("/none/x"), Ok(PathBuf::from("/none/x")));
        assert!(follow("/circle").is_err());
        let read = node.read_followed(Path::new("/etc/kubernetes/pki/relative.crt"));
        assert_eq!(read.unwrap().as_deref(), Some(&b"ca"[..]));
    }
}
