//! A member restored from a snapshot.

use serde::Serialize;

/// A member whose data directory was made of a snapshot.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotRestore {
    /// `restored`, or `unchanged` where an earlier run has done it.
    pub result: &'static str,
    /// The snapshot file.
    pub snapshot: String,
    /// SHA-256 of its image.
    pub sha256: Option<String>,
    /// Its hash as etcdutl's `snapshot status` has it.
    pub hash: u32,
    /// Name of the member.
    pub member: String,
    /// Its id, hex.
    pub member_id: String,
    /// The new cluster's id, hex.
    pub cluster_id: String,
    /// The token that the ids were made with.
    pub cluster_token: String,
    /// The data directory on the host.
    pub data_dir: String,
    /// The log's own directory on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wal_dir: Option<String>,
    /// The revision that the snapshot's server had reached.
    pub snapshot_revision: i64,
    /// The revision that the restored one begins with.
    pub revision: i64,
    /// The HashKV that the member will answer; none where it was restored before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_kv: Option<u32>,
    /// Members of the old cluster, by name.
    pub dropped_members: Vec<String>,
    /// Alarms of the old cluster, each kind and member id.
    pub dropped_alarms: Vec<String>,
    /// Bytes in use in the snapshot.
    pub size_bytes: u64,
}

/// A cluster that runs from a snapshot.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotClusterRestore<'a> {
    /// `restored`, or `unchanged` where there was nothing to do.
    pub result: &'static str,
    /// The cluster's name.
    pub cluster: &'a str,
    /// Its id now, hex.
    pub cluster_id: String,
    /// The snapshot file.
    pub snapshot: String,
    /// SHA-256 of its image.
    pub sha256: &'a str,
    /// The revision that the restored cluster began with.
    pub revision: i64,
    /// The HashKV at that revision, the same on all members.
    pub hash_kv: u32,
    /// The members.
    pub members: Vec<RestoredClusterMember>,
    /// Nodes whose apiservers were brought back, in order.
    pub apiservers: Vec<String>,
    /// When the members had proven what they hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proven_at: Option<String>,
    /// From the first step to the last, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_seconds: Option<f64>,
    /// From the first stop until the cluster served again, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down_seconds: Option<f64>,
    /// Where old data is kept.
    pub old_data: Vec<OldData>,
    /// The receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<&'a str>,
}

/// A member of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoredClusterMember {
    /// Its name.
    pub name: String,
    /// Its id, hex.
    pub id: String,
}

/// Data that was set aside on a node.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OldData {
    /// The node.
    pub node: String,
    /// The directory on it.
    pub path: String,
}
