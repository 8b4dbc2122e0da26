//! `etcdha snapshot status`, `verify`, `hashkv` and `inspect`.

use serde::Serialize;

/// What a snapshot holds. The first five fields are those of `etcdutl snapshot status -w json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotStatus {
    /// CRC-32C over all buckets.
    pub hash: u32,
    /// The last revision that is stored.
    pub revision: i64,
    /// Up to 3.5 the entries of all buckets, from 3.6 on the user keys that are alive.
    pub total_key: u64,
    /// Bytes, without the digest.
    pub total_size: u64,
    /// The storage version; absent before 3.6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The revision that the store is at.
    pub current_revision: i64,
    /// `3.4`, `3.5`, or what the file says.
    pub storage_version: String,
}

/// A HashKV. The first three fields are those of etcdutl 3.6.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotHashKv {
    /// The hash.
    pub hash: u32,
    /// The revision it is of.
    pub hash_revision: i64,
    /// The revision that history begins at; −1 where nothing was compacted.
    pub compact_revision: i64,
    /// The revision that the store is at.
    pub current_revision: i64,
    /// User keys alive at the revision.
    pub live_keys: Option<u64>,
}

/// A verdict.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotVerification {
    /// The file.
    pub path: String,
    /// True where it can be restored.
    pub restorable: bool,
    /// Errors, those that are not listed included.
    pub errors: u64,
    /// Warnings, those that are not listed included.
    pub warnings: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// SHA-256 of the image, hex; null where the file carries none.
    pub sha256: Option<String>,
    /// The revision that the store is at; null where an error makes it meaningless.
    pub revision: Option<i64>,
    /// The HashKV at that revision; null as before.
    pub hash_kv: Option<SnapshotHashKv>,
    /// `3.4`, `3.5`, or what the file says; null where it cannot be opened.
    pub storage_version: Option<String>,
    /// The version of the cluster that wrote it.
    pub cluster_version: Option<String>,
    /// Entries of all buckets.
    pub entries: Option<u64>,
    /// Members recorded.
    pub members: Option<u64>,
    /// The share of pages that no tree uses, in percent.
    pub free_percent: Option<u64>,
    /// What is wrong.
    pub findings: Vec<SnapshotFinding>,
}

/// Something that is wrong with a snapshot.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotFinding {
    /// The rule's id.
    pub rule: &'static str,
    /// The rule's name.
    pub name: &'static str,
    /// `error` or `warning`.
    pub severity: &'static str,
    /// Offset in the file; null where the file as a whole is meant.
    pub offset: Option<u64>,
    /// The bucket; null outside of one.
    pub bucket: Option<String>,
    /// What was found and what was expected.
    pub message: String,
}

/// What is in a snapshot.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotInspection {
    /// Bytes of the image.
    pub image_bytes: u64,
    /// Bytes of a page.
    pub page_bytes: u64,
    /// The revision that the store is at.
    pub revision: i64,
    /// The revision that history begins at; −1 where nothing was compacted.
    pub compact_revision: i64,
    /// The raft index applied last.
    pub consistent_index: Option<u64>,
    /// `3.4`, `3.5`, or what the file says.
    pub storage_version: String,
    /// The version of the cluster that wrote it.
    pub cluster_version: Option<String>,
    /// User keys alive.
    pub live_keys: u64,
    /// Older changes and deletes.
    pub history_entries: u64,
    /// Every bucket.
    pub buckets: Vec<SnapshotBucket>,
    /// Live keys by prefix.
    pub prefixes: Vec<SnapshotPrefix>,
    /// The largest live keys.
    pub largest: Vec<SnapshotKey>,
    /// Leases.
    pub leases: Vec<SnapshotLease>,
    /// Alarms that are raised.
    pub alarms: Vec<SnapshotAlarm>,
    /// Members recorded.
    pub members: Vec<SnapshotMember>,
    /// Ids of members that were removed.
    pub removed_members: u64,
    /// True where authentication is on.
    pub auth_enabled: bool,
    /// Users known to etcd.
    pub users: u64,
    /// Roles known to etcd.
    pub roles: u64,
}

/// A bucket.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotBucket {
    /// Its name.
    pub name: String,
    /// Its entries.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// Live keys of a prefix.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotPrefix {
    /// The prefix.
    pub prefix: String,
    /// Live keys.
    pub keys: u64,
    /// Bytes of their last values.
    pub bytes: u64,
}

/// A live key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotKey {
    /// The key.
    pub key: String,
    /// Bytes of its value.
    pub bytes: u64,
    /// The revision of its last change.
    pub revision: i64,
}

/// A lease.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotLease {
    /// Hex.
    pub id: String,
    /// Seconds that it was granted for.
    pub ttl_seconds: i64,
    /// Live keys on it.
    pub keys: u64,
}

/// An alarm.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotAlarm {
    /// The member that raised it, hex.
    pub member: String,
    /// `NOSPACE`, `CORRUPT`, or a number.
    pub alarm: String,
}

/// A member.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotMember {
    /// Hex.
    pub id: String,
    /// Its name; empty until it has started.
    pub name: String,
    /// Where other members reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it.
    pub client_urls: Vec<String>,
    /// True for a learner.
    pub learner: bool,
}
