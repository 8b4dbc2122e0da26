//! The input of a check: what was found on each node, and what should be there.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::model::NodeName;
use crate::pki::inspect::{CLIENT_AUTH, CertificateFacts, SERVER_AUTH};

/// What a pair of certificate and key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairUse {
    /// The CA of etcd.
    Ca,
    /// What etcd shows to clients, and to itself: its gRPC gateway dials its own listener.
    Server,
    /// What members show to each other, in both directions.
    Peer,
    /// What a client of etcd shows.
    Client,
}

impl PairUse {
    /// The extended key usages that the use needs.
    pub fn usages(self) -> &'static [&'static str] {
        match self {
            Self::Ca => &[],
            Self::Server | Self::Peer => &[SERVER_AUTH, CLIENT_AUTH],
            Self::Client => &[CLIENT_AUTH],
        }
    }

    /// True where others dial the host that holds the certificate, so that its names count.
    pub fn is_dialled(self) -> bool {
        matches!(self, Self::Server | Self::Peer)
    }
}

impl fmt::Display for PairUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ca => "CA",
            Self::Server => "server",
            Self::Peer => "peer",
            Self::Client => "client",
        })
    }
}

/// A pair that should be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedPair {
    /// What it is for.
    pub used_as: PairUse,
    /// The certificate's file, spelt like the paths of the files found.
    pub cert: PathBuf,
    /// The key's file. That of a CA may be absent from the tree.
    pub key: PathBuf,
    /// DNS names and addresses, beyond the node's own, that the certificate must carry.
    pub extra_names: Vec<String>,
}

/// A file that was found.
#[derive(Clone)]
pub struct TreeFile {
    /// Its path, as findings are to show it.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its bytes, or why they could not be read.
    pub contents: Result<Zeroizing<Vec<u8>>, String>,
}

impl fmt::Debug for TreeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TreeFile")
            .field("path", &self.path)
            .field("mode", &format_args!("{:04o}", self.mode))
            .finish_non_exhaustive()
    }
}

/// One node's files and what is expected of them.
#[derive(Clone, Debug, Default)]
pub struct NodeTree {
    /// The node; absent where a directory is checked by itself.
    pub node: Option<NodeName>,
    /// The files found.
    pub files: Vec<TreeFile>,
    /// The pairs that should be there.
    pub expected: Vec<ExpectedPair>,
    /// The node's addresses, the advertised one first; empty where unknown.
    pub addresses: Vec<IpAddr>,
    /// True where the CA's key belongs here.
    pub keeps_ca_key: bool,
    /// The user who must own the keys, where one is demanded.
    pub key_owner: Option<u32>,
}

/// What to check.
#[derive(Clone, Debug)]
pub struct CheckRequest {
    /// The nodes; one without a name for a plain directory.
    pub nodes: Vec<NodeTree>,
    /// The CAs that must have signed everything; empty to trust each tree's own CA.
    pub trusted: Vec<CertificateFacts>,
    /// The present.
    pub now: Timestamp,
    /// Days before the end at which a certificate is reported.
    pub warn_days: i64,
}
