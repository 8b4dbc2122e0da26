//! `apiserver repoint` and `apiserver rollback`: one apiserver after the other is given another
//! manifest, and proves that it works before the next one's turn.
//!
//! What is looked at is in `observe.rs` and `etcd.rs`, the manifest to be in `wanted.rs`, what refuses it in
//! `preflight.rs`, the order of steps in `plan.rs`.

mod etcd;
mod history;
mod observe;
mod observed;
mod plan;
mod preflight;
#[cfg(test)]
mod tests;
mod wanted;

pub(crate) use wanted::label;

pub use history::LastRepoint;
pub use observe::{ObserveError, observe};
pub use observed::{Answer, Migration, Observed, ObservedNode, Serving, Wanted};
pub use plan::plan;
pub use preflight::REFUSALS;

use std::path::PathBuf;

use crate::model::{ClientUrl, ClusterSpec, NodeName, Topology};

/// What the operator wishes.
#[derive(Clone, Debug)]
pub struct RepointRequest {
    /// The cluster file.
    pub spec: ClusterSpec,
    /// The nodes whose apiservers are meant, in order.
    pub names: Vec<NodeName>,
    /// Which etcd they shall use.
    pub wish: Wish,
    /// The files they shall use; what is absent is looked up.
    pub files: FileWish,
    /// Members that have their vote before the first apiserver's turn: earlier steps of the same plan
    /// add them. What they will answer can't be looked at yet.
    pub joining: Vec<NodeName>,
    /// Accept another cluster that holds the same data.
    pub migrate: bool,
    /// Longest wait for an apiserver, in seconds.
    pub wait_seconds: u64,
    /// The operator's kubeconfig.
    pub kubeconfig: Option<PathBuf>,
    /// Where receipts of earlier runs are.
    pub receipts: PathBuf,
    /// Where earlier runs kept copies of manifests, on each node.
    pub backup_dir: PathBuf,
}

/// Which etcd an apiserver shall use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Every voting member that stays, the node's own first.
    LocalFirst,
    /// Every voting member that stays, in the file's order.
    All,
    /// The node's own member alone.
    Local,
    /// These servers.
    Urls(Vec<ClientUrl>),
    /// What it used before it was last repointed.
    Previous,
}

impl Wish {
    /// What a topology wants: the own member first where there is one.
    pub fn of(topology: Topology) -> Self {
        match topology {
            Topology::Stacked => Self::LocalFirst,
            Topology::External => Self::All,
        }
    }

    /// The command that has such a wish.
    pub fn command(&self) -> &'static str {
        match self {
            Self::Previous => "apiserver rollback",
            _ => "apiserver repoint",
        }
    }

    /// True where the member list of the living cluster tells the servers.
    pub fn needs_members(&self) -> bool {
        matches!(self, Self::LocalFirst | Self::All | Self::Local)
    }
}

/// Files as paths on the hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileWish {
    /// The CA that etcd's servers are verified with.
    pub ca_file: Option<PathBuf>,
    /// The client certificate.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
}
