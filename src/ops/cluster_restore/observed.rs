//! What restoring a cluster looks at, as values.

use std::path::PathBuf;

use crate::model::{ClusterId, MemberId, NodeName, Revision};
use crate::ops::apiserver_nodes::FoundManifest;
use crate::ops::snapshot_restore::{ObservedPlace, ObservedSnapshot};
use crate::plan::{ApiserverTarget, OwnerIds, RestoreMark};
use crate::snapshot::HashKv;

/// What was found.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The snapshot.
    pub snapshot: SeenSnapshot,
    /// Who etcdha runs as.
    pub self_ids: OwnerIds,
    /// The members to be, in the file's order.
    pub members: Vec<ObservedMember>,
    /// The apiservers of nodes that are not lost.
    pub apiservers: Vec<ObservedApiserver>,
    /// Members that answer, those left out included.
    pub living: Vec<LivingMember>,
    /// Nodes that are left out, and whose apiserver's port is open all the same.
    pub stray_apiservers: Vec<NodeName>,
}

/// A snapshot that was read whole.
#[derive(Clone, Debug)]
pub struct SeenSnapshot {
    /// What it holds, or what is wrong with it.
    pub contents: Result<ObservedSnapshot, String>,
    /// What its restored members will answer; none where it can't be read, or the bump is too large.
    pub foretold: Option<HashKv>,
}

/// A host of a member to be.
#[derive(Clone, Debug)]
pub struct ObservedMember {
    /// Its name.
    pub name: NodeName,
    /// Where its files are here.
    pub root: PathBuf,
    /// What is there; none where the host's root is not.
    pub how: Option<How>,
    /// The data, where it could be looked for.
    pub data: Option<ObservedData>,
    /// Whose the files will be; an error names who is not known.
    pub owner: Result<OwnerIds, String>,
    /// What an earlier restore has written down there.
    pub mark: Option<RestoreMark>,
}

/// How a member is run.
#[derive(Clone, Debug)]
pub enum How {
    /// As a static pod.
    Pod(FoundEtcd),
    /// By systemd; the unit's name.
    Service(String),
}

/// What was found of etcd's static pod.
#[derive(Clone, Debug)]
pub enum FoundEtcd {
    /// No pod that runs etcd, nor one that was set aside.
    None,
    /// Exactly one.
    One(Box<EtcdPod>),
    /// The kubelet would run them all.
    Several(Vec<PathBuf>),
    /// A file that can't be read as a pod.
    Unreadable(PathBuf, String),
}

/// The manifest of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EtcdPod {
    /// Where it is, or was before it was set aside.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// Its text.
    pub text: String,
    /// True where it was set aside.
    pub is_aside: bool,
    /// `--name`.
    pub name: Option<String>,
    /// `--initial-advertise-peer-urls`.
    pub peer_urls: Vec<String>,
    /// The data directory on the host; none where it is not the host's.
    pub data_dir: Option<PathBuf>,
    /// The log's own directory on the host.
    pub wal_dir: Option<PathBuf>,
    /// Flags that name a file which is not there, as `--flag=path`.
    pub missing: Vec<String>,
}

/// A member's data as it is.
#[derive(Clone, Debug)]
pub struct ObservedData {
    /// The data directory.
    pub data_dir: ObservedPlace,
    /// The log's own directory.
    pub wal_dir: Option<ObservedPlace>,
    /// True where the data directory is a mount of its own: then everything stays inside.
    pub is_mount: bool,
    /// The same of the log's own directory.
    pub is_wal_mount: bool,
    /// True where there is old data.
    pub has_member: bool,
    /// Whose log is there.
    pub identity: Option<(MemberId, ClusterId)>,
    /// Directories in which earlier restores have kept data.
    pub kept: Vec<PathBuf>,
    /// Directories in which earlier runs have made new data.
    pub made: Vec<PathBuf>,
}

/// A node that runs an apiserver, or ran one.
#[derive(Clone, Debug)]
pub struct ObservedApiserver {
    /// The node.
    pub name: NodeName,
    /// Where its files are here.
    pub root: PathBuf,
    /// Its manifest.
    pub manifest: FoundManifest,
    /// True where it was set aside.
    pub is_aside: bool,
    /// How to reach it; none where there is nothing to verify it with.
    pub target: Option<ApiserverTarget>,
    /// Whether it is ready, or why not.
    pub ready: Result<(), String>,
}

/// A member that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivingMember {
    /// Its name in the cluster file.
    pub name: NodeName,
    /// The cluster it belongs to.
    pub cluster_id: ClusterId,
    /// The revision it has reached.
    pub revision: Revision,
    /// True where it reaches a quorum.
    pub has_quorum: bool,
}
