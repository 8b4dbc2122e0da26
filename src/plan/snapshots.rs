//! What plans do with stored snapshots.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::SnapshotPlace;

/// A snapshot that goes, and its record with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveSnapshot {
    /// The file or object.
    pub path: SnapshotPlace,
    /// When it was taken, by its record: another one of that name is not what was meant.
    pub taken_at: Timestamp,
}

/// An upload that was killed: its parts go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveUpload {
    /// The object that it would have been.
    pub path: SnapshotPlace,
    /// Its id.
    pub id: String,
    /// When it was begun.
    pub begun: Timestamp,
}
