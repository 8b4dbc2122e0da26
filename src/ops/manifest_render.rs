//! `manifest etcd` and `manifest systemd`: what the cluster file says, as files for one host.

use std::io;
use std::path::Path;

use crate::manifest::{ClusterState, RenderError, UnitError, UnitFiles, render, render_unit};
use crate::model::{ClusterSpec, MemberSpec, NodeName, PeerUrl, ServiceSpec};
use crate::sys::files::{self, FileError};

use super::Refusal;
use super::node_files::{MANIFEST_MODE, UNIT_MODE, pod_config, unit_config};

/// Which member, and the cluster it starts in.
#[derive(Clone, Debug)]
pub struct MemberRequest<'a> {
    /// The declared cluster.
    pub spec: &'a ClusterSpec,
    /// The member.
    pub member: &'a MemberSpec,
    /// Whether it makes a cluster or joins one.
    pub state: ClusterState,
    /// The members to list; empty for every etcd member of the declaration.
    pub listed: Vec<NodeName>,
}

/// What a unit needs beyond the member.
#[derive(Clone, Debug)]
pub struct UnitRequest<'a> {
    /// The member.
    pub member: MemberRequest<'a>,
    /// The unit.
    pub service: &'a ServiceSpec,
}

/// Renders the static pod. `attempt` numbers the tries to start it.
///
/// # Errors
/// When etcd would not start with what is declared.
pub fn render_pod(
    request: &MemberRequest<'_>,
    attempt: Option<u32>,
) -> Result<String, RenderError> {
    let MemberRequest {
        spec,
        member,
        state,
        ..
    } = request;
    let mut config = pod_config(spec, member, initial_cluster(request), *state);
    config.attempt = attempt;
    render(&config)
}

/// Renders the systemd unit and its environment file.
///
/// # Errors
/// When etcd would not start with what is declared, or systemd would misread it.
pub fn render_service(request: &UnitRequest<'_>) -> Result<UnitFiles, UnitError> {
    let MemberRequest {
        spec,
        member,
        state,
        ..
    } = &request.member;
    let listed = initial_cluster(&request.member);
    let mut config = unit_config(spec, member, listed, *state);
    config.binary.clone_from(&request.service.binary);
    config.user.clone_from(&request.service.user);
    config
        .environment_file
        .clone_from(&request.service.environment_file);
    render_unit(&config)
}

fn initial_cluster(request: &MemberRequest<'_>) -> Vec<(String, PeerUrl)> {
    let is_listed = |member: &&MemberSpec| {
        request.listed.is_empty()
            || request.listed.contains(&member.name)
            || member.name == request.member.name
    };
    let members = request.spec.etcd_members().filter(is_listed);
    members
        .map(|member| (member.name.to_string(), request.spec.peer_url(member)))
        .collect()
}

/// Writes a manifest for the owner alone. An equal file is left as it is, another only replaced by
/// `force`; no copy of it is kept beside it, because the kubelet would run that too.
///
/// # Errors
/// The file can't be read or written; a [`Refusal`] when another one is there.
pub fn store_pod(path: &Path, text: &str, force: bool) -> Result<Result<(), Refusal>, FileError> {
    store_document(path, text, MANIFEST_MODE, force)
}

/// Writes the files of a unit, named, into a directory; they are replaced as manifests are.
///
/// # Errors
/// A file can't be read or written; a [`Refusal`] when another one is there.
pub fn store_unit(
    dir: &Path,
    named: [(&str, &str); 2],
    force: bool,
) -> Result<Result<(), Refusal>, FileError> {
    files::ensure_dir(dir, 0o755)?;
    for (name, text) in named {
        if let Err(refusal) = store_document(&dir.join(name), text, UNIT_MODE, force)? {
            return Ok(Err(refusal));
        }
    }
    Ok(Ok(()))
}

/// Writes a text where no file is; an equal file is left as it is, another only replaced by `force`.
///
/// # Errors
/// The file can't be read or written; a [`Refusal`] when another one is there.
pub(super) fn store_document(
    path: &Path,
    text: &str,
    mode: u32,
    force: bool,
) -> Result<Result<(), Refusal>, FileError> {
    if files::read_optional(path)?.is_some_and(|found| found == text.as_bytes()) {
        return Ok(Ok(()));
    }
    if force {
        return files::write_atomic(path, text.as_bytes(), mode).map(Ok);
    }
    match files::write_new(path, text.as_bytes(), mode) {
        Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => {
            let what = format!("{} exists already and differs", path.display());
            let fix = "--force replaces it; without a place to write to, the text is printed";
            Ok(Err(Refusal::new("file-exists", what, fix)))
        }
        written => written.map(Ok),
    }
}
