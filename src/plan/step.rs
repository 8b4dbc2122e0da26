//! Steps, what they leave behind, and the plan they make up.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{MemberId, NodeName};

use super::action::Action;

/// An ordered list of steps with what was found out before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The command that made it, such as `member add`.
    pub command: String,
    /// One line: what the plan is for and where the cluster stands.
    pub headline: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What was looked at and found in order.
    pub checked: Vec<String>,
    /// What the operator should know before saying yes.
    pub notes: Vec<String>,
}

impl Plan {
    /// True where there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Every node that the steps change something on, and `all` where a step is about the cluster.
    pub fn nodes(&self) -> BTreeSet<&str> {
        self.steps.iter().flat_map(Step::nodes).collect()
    }
}

/// One change or one wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The node it happens on, or `all`.
    pub on: String,
    /// What is done.
    pub action: Action,
    /// Voting members once it is done, where membership matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voters: Option<VotersAfter>,
}

impl Step {
    fn nodes(&self) -> Vec<&str> {
        match &self.action {
            Action::MakeLeaves { leaves } => leaves.iter().map(|leaf| leaf.on.as_str()).collect(),
            Action::InstallCa { targets } => targets.iter().map(|ca| ca.on.as_str()).collect(),
            Action::MakeRequests { requests } => {
                requests.iter().map(|request| request.on.as_str()).collect()
            }
            _ => vec![self.on.as_str()],
        }
    }
}

/// The voting members after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VotersAfter {
    /// How many vote.
    pub voters: usize,
    /// How many may fail.
    pub tolerates: usize,
}

/// How far a step can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo {
    /// It changes nothing.
    Nothing,
    /// The state before is restored.
    Exact,
    /// Something may remain; the text says what.
    BestEffort(&'static str),
    /// There is no way back; the text says what to do instead.
    None(&'static str),
}

/// What a finished step left behind that undoing it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing to remember.
    #[default]
    Plain,
    /// A file was created.
    Created {
        /// SHA-256 of what was written, so that undoing never removes something else.
        sha256: String,
    },
    /// A file was replaced; the old one is kept.
    Replaced {
        /// Where the old contents are, on the same node.
        backup: std::path::PathBuf,
        /// SHA-256 of what was written.
        sha256: String,
    },
    /// It was so already.
    Unchanged,
    /// Several files were created.
    CreatedFiles {
        /// The files, in the order of writing.
        paths: Vec<std::path::PathBuf>,
        /// What is otherwise than it was asked for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    },
    /// A member was restored.
    Restored {
        /// The HashKV that it will answer.
        hash_kv: u32,
        /// The revision of that.
        revision: i64,
    },
    /// A learner was added.
    Learner {
        /// Its id.
        id: MemberId,
    },
    /// Something was measured; the text is for people.
    Noted {
        /// What was found.
        text: String,
    },
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] crate::sys::files::FileError),
    /// etcd refused or did not answer.
    #[error(transparent)]
    Cluster(#[from] crate::cluster::ClusterError),
    /// A key or certificate could not be made.
    #[error(transparent)]
    Pki(Box<dyn std::error::Error + Send + Sync>),
    /// No database could be made of a snapshot.
    #[error(transparent)]
    Restore(#[from] crate::snapshot::restore::RestoreError),
    /// A store of snapshots refused or did not answer.
    #[error(transparent)]
    Store(#[from] crate::s3::S3Error),
    /// What the plan expected to find has changed since.
    #[error("{what} changed since the plan was made: expected {expected}, found {found}")]
    Moved {
        /// The file or member.
        what: String,
        /// What the plan counted on.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A wait came to its end.
    #[error("{what} did not happen within {seconds} s: {last}")]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
        /// What was last seen.
        last: String,
    },
    /// A member was given everything and did not start.
    #[error("the start of {member} did not happen within {seconds} s: {last}")]
    NotStarted {
        /// The member.
        member: NodeName,
        /// How long it was waited for.
        seconds: u64,
        /// What was last seen.
        last: String,
    },
    /// The plan names a node, a CA or an access that this run doesn't have.
    #[error("{0}")]
    Missing(String),
}
