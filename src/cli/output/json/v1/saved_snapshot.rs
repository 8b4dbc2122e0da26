//! Documents about snapshots.

use serde::Serialize;

use crate::snapshot::SnapshotRecord;

/// What `snapshot save --dry-run` says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotSavePlan {
    /// Where the snapshot would go.
    pub path: String,
    /// Where copies would go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<String>,
    /// How it would be stored, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packing: Option<String>,
    /// Who would be asked, best first.
    pub ask: Vec<String>,
    /// What is worth knowing before.
    pub warnings: Vec<String>,
}

/// What `snapshot save` has done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotSaved {
    /// The snapshot.
    pub path: String,
    /// Copies of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<String>,
    /// Places that should have a copy and have none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<PlaceReason>,
    /// Its record, which is beside it as well.
    pub record: SnapshotRecord,
    /// How long the bytes took to come, in seconds.
    pub transfer_seconds: f64,
    /// True where every member that could be compared, and at least one, has the snapshot's HashKV.
    pub proven: bool,
    /// Members with another HashKV.
    pub different: Vec<String>,
    /// Members that could not be compared.
    pub not_compared: Vec<MemberReason>,
    /// Members that were asked and failed.
    pub failed: Vec<MemberReason>,
}

/// A member, and why.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberReason {
    /// Its name.
    pub member: String,
    /// Why.
    pub reason: String,
}

/// A place, and why.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaceReason {
    /// The place.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// The snapshots of a directory, oldest first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotList {
    /// The snapshots.
    pub snapshots: Vec<SnapshotItem>,
}

/// A stored snapshot.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotItem {
    /// The file.
    pub path: String,
    /// When it was taken; without a record: when the file was last written.
    pub taken_at: String,
    /// Its bytes.
    pub size_bytes: u64,
    /// `proven`, `unproven`, `unrecorded` or `damaged`.
    pub state: String,
    /// What is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The record beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<SnapshotRecord>,
}

/// What `snapshot prune` did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotPruning {
    /// Every snapshot of the directory, oldest first.
    pub snapshots: Vec<PrunedSnapshot>,
}

/// A snapshot and what became of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrunedSnapshot {
    /// The snapshot.
    #[serde(flatten)]
    pub snapshot: SnapshotItem,
    /// True where it is gone.
    pub removed: bool,
    /// Which rules keep it.
    pub reasons: Vec<String>,
}
