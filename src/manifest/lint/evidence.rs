//! What the caller knows of the host a manifest is for.
//!
//! Paths are the host's own, absolute, whatever directory the host is mounted under here. What is
//! absent from a map is unknown, and the rules that need it are skipped.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::model::{ClusterId, Host, MemberId};

/// Facts about the host of one manifest.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Files and directories.
    pub paths: BTreeMap<String, PathFact>,
    /// Certificate files; an error says why a file holds none.
    pub certificates: BTreeMap<String, Result<CertificateFact, String>>,
    /// Whether the first file's certificate was signed by one in the second file.
    pub signatures: BTreeMap<(String, String), bool>,
    /// Whether the first file's certificate belongs to the second file's key.
    pub key_pairs: BTreeMap<(String, String), bool>,
    /// Data directories.
    pub data_dirs: BTreeMap<String, DataDirFact>,
    /// The manifest's own permission bits.
    pub mode: Option<u32>,
    /// Other files of the same manifest directory that hold a pod, by file name and pod name.
    pub siblings: Vec<Sibling>,
    /// The time to judge validity at.
    pub now: Option<Timestamp>,
    /// The cluster this member belongs to, where the caller knows it from the living members.
    pub cluster: Option<ClusterId>,
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFact {
    /// Nothing.
    Missing,
    /// A regular file with these permission bits.
    File {
        /// Permission bits.
        mode: u32,
    },
    /// A directory.
    Directory,
    /// A socket, a device or the like.
    Other,
}

/// What matters of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFact {
    /// DNS names of the subject alternative names.
    pub dns_names: Vec<String>,
    /// IP addresses of the subject alternative names.
    pub ip_addresses: Vec<IpAddr>,
    /// True when TLS servers may use it: the extended key usage says so or is absent.
    pub server_auth: bool,
    /// True when TLS clients may use it: the extended key usage says so or is absent.
    pub client_auth: bool,
    /// True when every certificate of the file is a CA.
    pub is_ca: bool,
    /// Start of its validity.
    pub not_before: Timestamp,
    /// End of its validity.
    pub not_after: Timestamp,
    /// Identifies the file's certificates: equal files, equal text.
    pub fingerprint: String,
}

/// What a data directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataDirFact {
    /// The directory is absent or empty: etcd starts anew.
    Fresh,
    /// A member's data: etcd goes on as that member and ignores the initial cluster.
    Member(Option<MemberIdentity>),
}

/// Who wrote a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberIdentity {
    /// The cluster.
    pub cluster: ClusterId,
    /// The member.
    pub member: MemberId,
}

/// Another manifest beside a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sibling {
    /// Its file name.
    pub file: String,
    /// Its pod's name.
    pub pod: String,
}

impl CertificateFact {
    /// True when the subject alternative names hold `host`, wildcards included.
    pub(super) fn covers(&self, host: &Host) -> bool {
        match host {
            Host::Ip(ip) => self.ip_addresses.contains(ip),
            Host::Dns(name) => self.dns_names.iter().any(|known| matches_name(known, name)),
        }
    }

    pub(super) fn names(&self) -> String {
        let addresses = self.ip_addresses.iter().map(ToString::to_string);
        let names: Vec<String> = self.dns_names.iter().cloned().chain(addresses).collect();
        names.join(" ")
    }

    /// True when no name is in it, or only an empty one.
    pub(super) fn is_nameless(&self) -> bool {
        self.ip_addresses.is_empty() && self.dns_names.iter().all(String::is_empty)
    }
}

fn matches_name(pattern: &str, name: &str) -> bool {
    if let Some(suffix) = pattern.strip_prefix("*.") {
        return name
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(suffix));
    }
    pattern.eq_ignore_ascii_case(name)
}
