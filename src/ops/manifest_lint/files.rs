//! The manifests that were asked for, and what lies beside them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::LintError;
use crate::manifest::ManifestError;
use crate::manifest::flags::Program;
use crate::manifest::lint::{LintFile, Sibling};
use crate::manifest::pod::StaticPod;
use crate::ops::node_files::MANIFEST_DIR;
use crate::sys::files;

/// A manifest that was read.
pub(super) struct Given {
    /// Its name as the operator wrote it.
    pub(super) shown: String,
    path: PathBuf,
    /// Its directory in full, links resolved.
    directory: PathBuf,
    pub(super) pod: Result<StaticPod, ManifestError>,
}

impl Given {
    fn read(path: PathBuf) -> Result<Self, LintError> {
        let bytes = files::read(&path)?;
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        Ok(Self {
            shown: path.display().to_string(),
            directory: parent.canonicalize().unwrap_or_else(|_| parent.to_owned()),
            pod: StaticPod::parse(&bytes),
            path,
        })
    }

    pub(super) fn to_lint(&self) -> Option<LintFile> {
        let pod = self.pod.as_ref().ok()?.clone();
        let directory = self.directory.to_string_lossy().into_owned();
        Some(LintFile {
            directory,
            ..LintFile::new(self.shown.clone(), pod)
        })
    }

    /// The root of the host whose manifest directory it lies in.
    pub(super) fn root(&self) -> Option<PathBuf> {
        let below = Path::new(MANIFEST_DIR).strip_prefix("/").ok()?;
        if !self.directory.ends_with(below) {
            return None;
        }
        self.directory
            .ancestors()
            .nth(below.components().count())
            .map(Path::to_owned)
    }

    fn is_ours(&self) -> bool {
        let runs = |pod: &StaticPod| {
            [Program::Etcd, Program::Apiserver]
                .iter()
                .any(|p| p.container(pod).is_some())
        };
        self.pod.as_ref().map_or(true, runs)
    }
}

/// Reads the manifests; a directory stands for those the kubelet reads in it that are of etcd or
/// kube-apiserver, or can't be read.
pub(super) fn collect(paths: &[PathBuf]) -> Result<Vec<Given>, LintError> {
    let mut all = Vec::new();
    for path in paths {
        if !path.is_dir() {
            all.push(Given::read(path.clone())?);
            continue;
        }
        let before = all.len();
        for name in visible_files(path)? {
            let given = Given::read(path.join(name))?;
            if given.is_ours() {
                all.push(given);
            }
        }
        if all.len() == before {
            return Err(LintError::Nothing { path: path.clone() });
        }
    }
    Ok(all)
}

/// The regular files of a directory that do not start with a dot, as the kubelet reads them.
fn visible_files(directory: &Path) -> Result<Vec<String>, LintError> {
    let mut names = files::list(directory)?;
    names.retain(|name| !name.starts_with('.') && directory.join(name).is_file());
    Ok(names)
}

/// Adds what the manifest's own place tells: its mode and the pods beside it. A draft elsewhere has
/// neither to fear.
pub(super) fn look_around(given: &Given, file: &mut LintFile) {
    if !file.is_in_manifest_directory() {
        return;
    }
    let metadata = std::fs::metadata(&given.path).ok();
    file.evidence.mode = metadata.map(|metadata| metadata.permissions().mode() & 0o7777);
    let own = given
        .path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let names = visible_files(&given.directory)
        .unwrap_or_default()
        .into_iter();
    let others = names.filter(|name| Some(name) != own.as_ref());
    file.evidence.siblings = others
        .filter_map(|name| {
            let bytes = files::read(&given.directory.join(&name)).ok()?;
            let pod = StaticPod::parse(&bytes).ok()?.name().to_owned();
            Some(Sibling { file: name, pod })
        })
        .collect();
}
