//! What a member under systemd needs beyond its files.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Files that the user which runs etcd gets. Paths are those on the node, below its root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GiveFiles {
    /// The user, for people.
    pub user: String,
    /// Its number on the node.
    pub uid: u32,
    /// Its group's number on the node.
    pub gid: u32,
    /// Keys, certificates and the data directory: its own from now on. Modes stay.
    pub owned: Vec<PathBuf>,
    /// Directories that its group may enter and list (mode 0750); their owner stays.
    pub entered: Vec<PathBuf>,
}
