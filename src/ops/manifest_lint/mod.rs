//! `manifest lint`: reads manifests and what they name on their hosts, and has both judged.
//!
//! Invariant: nothing is written, and what can't be looked at is unknown, never wrong.

mod files;
mod host;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use jiff::Timestamp;

use crate::manifest::flags::Program;
use crate::manifest::lint::{LintFile, LintReport, lint, wanted};
use crate::sys::files::FileError;

use files::Given;
use host::HostRoot;

/// What to lint.
#[derive(Clone, Debug)]
pub struct LintRequest {
    /// Manifests, and directories of manifests.
    pub paths: Vec<PathBuf>,
    /// Where the hosts' files are.
    pub host_files: HostFiles,
    /// The present.
    pub now: Timestamp,
}

/// Where the certificates and directories that manifests name are to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostFiles {
    /// A manifest in `ROOT/etc/kubernetes/manifests` is for the host whose root is `ROOT`. For
    /// manifests elsewhere it may be this host, as long as they are those of one node.
    Guess,
    /// Below this directory.
    Root(PathBuf),
    /// Not to be looked at.
    Ignore,
}

/// Why nothing was linted.
#[derive(Debug, thiserror::Error)]
pub enum LintError {
    /// A manifest or directory can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A directory holds neither etcd nor kube-apiserver.
    #[error("no manifest of etcd or kube-apiserver in {}", path.display())]
    Nothing {
        /// The directory.
        path: PathBuf,
    },
}

/// Lints manifests, alone and against each other.
///
/// # Errors
/// A manifest that can't be read. One that holds no pod is a finding.
pub fn lint_manifests(request: &LintRequest) -> Result<LintReport, LintError> {
    let given = files::collect(&request.paths)?;
    let mut linted: Vec<LintFile> = given.iter().filter_map(Given::to_lint).collect();
    let roots = roots(&given, &linted, &request.host_files);
    let wanted = wanted(&linted);
    for ((file, root), wanted) in linted.iter_mut().zip(roots).zip(wanted) {
        file.evidence.now = Some(request.now);
        if let Some(root) = root {
            host::gather(&root, &wanted, &mut file.evidence);
        }
    }
    for (file, given) in linted
        .iter_mut()
        .zip(given.iter().filter(|given| given.pod.is_ok()))
    {
        files::look_around(given, file);
    }
    let mut report = lint(&linted);
    for given in &given {
        if let Err(error) = &given.pod {
            report.push_unreadable(&given.shown, error);
        }
    }
    Ok(report)
}

/// The root of each manifest's host, where it is known.
fn roots(given: &[Given], linted: &[LintFile], wish: &HostFiles) -> Vec<Option<HostRoot>> {
    let runs = |program: Program| {
        linted
            .iter()
            .filter(|file| program.container(&file.pod).is_some())
            .count()
    };
    let is_one_node = runs(Program::Etcd) <= 1 && runs(Program::Apiserver) <= 1;
    let readable = given.iter().filter(|given| given.pod.is_ok());
    readable
        .map(|given| match (wish, given.root()) {
            (HostFiles::Ignore, _) => None,
            (HostFiles::Root(root), _) => Some(HostRoot::known(root.clone())),
            (HostFiles::Guess, Some(root)) => Some(HostRoot::known(root)),
            (HostFiles::Guess, None) => is_one_node.then(HostRoot::perhaps_this),
        })
        .collect()
}
