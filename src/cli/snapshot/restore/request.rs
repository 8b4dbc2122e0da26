//! What the flags and the cluster file ask for.

use std::path::{Path, PathBuf};

use super::RestoreArgs;
use crate::cli::args::GlobalArgs;
use crate::cli::cluster_source;
use crate::cli::error::CliError;
use crate::model::{ClusterSpec, MemberSpec, PeerUrl, SnapshotPlace, Topology};
use crate::node::LocalNode;
use crate::ops::node_files::{local_node, operator_node};
use crate::ops::snapshot_restore::{OwnerWish, RestoreRequest};
use crate::plan::FoundingPeer;

/// The name and the URL of a member for which nothing is named, as etcd has them.
const DEFAULT_NAME: &str = "default";
const DEFAULT_URL: &str = "http://localhost:2380";

/// The flag of etcd that gives its log a directory of its own.
const WAL_DIR: &str = "wal-dir";

impl RestoreArgs {
    /// The request that these flags make, over the cluster file where there is one.
    ///
    /// # Errors
    /// Flags that contradict each other, names that are unknown. Exit 2.
    pub(super) fn request(&self, global: &GlobalArgs) -> Result<RestoreRequest, CliError> {
        let spec = cluster_source::load_if_there(global)?;
        let member = self.declared(spec.as_ref())?;
        let name = match (&self.name, member) {
            (Some(name), _) => name.clone(),
            (None, Some(member)) => member.name.to_string(),
            (None, None) => DEFAULT_NAME.to_owned(),
        };
        let members = self.members(&name, spec.as_ref())?;
        let data_dir = match (&self.data_dir, &spec) {
            (Some(dir), _) => dir.clone(),
            (None, Some(spec)) if member.is_some() => spec.etcd.data_dir.clone(),
            (None, _) => PathBuf::from(format!("{name}.etcd")),
        };
        let version = spec.as_ref().map(|spec| spec.etcd.version.clone());
        let declared_wal = member.and(spec.as_ref()).and_then(declared_wal_dir);
        let wal_dir = self.wal_dir.clone().or(declared_wal);
        let data_dir = absolute(&data_dir)?;
        let wal_dir = wal_dir.as_deref().map(absolute).transpose()?;
        if let Some(wal) = wal_dir.as_deref().filter(|wal| wal.starts_with(&data_dir)) {
            return Err(
                CliError::usage("the log's own directory is within the data directory")
                    .found(wal.display().to_string())
                    .fix("leave --wal-dir out, or name a directory elsewhere"),
            );
        }
        Ok(RestoreRequest {
            snapshot: self.snapshot()?,
            opened: None,
            node: node(member),
            member: name,
            members,
            token: self.initial_cluster_token.clone(),
            data_dir,
            wal_dir,
            bump: self.bump_revision,
            skip_hash_check: self.skip_hash_check,
            version: self.etcd_version.clone().or(version),
            allow_newer: self.allow_newer,
            owner: self.owner(member.and(spec.as_ref()))?,
        })
    }

    /// The snapshot's name, as far as it can be said from any directory.
    pub(super) fn snapshot(&self) -> Result<PathBuf, CliError> {
        match &self.source.file {
            SnapshotPlace::Path(path) => absolute(path),
            object @ SnapshotPlace::Object(_) => Ok(object.to_string().into()),
        }
    }

    /// The member of the cluster file; none where the initial cluster is named in flags and the
    /// file does not know it.
    fn declared<'a>(
        &self,
        spec: Option<&'a ClusterSpec>,
    ) -> Result<Option<&'a MemberSpec>, CliError> {
        let Some(spec) = spec else { return Ok(None) };
        let names: Vec<_> = spec.etcd_members().map(|m| m.name.as_str()).collect();
        let known = match &self.name {
            Some(name) => spec.etcd_members().find(|m| m.name.as_str() == name),
            None if names.len() == 1 => spec.etcd_members().next(),
            None => None,
        };
        if known.is_some() || !self.initial_cluster.is_empty() {
            return Ok(known);
        }
        let expected = format!("one of {}", names.join(", "));
        Err(match &self.name {
            Some(name) => CliError::usage(format!("the cluster file has no etcd member {name}"))
                .found(name)
                .expected(expected),
            None => CliError::usage("which member is it for?")
                .expected(expected)
                .fix(format!("--name {}", names.first().unwrap_or(&"NAME"))),
        })
    }

    fn members(
        &self,
        name: &str,
        spec: Option<&ClusterSpec>,
    ) -> Result<Vec<FoundingPeer>, CliError> {
        let advertised = &self.initial_advertise_peer_urls;
        let members = match spec {
            _ if !self.initial_cluster.is_empty() => listed(&self.initial_cluster)?,
            Some(spec) => spec
                .etcd_members()
                .map(|member| FoundingPeer {
                    name: member.name.to_string(),
                    peer_urls: vec![spec.peer_url(member)],
                })
                .collect(),
            None => vec![alone(name, advertised)?],
        };
        let own = members.iter().find(|member| member.name == name);
        let own = own.ok_or_else(|| {
            let names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
            CliError::usage(format!("the initial cluster has no member {name}"))
                .found(names.join(", "))
                .fix("name it there as well: --initial-cluster NAME=URL,…")
        })?;
        if !advertised.is_empty() && sorted(advertised) != sorted(&own.peer_urls) {
            return Err(CliError::usage(
                "the peer URLs of this member are not those in the initial cluster",
            )
            .found(joined(advertised))
            .expected(joined(&own.peer_urls)));
        }
        no_url_twice(&members)?;
        Ok(members)
    }

    fn owner(&self, spec: Option<&ClusterSpec>) -> Result<OwnerWish, CliError> {
        if let Some(text) = &self.owner {
            let (user, group) = match text.split_once(':') {
                Some((user, group)) => (user, Some(group)),
                None => (text.as_str(), None),
            };
            if user.is_empty() || group == Some("") {
                return Err(CliError::usage("--owner: no user or group")
                    .found(text)
                    .expected("USER or USER:GROUP, such as etcd:etcd"));
            }
            return Ok(OwnerWish::Named {
                user: user.to_owned(),
                group: group.map(str::to_owned),
            });
        }
        Ok(match spec {
            Some(spec) if spec.topology == Topology::External => OwnerWish::Named {
                user: spec.etcd.service.user.clone(),
                group: None,
            },
            _ => OwnerWish::AsFound,
        })
    }
}

fn node(member: Option<&MemberSpec>) -> LocalNode {
    member.map_or_else(operator_node, local_node)
}

fn declared_wal_dir(spec: &ClusterSpec) -> Option<PathBuf> {
    let mut arguments = spec.etcd.extra_args.iter();
    let argument = arguments.find(|argument| argument.name == WAL_DIR)?;
    Some(PathBuf::from(&argument.value))
}

pub(super) fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path)
        .map_err(|error| CliError::failed(format!("find {}", path.display())).cause(&error))
}

/// A cluster of one.
fn alone(name: &str, advertised: &[PeerUrl]) -> Result<FoundingPeer, CliError> {
    let peer_urls = match advertised {
        [] => vec![DEFAULT_URL.parse()?],
        urls => urls.to_vec(),
    };
    Ok(FoundingPeer {
        name: name.to_owned(),
        peer_urls,
    })
}

/// Reads `NAME=URL` words; those of one name belong together.
fn listed(words: &[String]) -> Result<Vec<FoundingPeer>, CliError> {
    let mut members: Vec<FoundingPeer> = Vec::new();
    for word in words {
        let wrong = |why: String| {
            CliError::usage(format!("--initial-cluster: {why}"))
                .found(word)
                .expected("NAME=URL, such as m1=https://10.0.0.11:2380")
        };
        let (name, url) = word
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| wrong("no name".to_owned()))?;
        let url: PeerUrl = url
            .parse()
            .map_err(|error: crate::model::UrlError| wrong(error.reason.to_owned()))?;
        match members.iter_mut().find(|member| member.name == name) {
            Some(member) => member.peer_urls.push(url),
            None => members.push(FoundingPeer {
                name: name.to_owned(),
                peer_urls: vec![url],
            }),
        }
    }
    Ok(members)
}

fn no_url_twice(members: &[FoundingPeer]) -> Result<(), CliError> {
    let mut seen: Vec<(&PeerUrl, &str)> = Vec::new();
    for member in members {
        for url in &member.peer_urls {
            if let Some((_, other)) = seen.iter().find(|(known, _)| *known == url) {
                return Err(
                    CliError::usage(format!("{url} stands in the initial cluster twice"))
                        .found(format!("{other} and {}", member.name))
                        .fix("give every member its own peer URL"),
                );
            }
            seen.push((url, &member.name));
        }
    }
    Ok(())
}

fn sorted(urls: &[PeerUrl]) -> Vec<&PeerUrl> {
    let mut urls: Vec<_> = urls.iter().collect();
    urls.sort();
    urls
}

fn joined(urls: &[PeerUrl]) -> String {
    let urls: Vec<_> = urls.iter().map(ToString::to_string).collect();
    urls.join(",")
}
