//! `snapshot restore`: the data directory of one member of a new cluster, made of a snapshot.
//!
//! Members are restored one by one, perhaps on hosts that don't see each other, and have to agree. All
//! that they have to agree on comes from the request and the file: the token that is made here
//! names the snapshot and the first revision, so members that were restored from different files, or
//! with different bumps, are of different clusters and refuse each other.

mod observe;
mod plan;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::EtcdVersion;
use crate::node::LocalNode;
use crate::plan::FoundingPeer;

pub use observe::{
    Digest, ObserveError, Observed, ObservedPlace, ObservedSnapshot, Occupancy, observe,
};
pub(super) use observe::{owner, place, self_ids, snapshot};
pub(super) use plan::room;
pub use plan::{RestoredIds, ids, is_done, order, plan, token};

/// What the operator wishes.
#[derive(Clone, Debug)]
pub struct RestoreRequest {
    /// The snapshot's name, as the operator gave it.
    pub snapshot: PathBuf,
    /// The plain file, where it is another than the one of that name: fetched, or unpacked.
    pub opened: Option<Arc<File>>,
    /// The node that the member runs on.
    pub node: LocalNode,
    /// Name of the member.
    pub member: String,
    /// All members of the new cluster, this one included.
    pub members: Vec<FoundingPeer>,
    /// The cluster token; none makes one of the snapshot.
    pub token: Option<String>,
    /// The data directory on the node.
    pub data_dir: PathBuf,
    /// The directory of the write-ahead log, where it has one of its own.
    pub wal_dir: Option<PathBuf>,
    /// How far the revision is moved on.
    pub bump: Option<u64>,
    /// Whether a snapshot without its right digest is taken.
    pub skip_hash_check: bool,
    /// The release of etcd that will run on it, where that is known.
    pub version: Option<EtcdVersion>,
    /// Whether a snapshot of a newer release is taken.
    pub allow_newer: bool,
    /// Whose the files will be.
    pub owner: OwnerWish,
}

/// Whose the files will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerWish {
    /// Whoever owns the directory now or, where it is not there, the one that holds it.
    AsFound,
    /// A user, and a group or else the user's own.
    Named {
        /// Name or number.
        user: String,
        /// Name or number.
        group: Option<String>,
    },
}
