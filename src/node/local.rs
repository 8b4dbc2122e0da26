//! A host seen through a local path: `/` for this host, or where another host's root is mounted.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::datadir::WalIdentity;
use crate::model::{ClusterId, MemberId, NodeName};
use crate::sys::files::{self, FileError};
use crate::sys::space;

/// A node whose files are reachable below `root`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalNode {
    /// The node's name.
    pub name: NodeName,
    /// Where its root directory is mounted here.
    pub root: PathBuf,
}

/// What a data directory holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataDirState {
    /// There is no such directory, or nothing is in it (`lost+found` does not count).
    Empty,
    /// A member's data, with the ids its WAL states.
    Member {
        /// Id of the member.
        member_id: MemberId,
        /// Id of its cluster.
        cluster_id: ClusterId,
    },
    /// Something else; the names that were found.
    Occupied(Vec<String>),
}

impl DataDirState {
    /// True where a member has begun to make its directory and written no log entry yet.
    pub fn is_unborn_member(&self) -> bool {
        matches!(self, Self::Occupied(names) if *names == ["member"])
    }
}

impl LocalNode {
    /// The path under which `host_path` is reached from here.
    pub fn local(&self, host_path: &Path) -> PathBuf {
        self.root
            .join(host_path.strip_prefix("/").unwrap_or(host_path))
    }

    /// Reads a file; `None` when there is none.
    pub fn read(&self, host_path: &Path) -> Result<Option<Vec<u8>>, FileError> {
        files::read_optional(&self.local(host_path))
    }

    /// Looks at a data directory without changing it.
    ///
    /// # Errors
    /// Where the directory can't be listed or a WAL segment can't be read.
    pub fn data_dir(&self, host_path: &Path) -> Result<DataDirState, FileError> {
        let directory = self.local(host_path);
        let mut names = files::list(&directory)?;
        names.retain(|name| name != "lost+found");
        if names.is_empty() {
            return Ok(DataDirState::Empty);
        }
        Ok(match identity(&directory.join("member/wal"))? {
            Some(identity) => DataDirState::Member {
                member_id: MemberId(identity.member_id),
                cluster_id: ClusterId(identity.cluster_id),
            },
            None => DataDirState::Occupied(names),
        })
    }

    /// Whose log a directory holds: the member and its cluster; none where it holds none.
    ///
    /// # Errors
    /// Where it can't be listed or a segment can't be read.
    pub fn log_identity(
        &self,
        host_path: &Path,
    ) -> Result<Option<(MemberId, ClusterId)>, FileError> {
        let found = identity(&self.local(host_path))?;
        Ok(found.map(|found| (MemberId(found.member_id), ClusterId(found.cluster_id))))
    }

    /// Free bytes for an ordinary user on the file system that holds `host_path` or its nearest
    /// existing parent.
    ///
    /// # Errors
    /// Where the file system can't be asked.
    pub fn free_bytes(&self, host_path: &Path) -> Result<u64, FileError> {
        let mut path = self.local(host_path);
        while !path.exists() {
            let Some(parent) = path.parent() else { break };
            path = parent.to_owned();
        }
        space::free_bytes(&path)
    }
}

/// The ids in the oldest readable WAL segment below `wal`.
fn identity(wal: &Path) -> Result<Option<WalIdentity>, FileError> {
    if !wal.is_dir() {
        return Ok(None);
    }
    for name in files::list(wal)?
        .iter()
        .filter(|name| name.ends_with(".wal"))
    {
        let path = wal.join(name);
        let fail = |source| FileError {
            doing: "read",
            path: path.clone(),
            source,
        };
        let mut head = Vec::new();
        let limit = WalIdentity::HEAD_BYTES as u64;
        let file = fs::File::open(&path).map_err(fail)?;
        file.take(limit).read_to_end(&mut head).map_err(fail)?;
        if let Ok(identity) = WalIdentity::read(&head) {
            return Ok(Some(identity));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(root: &Path) -> LocalNode {
        LocalNode {
            name: "m1".parse().unwrap(),
            root: root.to_owned(),
        }
    }

    #[test]
    fn a_data_directory_is_empty_a_members_or_occupied() {
        let root = tempfile::tempdir().unwrap();
        let node = node(root.path());
        let host_path = Path::new("/var/lib/etcd");
        assert_eq!(node.data_dir(host_path).unwrap(), DataDirState::Empty);

        fs::create_dir_all(node.local(Path::new("/var/lib/etcd/lost+found"))).unwrap();
        assert_eq!(node.data_dir(host_path).unwrap(), DataDirState::Empty);

        let wal = node.local(Path::new("/var/lib/etcd/member/wal"));
        fs::create_dir_all(&wal).unwrap();
        let occupied = DataDirState::Occupied(vec!["member".into()]);
        assert_eq!(node.data_dir(host_path).unwrap(), occupied);

        let head = include_bytes!("../../tests/data/restores/restore-3.5.wal.head");
        let name = wal.join("0000000000000000-0000000000000000.wal");
        files::write_atomic(&name, head, 0o600).unwrap();
        let member = DataDirState::Member {
            member_id: MemberId(0xbdd9_228d_0ad6_358c),
            cluster_id: ClusterId(0x2619_acb4_877e_7ec8),
        };
        assert_eq!(node.data_dir(host_path).unwrap(), member);
    }

    #[test]
    fn free_space_is_that_of_the_nearest_existing_parent() {
        let root = tempfile::tempdir().unwrap();
        assert!(
            node(root.path())
                .free_bytes(Path::new("/var/lib/etcd"))
                .unwrap()
                > 0
        );
    }
}
