//! `etcdha snapshot drill`.

use serde::Serialize;

/// What a drill would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotDrillPlan {
    /// The file.
    pub snapshot: String,
    /// When it was taken.
    pub taken_at: String,
    /// The revision that the store is at.
    pub revision: i64,
    /// Bytes of its image.
    pub size_bytes: u64,
    /// The etcd that would boot.
    pub etcd: String,
    /// Its release.
    pub etcd_version: String,
    /// Where the scratch directory would be made.
    pub scratch: String,
    /// Bytes that it would take at most.
    pub needed_bytes: u64,
    /// Bytes that are free there.
    pub free_bytes: u64,
    /// Keys that would be looked at.
    pub spot_keys: Vec<String>,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// What a drill found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotDrill {
    /// True where the backup works.
    pub proven: bool,
    /// The file.
    pub snapshot: String,
    /// When it was taken.
    pub taken_at: String,
    /// SHA-256 of its image, hex.
    pub sha256: String,
    /// Bytes of its image.
    pub size_bytes: u64,
    /// The revision that the store is at.
    pub revision: i64,
    /// User keys alive.
    pub keys: u64,
    /// Its HashKV.
    pub hash_kv: u32,
    /// The etcd that booted.
    pub etcd: String,
    /// Its release.
    pub etcd_version: String,
    /// From the file to an etcd that answers: the next three.
    pub recovery_seconds: f64,
    /// To read and check the file.
    pub read_seconds: f64,
    /// To make the data directory.
    pub restore_seconds: f64,
    /// Until etcd read through consensus.
    pub boot_seconds: f64,
    /// To compare.
    pub compare_seconds: f64,
    /// What was compared.
    pub checks: Vec<DrillCheck>,
    /// The keys that were looked at.
    pub spot_keys: Vec<DrillSpotKey>,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// Something that was compared.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillCheck {
    /// What.
    pub what: &'static str,
    /// As the file has it.
    pub snapshot: String,
    /// As the server has it.
    pub server: String,
    /// True where both are the same.
    pub equal: bool,
}

/// A key that was looked at; never its value.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillSpotKey {
    /// The key.
    pub key: String,
    /// What of it was compared.
    pub compared: &'static str,
    /// What was found.
    pub found: String,
    /// True where it is as it should be.
    pub right: bool,
}
