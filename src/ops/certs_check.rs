//! `certs check`: reads a directory, or every node's, and has it judged.
//!
//! Invariant: nothing is written, and a directory that is not there is a finding where the cluster
//! file says it should be, an error where a person named it.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::model::{CaFiles, ClusterSpec, MemberSpec, NodeName};
use crate::pki::check::{
    self, CheckRequest, ExpectedPair, Finding, NodeTree, PairUse, Severity, TreeFile, guess_pairs,
    member_tree,
};
use crate::pki::inspect::{self, CertificateFacts, InspectError};
use crate::sys::files::{self, FileError};
use crate::sys::walk::{WalkedFile, read_one, walk};

use super::issuing::ca_files;

/// How to judge, whatever is judged.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// File of the CAs that must have signed everything; absent to trust each directory's own.
    pub trust: Option<PathBuf>,
    /// Days before its end at which a certificate is reported.
    pub warn_days: i64,
    /// The present.
    pub now: Timestamp,
}

/// One directory that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedTree {
    /// The node, where it is one's.
    pub node: Option<NodeName>,
    /// The directory.
    pub dir: PathBuf,
    /// Files in it.
    pub files: usize,
    /// Certificates in those.
    pub certificates: usize,
    /// The file whose certificate ends first, and days until then.
    pub first_to_end: Option<(PathBuf, i64)>,
}

/// What was checked and found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// The directories.
    pub trees: Vec<CheckedTree>,
    /// What is wrong, by node and path.
    pub findings: Vec<Finding>,
}

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A directory or the trust bundle can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file was named in place of a directory.
    #[error("{} is no directory", path.display())]
    NoDirectory {
        /// The file.
        path: PathBuf,
    },
    /// The trust bundle holds something else.
    #[error("read the CA certificates in {}", path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<InspectError>,
    },
}

impl CheckReport {
    /// How many findings are of that severity.
    pub fn count(&self, severity: Severity) -> usize {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    }
}

/// Checks one directory. Which pairs it should hold is guessed from the names of its files.
///
/// # Errors
/// [`CheckError`].
pub fn check_directory(
    dir: &Path,
    node: Option<&NodeName>,
    options: &CheckOptions,
) -> Result<CheckReport, CheckError> {
    let files = read(dir)?;
    let tree = NodeTree {
        node: node.cloned(),
        expected: guess_pairs(files.iter().map(|file| file.path.as_path())),
        // Whoever names a directory knows whether the CA's key belongs there.
        keeps_ca_key: true,
        files,
        ..NodeTree::default()
    };
    let trusted = trusted(options.trust.as_deref())?;
    Ok(judge(vec![(dir.to_owned(), tree)], trusted, options))
}

/// Checks one directory as that of a member.
///
/// # Errors
/// [`CheckError`].
pub fn check_member(
    cluster: &ClusterSpec,
    member: &MemberSpec,
    dir: &Path,
    options: &CheckOptions,
) -> Result<CheckReport, CheckError> {
    let mut tree = tree_of(cluster, member, dir);
    tree.files = read(dir)?;
    let trusted = trusted(options.trust.as_deref())?;
    Ok(judge(vec![(dir.to_owned(), tree)], trusted, options))
}

/// Checks the CA, and every member's directory against the cluster file and against each other; or
/// the directory of one member alone.
///
/// # Errors
/// [`CheckError`].
pub fn check_cluster(
    cluster: &ClusterSpec,
    only: Option<&MemberSpec>,
    options: &CheckOptions,
) -> Result<CheckReport, CheckError> {
    let mut trees = Vec::new();
    let members = match only {
        Some(member) => std::slice::from_ref(member),
        None => {
            trees.extend(ca_tree(&ca_files(&cluster.pki)));
            &cluster.members
        }
    };
    for member in members {
        let dir = member_dir(cluster, member);
        let mut tree = tree_of(cluster, member, &dir);
        if dir.is_dir() {
            tree.files = read(&dir)?;
        }
        trees.push((dir, tree));
    }
    let ca = Some(ca_files(&cluster.pki).cert).filter(|path| path.is_file());
    let trusted = trusted(options.trust.as_deref().or(ca.as_deref()))?;
    Ok(judge(trees, trusted, options))
}

/// The CA itself, where certificates are made. Only its two files are looked at: the nodes' own
/// directories may lie below the same one.
fn ca_tree(ca: &CaFiles) -> Option<(PathBuf, NodeTree)> {
    let dir = ca.cert.parent()?.to_owned();
    let files: Vec<TreeFile> = [&ca.cert, &ca.key]
        .into_iter()
        .filter_map(|path| read_one(path).ok())
        .map(TreeFile::from)
        .collect();
    let tree = NodeTree {
        expected: vec![ExpectedPair {
            used_as: PairUse::Ca,
            cert: ca.cert.clone(),
            key: ca.key.clone(),
            extra_names: Vec::new(),
        }],
        keeps_ca_key: true,
        files,
        ..NodeTree::default()
    };
    // With neither file here, certificates are made elsewhere.
    (!tree.files.is_empty()).then_some((dir, tree))
}

/// What the directory of a member should hold. The CA's key belongs there where certificates are
/// made in that very directory, and where there is no other host.
fn tree_of(cluster: &ClusterSpec, member: &MemberSpec, dir: &Path) -> NodeTree {
    NodeTree {
        keeps_ca_key: cluster.members.len() == 1 || ca_files(&cluster.pki).key.starts_with(dir),
        ..member_tree(cluster, member, dir)
    }
}

/// Where a member's certificates lie: below its root where that is mounted here, otherwise in the
/// folder that was made for it, otherwise on this host.
fn member_dir(cluster: &ClusterSpec, member: &MemberSpec) -> PathBuf {
    let below = |root: &Path| {
        let inside = cluster.pki.host_dir.strip_prefix("/");
        root.join(inside.unwrap_or(&cluster.pki.host_dir))
    };
    if let Some(root) = &member.root {
        return below(root);
    }
    let folder = cluster.pki.dir.join("nodes").join(member.name.as_str());
    let here = below(Path::new("/"));
    let is_alone = cluster.members.len() == 1;
    if is_alone && !folder.is_dir() && here.is_dir() {
        here
    } else {
        folder
    }
}

/// Reads a directory that must be there.
fn read(dir: &Path) -> Result<Vec<TreeFile>, CheckError> {
    if dir.is_file() {
        let path = dir.to_owned();
        return Err(CheckError::NoDirectory { path });
    }
    Ok(walk(dir)?.into_iter().map(TreeFile::from).collect())
}

fn trusted(path: Option<&Path>) -> Result<Vec<CertificateFacts>, CheckError> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    inspect::certificates(&files::read(path)?).map_err(|source| CheckError::Trust {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

fn judge(
    trees: Vec<(PathBuf, NodeTree)>,
    trusted: Vec<CertificateFacts>,
    options: &CheckOptions,
) -> CheckReport {
    let checked = trees
        .iter()
        .map(|(dir, tree)| summary(dir, tree, options.now));
    let checked = checked.collect();
    let request = CheckRequest {
        nodes: trees.into_iter().map(|(_, tree)| tree).collect(),
        trusted,
        now: options.now,
        warn_days: options.warn_days,
    };
    CheckReport {
        trees: checked,
        findings: check::check(&request),
    }
}

fn summary(dir: &Path, tree: &NodeTree, now: Timestamp) -> CheckedTree {
    let mut ends = Vec::new();
    for file in &tree.files {
        let Ok(bytes) = &file.contents else {
            continue;
        };
        let contents = inspect::read(bytes);
        ends.extend(
            contents
                .certificates()
                .map(|facts| (file.path.clone(), facts.days_left(now))),
        );
    }
    CheckedTree {
        node: tree.node.clone(),
        dir: dir.to_owned(),
        files: tree.files.len(),
        certificates: ends.len(),
        first_to_end: ends.into_iter().min_by_key(|(_, days)| *days),
    }
}

impl From<WalkedFile> for TreeFile {
    fn from(file: WalkedFile) -> Self {
        Self {
            path: file.path,
            mode: file.mode,
            uid: file.uid,
            contents: file.contents,
        }
    }
}
