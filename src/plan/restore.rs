//! A member's data directory to be made of a snapshot.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::PeerUrl;
use crate::snapshot::restore::Founding;

use super::step::StepError;

/// A data directory to be. The snapshot is on the machine that etcdha runs on; the directories are
/// those on the node, below its root, links followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreDataDir {
    /// The snapshot file.
    pub snapshot: PathBuf,
    /// Checksum of what it holds, as it was when it was verified (etcdutl's hash).
    pub content: u32,
    /// Bytes of its image.
    pub image_bytes: u64,
    /// Name of the member that the directory is for.
    pub member: String,
    /// All members of the new cluster.
    pub members: Vec<FoundingPeer>,
    /// The cluster token: with the peer URLs it decides all ids.
    pub token: String,
    /// The revision to begin with, all before it compacted; none keeps the snapshot's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_revision: Option<i64>,
    /// The data directory.
    pub data_dir: PlaceToBe,
    /// A directory of its own for the write-ahead log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal_dir: Option<PlaceToBe>,
    /// Whose the files will be; none leaves them to the user that etcdha runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerIds>,
}

/// A member of a cluster that is founded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundingPeer {
    /// Its name.
    pub name: String,
    /// Where the others reach it.
    pub peer_urls: Vec<PeerUrl>,
}

/// A directory that is filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaceToBe {
    /// Where.
    pub path: PathBuf,
    /// What it is now, empty; none where it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<EmptyDir>,
}

/// Mode and owner of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EmptyDir {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Numbers of a user and a group on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerIds {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl RestoreDataDir {
    /// The members of the cluster to be, with their ids.
    ///
    /// # Errors
    /// Members that can't be told apart.
    pub fn founding(&self) -> Result<Founding, StepError> {
        let members = self.members.iter().map(|member| {
            let urls = member.peer_urls.iter().map(ToString::to_string);
            (member.name.clone(), urls.collect())
        });
        Founding::new(members, &self.token).map_err(|same| StepError::Missing(same.to_string()))
    }
}

impl fmt::Display for RestoreDataDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.data_dir.path.display();
        write!(f, "restore {path} as member {}", self.member)
    }
}
