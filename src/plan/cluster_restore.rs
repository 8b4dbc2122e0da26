//! What the restore of a whole cluster is made of: pods that are stopped and started, data that
//! changes places, members that prove what they hold.
//!
//! Every step up to the proof is harmless where it was done before, and can be taken back from what is
//! on the hosts alone: a run that was killed is followed by one with the same steps, which takes back
//! what the first one did, too.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::{ClientUrl, ClusterId, MemberId, NodeName, PeerUrl};

use super::apiserver::ApiserverTarget;
use super::restore::{OwnerIds, RestoreDataDir};

/// Where a member's old data goes, and its new data comes from. Paths are those on the node, links
/// followed; the three of a directory are on one file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataSwap {
    /// The member that is restored.
    pub member_id: MemberId,
    /// The cluster that is founded.
    pub cluster_id: ClusterId,
    /// The data directory.
    pub data_dir: SwapPlaces,
    /// The log's own directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal_dir: Option<SwapPlaces>,
    /// Whose a directory is that has to be made; none leaves it to the user that etcdha runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerIds>,
    /// True where the data directory was not there before the first run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_new: bool,
    /// The member's own address for its peers: nobody listens there once it has stopped.
    pub peer_url: PeerUrl,
    /// True where a person stops and starts it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_service: bool,
}

/// A directory and the two beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SwapPlaces {
    /// The directory that etcd uses.
    pub place: PathBuf,
    /// Where the new contents are built.
    pub new: PathBuf,
    /// Where the old contents are kept.
    pub before: PathBuf,
}

/// New data that is made beside the old, before anything is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageData {
    /// What is restored, into the places beside.
    pub order: RestoreDataDir,
    /// The HashKV that its server must answer at its first revision.
    pub hash_kv: u32,
    /// Where it will go.
    pub swap: DataSwap,
}

/// A static pod that is stopped: its manifest is moved out of the kubelet's sight, into etcdha's state
/// directory on the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StopPod {
    /// The manifest.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// Its text.
    pub contents: String,
    /// Where the old data of the member it starts is kept: the pod does not come back before the data
    /// has. None for an apiserver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_data: Option<PathBuf>,
}

/// A static pod that is started: a manifest is put where the kubelet looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartPod {
    /// The manifest.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// Its text: the one that was set aside, numbered as another attempt, since the kubelet makes a pod
    /// of a text that has crashed before wait.
    pub contents: String,
    /// The member it starts, so that it can be stopped again; none for an apiserver, which is never
    /// stopped again: clients may have written through it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Box<DataSwap>>,
}

/// Programs that have to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitStopped {
    /// Apiservers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apiservers: Vec<ApiserverTarget>,
    /// Members, each with the node it is on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<(NodeName, DataSwap)>,
    /// Longest wait, in seconds.
    pub deadline_seconds: u64,
}

/// The cluster as it must be once its members have started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoredCluster {
    /// Its id.
    pub cluster_id: ClusterId,
    /// Its members: node, id, client URL.
    pub members: Vec<RestoredMember>,
    /// The snapshot's SHA-256, in hex.
    pub snapshot_sha256: String,
    /// The revision it begins with.
    pub first_revision: i64,
    /// The HashKV at that revision.
    pub hash_kv: u32,
    /// Longest wait, in seconds.
    pub deadline_seconds: u64,
}

/// A member of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoredMember {
    /// The node it is on.
    pub on: NodeName,
    /// Its id.
    pub id: MemberId,
    /// Where it answers.
    pub client_url: ClientUrl,
    /// Its manifest, where it is a static pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<PathBuf>,
    /// Where its old data is kept.
    pub before: PathBuf,
}

/// What is written down on every node once the members have proven what they hold: from then on the
/// old data is not put back any more, and the snapshot is not restored a second time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreMark {
    /// The cluster that was founded.
    pub cluster_id: ClusterId,
    /// The snapshot's SHA-256, in hex.
    pub snapshot_sha256: String,
    /// The revision it began with.
    pub first_revision: i64,
    /// The HashKV at that revision.
    pub hash_kv: u32,
    /// When that was proven.
    pub proven_at: jiff::Timestamp,
    /// Where this node's old data is kept.
    pub old_data: PathBuf,
}

/// Where, below the directory of backups, manifests are that were set aside.
pub const SET_ASIDE: &str = "set-aside";

/// The file of a [`RestoreMark`], below the directory of backups.
pub const MARK: &str = "restored.json";
