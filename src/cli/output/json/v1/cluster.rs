//! `etcdha status` and `etcdha member list`.

use serde::Serialize;

use super::{Apiserver, Leader};

/// The cluster at a glance.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// The name in the cluster file.
    pub name: Option<String>,
    /// The cluster's id, hex.
    pub cluster_id: String,
    /// Releases the members run.
    pub versions: Vec<String>,
    /// Highest revision any member reports.
    pub revision: Option<i64>,
    /// True where nothing is wrong.
    pub healthy: bool,
    /// Members that may fail while writes go on.
    pub tolerates_failures: usize,
    /// Every member.
    pub members: Vec<Member>,
    /// The apiservers of the cluster file whose manifests are within reach.
    pub apiservers: Vec<Apiserver>,
    /// Who leads among schedulers and controller managers, where there are apiservers.
    pub leases: Vec<Leader>,
    /// What is wrong, one line each.
    pub problems: Vec<String>,
}

/// The members of a cluster.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberList {
    /// The cluster's id, hex.
    pub cluster_id: String,
    /// Every member.
    pub members: Vec<Member>,
}

/// One member.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Its name, or its id while it has not started.
    pub name: String,
    /// Its id, hex.
    pub id: String,
    /// `leader`, `voter` or `learner`.
    pub role: &'static str,
    /// True once it has started.
    pub started: bool,
    /// True where it answers and reaches a quorum.
    pub healthy: bool,
    /// Why it is not healthy.
    pub complaint: Option<String>,
    /// Peer URLs.
    pub peer_urls: Vec<String>,
    /// Client URLs.
    pub client_urls: Vec<String>,
    /// Its release.
    pub version: Option<String>,
    /// Size of the database file in bytes.
    pub db_size_bytes: Option<u64>,
    /// Bytes of it in use.
    pub db_in_use_bytes: Option<u64>,
    /// Last raft index it knows of.
    pub raft_index: Option<u64>,
    /// Raft term.
    pub raft_term: Option<u64>,
    /// Raft entries it is behind the leader.
    pub lag_entries: Option<u64>,
    /// Time of a linearizable read in milliseconds.
    pub read_millis: Option<f64>,
    /// Days until its serving certificate ends.
    pub certificate_days: Option<i64>,
    /// Raised alarms.
    pub alarms: Vec<String>,
}

/// What is true once members were added.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberAddResult<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// The members that were added.
    pub added: &'a [String],
    /// Voting members now.
    pub voters: usize,
    /// Members that may fail while writes go on.
    pub tolerates_failures: usize,
    /// What the last step proved.
    pub proof: Option<&'a str>,
    /// Longest time without a committed read in milliseconds.
    pub longest_pause_millis: f64,
    /// Where the receipt is.
    pub receipt: Option<&'a str>,
}
