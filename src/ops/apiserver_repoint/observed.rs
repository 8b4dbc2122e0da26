//! The facts that repointing decides on.

use std::collections::BTreeSet;

use crate::apiserver::EtcdFlags;
use crate::model::{ClientUrl, ClusterId, NodeName, Revision};
use crate::ops::Refusal;
use crate::ops::apiserver_nodes::{FileTrouble, FoundManifest, ManifestSays};
use crate::plan::ApiserverTarget;

use super::history::LastRepoint;

/// Everything that was looked at.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The nodes to repoint.
    pub nodes: Vec<ObservedNode>,
    /// The apiservers of other nodes that are ready.
    pub others: Vec<ApiserverTarget>,
    /// Members of the cluster file that are no voting members yet, so no apiserver can use them.
    pub left_out: Vec<String>,
    /// Voting members on their way out, which no apiserver shall use any more.
    pub leaving: Vec<String>,
}

/// A node and its apiserver.
#[derive(Clone, Debug)]
pub struct ObservedNode {
    /// Its name.
    pub name: NodeName,
    /// Its manifest.
    pub manifest: FoundManifest,
    /// The manifest to be; absent where there is none to begin with, or nothing to go back to.
    pub wanted: Option<Result<Wanted, Refusal>>,
    /// The cluster it serves now.
    pub serving: Serving,
    /// The apiserver, where it is known how to ask it.
    pub target: Option<ApiserverTarget>,
    /// Whether it is ready, or why not.
    pub ready: Result<(), String>,
    /// The etcd flags of its process, where that can be seen.
    pub running: Option<EtcdFlags>,
    /// Hashes (16 digits) of manifests that did not come up here.
    pub crashed: BTreeSet<String>,
    /// The last time it was repointed.
    pub last: Option<LastRepoint>,
    /// How the data of another cluster compares, where that was asked for.
    pub migration: Option<Result<Migration, String>>,
}

/// A manifest to be, and how its etcd answers.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its text.
    pub text: String,
    /// What it says.
    pub says: ManifestSays,
    /// Its etcd for people, such as `m1 m2 m3`.
    pub label: String,
    /// What keeps its files from being read inside the pod.
    pub troubles: Vec<(String, FileTrouble)>,
    /// What each server answers to the very files that the apiserver will use.
    pub answers: Vec<(ClientUrl, Result<Answer, String>)>,
    /// Servers of `--etcd-servers-overrides` that do not answer to them.
    pub silent_overrides: Vec<(String, String)>,
}

/// What an etcd server says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its cluster.
    pub cluster_id: ClusterId,
    /// True where it is no member yet, and a present one answered to the same files instead.
    pub is_promised: bool,
    /// True where it does not vote, and so serves no reads through consensus.
    pub is_learner: bool,
}

/// The cluster whose data an apiserver serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serving {
    /// This one.
    Cluster(ClusterId),
    /// Its etcd does not answer, but all its servers are members of the cluster to be.
    MemberOf(ClusterId),
    /// Its etcd does not answer.
    Unknown(String),
}

/// How the data of two clusters compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The revision that was compared: the new cluster's.
    pub revision: Revision,
    /// True where both have the same data at it.
    pub is_equal: bool,
    /// Revisions the old one has beyond it, which will be left behind.
    pub left_behind: i64,
    /// What was written or removed by them that does not renew itself: it would be lost.
    pub lost: Vec<String>,
}

impl Wanted {
    /// The cluster of the first server that answers.
    pub fn cluster_id(&self) -> Option<ClusterId> {
        let mut answers = self
            .answers
            .iter()
            .filter_map(|(_, answer)| answer.as_ref().ok());
        answers.next().map(|answer| answer.cluster_id)
    }
}

impl ObservedNode {
    /// True where nothing has to be done: the manifest is as it shall be, and its apiserver runs
    /// with it, as far as can be seen.
    pub fn is_settled(&self) -> bool {
        let (FoundManifest::One(found), Some(Ok(wanted))) = (&self.manifest, &self.wanted) else {
            return false;
        };
        let interrupted = self.last.as_ref().is_some_and(|last| !last.is_proven);
        let flags = &wanted.says.etcd.flags;
        let runs_it = match &self.running {
            Some(running) => running == flags,
            None => !interrupted,
        };
        found.text == wanted.text && self.ready.is_ok() && runs_it
    }
}
