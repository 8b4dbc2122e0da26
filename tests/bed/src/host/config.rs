//! What a test host is to be like.
//!
//! Invariant: the directories in which etcdha and etcd write are always private to the host.

use std::path::PathBuf;

/// The directories that every host has for itself.
const PRIVATE_DIRECTORIES: [&str; 6] = [
    "/etc/kubernetes",
    "/var/lib/containerd",
    "/var/lib/etcd",
    "/var/lib/etcdha",
    "/var/lib/kubelet",
    "/var/log",
];

/// What a host is to be like.
#[derive(Debug, Clone)]
pub struct HostConfig {
    pub(crate) name: String,
    pub(super) disk: Option<u64>,
    pub(super) directories: Vec<PathBuf>,
}

impl HostConfig {
    /// Describes a host with the machine's disk under /var/lib/etcd.
    pub fn named(name: &str) -> HostConfig {
        HostConfig {
            name: name.to_owned(),
            disk: None,
            directories: PRIVATE_DIRECTORIES.map(PathBuf::from).to_vec(),
        }
    }

    /// Puts /var/lib/etcd on a disk of its own with this many bytes, which can be filled. etcd sets
    /// 64 MiB aside for each of the first two segments of its write-ahead log.
    #[must_use]
    pub fn disk(mut self, bytes: u64) -> HostConfig {
        self.disk = Some(bytes);
        self
    }

    /// Makes one more directory private to the host, such as /srv.
    #[must_use]
    pub fn private(mut self, directory: impl Into<PathBuf>) -> HostConfig {
        self.directories.push(directory.into());
        self
    }
}
