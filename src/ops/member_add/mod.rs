//! `member add`: grows a living cluster with existing-state joins, data in place.
//!
//! The order of steps is in `plan.rs`, those of members under systemd in `services.rs`, what refuses it
//! in `preflight.rs`, what is looked at in `observe.rs`. All additions are planned before the first is
//! begun, because two voters are worse than one.

mod observe;
mod observed;
mod plan;
mod preflight;
mod services;
#[cfg(test)]
mod tests;

pub use observe::{Looked, ObserveError, observe};
pub use observed::{CaFileState, Observed, ObservedService, ObservedTarget, PortState};
pub use plan::plan;
pub use preflight::REFUSALS;

use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::model::{ClusterSpec, NodeName};

/// What the operator wishes.
#[derive(Clone, Debug)]
pub struct MemberAddRequest {
    /// The cluster file.
    pub spec: ClusterSpec,
    /// The members to add, in order.
    pub names: Vec<NodeName>,
    /// Most raft entries a learner may be behind when it is promoted.
    pub max_lag: u64,
    /// Longest wait for a member to start, and for progress while it catches up, in seconds.
    pub wait_seconds: u64,
    /// Accept two voters at the end, which are worse than one.
    pub allow_two: bool,
    /// Passphrase of the CA's key, where it is encrypted.
    pub passphrase: Option<Zeroizing<String>>,
    /// Replace certificates on the new hosts that are not valid for them.
    pub replace_certificates: bool,
    /// Where earlier runs kept copies of manifests, on each host.
    pub backup_dir: PathBuf,
}
