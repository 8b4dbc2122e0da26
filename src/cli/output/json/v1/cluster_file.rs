//! `etcdha init`.

use serde::Serialize;

/// The cluster file that was written, or would be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterFile {
    /// Where it stands.
    pub file: String,
    /// False for a dry run.
    pub written: bool,
    /// Manifests that were read, as paths on the host.
    pub manifests: Vec<String>,
    /// How many certificates were read.
    pub certificates: usize,
    /// What could not be taken over as it is.
    pub notes: Vec<String>,
    /// What should be looked at.
    pub warnings: Vec<String>,
    /// The text.
    pub content: String,
}
