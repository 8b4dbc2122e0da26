//! `snapshot restore --cluster`: every member of a cluster from one snapshot, as one plan.
//!
//! What is looked at is in `observe.rs` and `etcd_pod.rs`, what refuses it in `preflight.rs`, what is
//! made on every host in `stages.rs`, the order of steps in `plan.rs`.
//!
//! A restore is known by the ids that the snapshot, the first revision and the members give its
//! cluster: they tell on every host whether what lies there is this restore's. Once the members have
//! proven what they hold, every node bears a mark that says so; from then on the old data is not put
//! back, and the snapshot is not restored a second time under the same ids.

mod etcd_pod;
mod notes;
mod observe;
mod observed;
mod plan;
mod preflight;
mod stages;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{ClusterSpec, MemberSpec, NodeName};

pub use observe::{ObserveError, observe, observe_snapshot};
pub use observed::{
    EtcdPod, FoundEtcd, How, LivingMember, Observed, ObservedApiserver, ObservedData,
    ObservedMember, SeenSnapshot,
};
pub use plan::{Planned, plan};
pub use preflight::REFUSALS;

/// How far revisions are moved on unless told otherwise: etcd's own advice, more than any cluster writes
/// between two snapshots, and room for nine billion such restores.
pub const BUMP: u64 = 1_000_000_000;

/// What the operator wishes.
#[derive(Clone, Debug)]
pub struct ClusterRestoreRequest {
    /// The cluster file.
    pub spec: ClusterSpec,
    /// The snapshot file, on this machine.
    pub snapshot: PathBuf,
    /// The plain file, where it is another than the one of that name: fetched, or unpacked.
    pub opened: Option<Arc<File>>,
    /// Members that are lost for good: they do not belong to the new cluster.
    pub without: Vec<NodeName>,
    /// How far the revision is moved on.
    pub bump: u64,
    /// Whether a snapshot without its right digest is taken.
    pub skip_hash_check: bool,
    /// Whether a snapshot of a newer release is taken.
    pub allow_newer: bool,
    /// Whether a cluster that lives is replaced.
    pub replace_living: bool,
    /// Longest wait for programs to end, for members to serve, and for each apiserver, in seconds.
    pub wait_seconds: u64,
    /// The operator's kubeconfig.
    pub kubeconfig: Option<PathBuf>,
    /// Where copies of files are kept, on each node.
    pub backup_dir: PathBuf,
}

impl ClusterRestoreRequest {
    /// True for a member that is lost for good.
    pub fn is_left_out(&self, name: &NodeName) -> bool {
        self.without.contains(name)
    }

    /// The members of the new cluster, in the file's order.
    pub fn members(&self) -> impl Iterator<Item = &MemberSpec> {
        let members = self.spec.etcd_members();
        members.filter(|member| !self.is_left_out(&member.name))
    }
}
