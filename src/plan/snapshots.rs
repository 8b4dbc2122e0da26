//! What plans do with stored snapshots.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A snapshot that goes, and its record with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveSnapshot {
    /// The file.
    pub path: PathBuf,
    /// When it was taken, by its record: another one of that name is not what was meant.
    pub taken_at: Timestamp,
}
