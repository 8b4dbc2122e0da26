//! The journal of an applied plan: what was to be done, what was done, when, and what it left.
//!
//! Written before and after each step, so that after a kill the file says at most one step less
//! than what happened. It holds no secret: plans contain none.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sys::files::{self, FileError};

use super::step::{Outcome, Plan};

/// A receipt on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// `etcdha.dev/v1`.
    pub api_version: String,
    /// `Receipt`.
    pub kind: String,
    /// The version of etcdha that wrote it.
    pub etcdha: String,
    /// When the plan was begun.
    pub started_at: Timestamp,
    /// The command line, without the program's name and without secrets.
    pub arguments: Vec<String>,
    /// The directory the command ran in.
    pub directory: PathBuf,
    /// How it ended; absent while it runs or after a kill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The plan.
    pub plan: Plan,
    /// One record a step.
    pub steps: Vec<StepRecord>,
}

/// What became of a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// Where it stands.
    pub state: StepState,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// What undoing needs.
    #[serde(default)]
    pub outcome: Outcome,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// Not begun.
    #[default]
    Pending,
    /// Begun; after a kill it may or may not have taken effect.
    Started,
    /// Finished.
    Done,
    /// Ended with an error.
    Failed,
    /// Taken back.
    Undone,
}

/// Why a receipt can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// It can't be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no receipt of this tool.
    #[error("{path} is no receipt: {reason}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl StepState {
    /// True where the step may have had an effect.
    pub fn has_begun(self) -> bool {
        matches!(self, Self::Started | Self::Done | Self::Failed)
    }

    /// True where it has come to its end.
    pub fn is_done(self) -> bool {
        self == Self::Done
    }
}

impl Receipt {
    /// Begins a receipt for `plan`.
    pub fn new(plan: Plan, arguments: Vec<String>, directory: PathBuf, now: Timestamp) -> Self {
        Self {
            api_version: "etcdha.dev/v1".into(),
            kind: "Receipt".into(),
            etcdha: env!("CARGO_PKG_VERSION").into(),
            started_at: now,
            arguments,
            directory,
            result: None,
            steps: vec![StepRecord::default(); plan.steps.len()],
            plan,
        }
    }

    /// The file name: sorts by time and says what was done.
    pub fn file_name(&self) -> String {
        let time = self.started_at.strftime("%Y-%m-%dT%H-%M-%S%.3fZ");
        let words = self.plan.command.split_whitespace();
        let words: Vec<_> = words.map(|word| word.trim_start_matches('-')).collect();
        format!("{time}-{}.json", words.join("-"))
    }

    /// Writes it, whole, mode 0600.
    pub fn store(&self, path: &Path) -> Result<(), ReceiptError> {
        let json = serde_json::to_vec_pretty(self).map_err(|error| ReceiptError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(files::write_atomic(path, &json, 0o600)?)
    }

    /// Reads one.
    pub fn load(path: &Path) -> Result<Self, ReceiptError> {
        let bytes = files::read(path)?;
        let fail = |reason: String| ReceiptError::Unreadable {
            path: path.to_owned(),
            reason,
        };
        let receipt: Self =
            serde_json::from_slice(&bytes).map_err(|error| fail(error.to_string()))?;
        if receipt.kind != "Receipt" || receipt.api_version != "etcdha.dev/v1" {
            return Err(fail(format!(
                "found {} {}",
                receipt.api_version, receipt.kind
            )));
        }
        if receipt.steps.len() != receipt.plan.steps.len() {
            return Err(fail("its records do not match its steps".into()));
        }
        Ok(receipt)
    }

    /// True where the plan did not come to an end.
    pub fn is_unfinished(&self) -> bool {
        self.result.is_none()
    }
}
