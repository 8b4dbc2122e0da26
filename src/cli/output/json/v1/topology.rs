//! `etcdha topology`.

use serde::Serialize;

use super::RepointedApiserver;

/// What is true once etcd has moved.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TopologyMoveResult<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// `stacked` or `external`.
    pub topology: &'a str,
    /// Voting members.
    pub voters: usize,
    /// How many of them may fail.
    pub tolerates_failures: usize,
    /// Longest time without a successful read through consensus, in milliseconds.
    pub longest_pause_millis: f64,
    /// Every apiserver.
    pub apiservers: Vec<RepointedApiserver<'a>>,
    /// Members on their way out that vote yet.
    pub still_voting: &'a [String],
    /// Where the receipt is; none where there was nothing to do.
    pub receipt: Option<&'a str>,
}
