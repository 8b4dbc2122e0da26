//! Everything the tool can change: the closed list of actions.
//!
//! Being one enum, describing, applying and undoing are matches that the compiler checks.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{ClientUrl, NodeName, PeerUrl};

use super::apiserver::{ApiserverTarget, EtcdUse, Repoint};
use super::certificates::{CaIssue, CaTarget, CrlWrite, LeafIssue, RequestIssue, RequestSign};
use super::cluster_restore::{
    DataSwap, RestoredCluster, StageData, StartPod, StopPod, WaitStopped,
};
use super::restore::RestoreDataDir;
use super::service::GiveFiles;
use super::snapshots::{RemoveSnapshot, RemoveUpload};
use super::step::Undo;

/// One kind of change or wait. Paths are those on the node, below its root.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Action {
    /// Creates the CA.
    MakeCa(CaIssue),
    /// Issues certificates, all in parallel.
    MakeLeaves {
        /// The certificates to be, in order.
        leaves: Vec<LeafIssue>,
    },
    /// Puts the CA's certificate beside the nodes' own.
    InstallCa {
        /// Where it goes.
        targets: Vec<CaTarget>,
    },
    /// Makes signing requests, with keys where there are none.
    MakeRequests {
        /// The requests to be, in order.
        requests: Vec<RequestIssue>,
    },
    /// Signs a request with the CA.
    SignRequest(RequestSign),
    /// Makes the CA's next revocation list.
    WriteCrl(CrlWrite),
    /// Copies a revocation list, DER, to a PEM file.
    CopyCrl {
        /// The list.
        from: PathBuf,
        /// The copy, mode 0644.
        path: PathBuf,
    },
    /// Writes a file that holds no secret.
    WriteFile(WriteFile),
    /// Creates the data directory of a member that is about to join.
    PrepareDataDir {
        /// The directory, mode 0700.
        path: PathBuf,
        /// The member it is for.
        member: JoinTarget,
    },
    /// Makes a member's data directory of a snapshot.
    RestoreDataDir(Box<RestoreDataDir>),
    /// Makes a member's new data beside the old.
    StageData(Box<StageData>),
    /// Sets a static pod's manifest aside.
    StopPod(StopPod),
    /// Tells a person to stop the member's service: etcdha runs no program.
    StopService {
        /// The commands, in order.
        commands: Vec<String>,
    },
    /// Waits until apiservers or members have ended.
    WaitStopped(WaitStopped),
    /// Moves a member's old data aside and the new data into its place.
    SwapData(Box<DataSwap>),
    /// Puts a static pod's manifest back.
    StartPod(StartPod),
    /// Waits until all members of a restored cluster serve.
    WaitRestored(RestoredCluster),
    /// Proves that they hold what the snapshot holds.
    ProveRestored(RestoredCluster),
    /// Lets the user that runs etcd read its keys and own its data.
    GiveFiles(GiveFiles),
    /// Tells a person to start the member's service: etcdha manages no services.
    StartService {
        /// The commands, in order.
        commands: Vec<String>,
    },
    /// Waits until somebody has started the service: it tries to join, and has made its directory.
    WaitTried {
        /// The data directory.
        path: PathBuf,
        /// Longest wait, in seconds.
        deadline_seconds: u64,
    },
    /// Adds a member that doesn't vote.
    AddLearner {
        /// The member to be.
        member: JoinTarget,
        /// True where an earlier run has listed it already: it is taken over, and removed like any
        /// other if it does not start.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        listed: bool,
    },
    /// Waits until the new member has started.
    WaitStarted {
        /// The member.
        member: JoinTarget,
        /// Longest wait, in seconds.
        deadline_seconds: u64,
    },
    /// Waits until the learner has caught up with the leader.
    WaitCaughtUp {
        /// The member.
        member: JoinTarget,
        /// Most raft entries it may be behind.
        max_lag: u64,
        /// Longest wait without progress, in seconds.
        deadline_seconds: u64,
        /// Shortest wait, in seconds. etcd takes the next member only once every voter has been
        /// connected for a while: better to wait for that before this one votes.
        #[serde(default, skip_serializing_if = "is_zero")]
        settle_seconds: u64,
    },
    /// Gives the learner its vote.
    Promote {
        /// The member.
        member: JoinTarget,
        /// Longest wait, in seconds.
        deadline_seconds: u64,
    },
    /// Proves that all members answer linearizable reads and hold the same data.
    VerifyMembers {
        /// How many voting members there must be.
        voters: usize,
    },
    /// Removes a stored snapshot.
    RemoveSnapshot(RemoveSnapshot),
    /// Removes what a killed upload of a snapshot left.
    RemoveUpload(RemoveUpload),
    /// Gives a kube-apiserver another manifest.
    RepointApiserver(Box<Repoint>),
    /// Waits until the pod of an apiserver's manifest runs, is ready and reaches its etcd.
    WaitApiserver {
        /// The apiserver.
        target: Box<ApiserverTarget>,
        /// The etcd it is to run with.
        etcd: EtcdUse,
        /// Its manifest.
        file: PathBuf,
        /// Longest wait, in seconds.
        deadline_seconds: u64,
    },
    /// Proves that what is written through an apiserver is in its etcd, and seen by the others.
    ProveWriteThrough {
        /// The apiserver.
        target: Box<ApiserverTarget>,
        /// Others of the same cluster, best first.
        others: Vec<ApiserverTarget>,
        /// The etcd it uses.
        etcd: EtcdUse,
        /// True where its manifest is the one it had before, so that there is none to go back to.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_same_manifest: bool,
    },
}

fn is_zero(seconds: &u64) -> bool {
    *seconds == 0
}

/// A member that joins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JoinTarget {
    /// Its name.
    pub name: NodeName,
    /// Where other members will reach it; finds it in the member list.
    pub peer_url: PeerUrl,
    /// Where clients will reach it.
    pub client_url: ClientUrl,
}

/// A file to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteFile {
    /// What it is, for people: `etcd.yaml (existing, 2 members)`.
    pub what: String,
    /// Where.
    pub path: PathBuf,
    /// Permission bits.
    pub mode: u32,
    /// The whole text.
    pub contents: String,
    /// What must be there now.
    pub expect: FileExpectation,
    /// The joining member that this file starts. Taking the file back then removes it whatever an
    /// earlier run left there, and only while that member does not vote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<JoinTarget>,
}

/// What a step counts on finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FileExpectation {
    /// No file.
    Absent,
    /// A file with this content.
    Sha256 {
        /// Lower-case hex.
        hash: String,
    },
}

impl FileExpectation {
    /// Expects exactly these contents.
    pub fn of(contents: &[u8]) -> Self {
        Self::Sha256 {
            hash: sha256(contents),
        }
    }
}

/// SHA-256 in lower-case hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Action {
    /// How far this action can be taken back.
    pub fn undo(&self) -> Undo {
        match self {
            // A CA that has signed must not be lost, whatever comes after.
            Self::MakeCa(_) => Undo::BestEffort("the new CA is kept"),
            Self::MakeLeaves { leaves } if leaves.iter().any(|leaf| leaf.replace) => {
                Undo::BestEffort("new certificates are kept")
            }
            Self::MakeLeaves { .. } | Self::InstallCa { .. } => Undo::Exact,
            Self::MakeRequests { requests } if requests.iter().any(|request| request.replace) => {
                Undo::BestEffort("new requests are kept")
            }
            Self::MakeRequests { .. } => Undo::Exact,
            Self::SignRequest(sign) if sign.replace => {
                Undo::BestEffort("the new certificate is kept")
            }
            Self::SignRequest(_) => Undo::Exact,
            Self::WriteCrl(_) => Undo::None("issue a new certificate instead"),
            Self::AddLearner { listed: true, .. } => Undo::BestEffort("it is removed"),
            Self::WriteFile(_) | Self::AddLearner { .. } => Undo::Exact,
            Self::PrepareDataDir { .. } | Self::RestoreDataDir(_) => Undo::Exact,
            Self::StageData(_) | Self::StopPod(_) | Self::SwapData(_) => Undo::Exact,
            Self::StopService { .. } => Undo::BestEffort("its service stays stopped"),
            Self::StartPod(StartPod {
                member: Some(_), ..
            }) => Undo::Exact,
            Self::StartPod(_) => Undo::None("it is left to run"),
            // From here on clients may write.
            Self::ProveRestored(_) => Undo::None("old data is kept"),
            Self::GiveFiles(_) => Undo::BestEffort("owners are kept"),
            Self::StartService { .. } => Undo::BestEffort("stop it by hand"),
            Self::Promote { .. } => Undo::None("remove it"),
            Self::RemoveSnapshot(_) | Self::RemoveUpload(_) => Undo::None("it is gone"),
            Self::RepointApiserver(_) => Undo::Exact,
            // Going back restarts an apiserver, and must wait for each as going forward does.
            Self::ProveWriteThrough {
                is_same_manifest: true,
                ..
            } => Undo::None("it is left to run"),
            Self::ProveWriteThrough { .. } => Undo::None("etcdha apiserver rollback"),
            // A copy says what its list says, whatever becomes of the rest of the plan.
            Self::CopyCrl { .. }
            | Self::WaitTried { .. }
            | Self::WaitStarted { .. }
            | Self::WaitCaughtUp { .. }
            | Self::WaitApiserver { .. }
            | Self::WaitStopped(_)
            | Self::WaitRestored(_)
            | Self::VerifyMembers { .. } => Undo::Nothing,
        }
    }
}
