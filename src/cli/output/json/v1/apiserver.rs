//! `etcdha apiserver`.

use serde::Serialize;

/// What is true once apiservers were repointed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiserverRepointResult<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// `apiserver repoint` or `apiserver rollback`.
    pub command: &'a str,
    /// Every apiserver that was meant.
    pub apiservers: Vec<RepointedApiserver<'a>>,
    /// Where the receipt is; none where there was nothing to do.
    pub receipt: Option<&'a str>,
}

/// One of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepointedApiserver<'a> {
    /// The node.
    pub node: &'a str,
    /// Its `--etcd-servers`.
    pub etcd_servers: &'a [String],
    /// False where it was so already.
    pub changed: bool,
    /// What was proven.
    pub proof: Option<&'a str>,
}

/// The apiservers of a cluster.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiserverStatus<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// The cluster's id, hex.
    pub cluster_id: Option<String>,
    /// True where nothing is wrong.
    pub healthy: bool,
    /// Every apiserver of the cluster file.
    pub apiservers: Vec<Apiserver>,
    /// Voting members of etcd that none of them uses.
    pub unused_members: &'a [String],
    /// Who leads among schedulers and controller managers.
    pub leases: Vec<Leader>,
    /// What is wrong, one line each.
    pub problems: &'a [String],
}

/// One apiserver.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Apiserver {
    /// The node.
    pub node: String,
    /// Where it answers.
    pub url: String,
    /// True where it is live, ready and reaches etcd.
    pub ready: bool,
    /// Why it is not.
    pub not_ready_because: Option<String>,
    /// Its release.
    pub version: Option<String>,
    /// `--etcd-servers` on disk.
    pub etcd_servers: Option<Vec<String>>,
    /// `--etcd-servers` of its process.
    pub running_etcd_servers: Option<Vec<String>>,
    /// What is wrong with its manifest.
    pub complaint: Option<String>,
}

/// Who holds a lease.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leader {
    /// The lease's name.
    pub lease: String,
    /// The holder's identity.
    pub holder: Option<String>,
    /// The holder's host.
    pub node: Option<String>,
    /// When it was last renewed.
    pub renewed: Option<String>,
    /// True where nobody has renewed it for longer than it counts.
    pub abandoned: Option<bool>,
    /// Why it could not be read.
    pub unknown_because: Option<String>,
}
