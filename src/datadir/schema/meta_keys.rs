//! The keys of the bucket `meta`, and the configuration that raft was in.

use serde::{Deserialize, Serialize};

/// A key of the bucket `meta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaKey {
    /// The raft index applied last, 8 bytes big-endian.
    ConsistentIndex,
    /// The revision that a compaction was begun for, a revision key; absent before the first one.
    ScheduledCompactRev,
    /// The revision that a compaction was finished for; absent before the first one.
    FinishedCompactRev,
    /// The raft term of the index, 8 bytes big-endian; from 3.5.
    Term,
    /// A [`ConfState`] as JSON; from 3.5.
    ConfState,
    /// The version of the storage, such as `3.6.0`; from 3.6.
    StorageVersion,
}

impl MetaKey {
    /// The key in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConsistentIndex => "consistent_index",
            Self::ScheduledCompactRev => "scheduledCompactRev",
            Self::FinishedCompactRev => "finishedCompactRev",
            Self::Term => "term",
            Self::ConfState => "confState",
            Self::StorageVersion => "storageVersion",
        }
    }

    /// The key in the file, as bytes.
    pub fn as_bytes(self) -> &'static [u8] {
        self.as_str().as_bytes()
    }
}

/// Who votes in raft (`raftpb.ConfState`, as etcd writes it into `meta`). Ids are exact 64-bit numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfState {
    /// Voters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub voters: Vec<u64>,
    /// Learners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learners: Vec<u64>,
    /// The voters before, while a change is under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub voters_outgoing: Vec<u64>,
    /// Voters that become learners when the change is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learners_next: Vec<u64>,
    /// True where the change ends by itself.
    #[serde(default)]
    pub auto_leave: bool,
}
