//! `etcdha init`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::args::GlobalArgs;
use super::cluster_args::ClusterArgs;
use super::cluster_source::spec_error;
use super::error::{CliError, Outcome};
use super::exit_code::ExitCode;
use super::output::json::v1;
use super::output::{Output, Page, Report, clean};
use crate::model::{Checked, ClusterSpec};
use crate::ops::Refusal;
use crate::ops::cluster_file::PLACES;
use crate::ops::init::{HostReading, InitError, read_host, write_cluster_file};

/// Write a commented cluster file
///
/// Examples:
///   $ etcdha init --from-host
///   $ etcdha init --from-host --root /mnt/m1 --name prod
///   $ etcdha init --name prod --etcd-version 3.5.24 --member m1=10.0.0.11 --member m2=10.0.0.12
///
/// Either from flags, or by reading a control plane node that kubeadm set up: its etcd and
/// kube-apiserver manifests and its certificates. Flags are laid over what was read. A file that is
/// there is not replaced.
///
/// Exit codes: 0 written, 2 too little is known, 3 refused because the file exists
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct InitArgs {
    /// Read this host's manifests and certificates
    #[arg(long, help_heading = "Target")]
    from_host: bool,

    /// Root directory of the host to read [default: /]
    #[arg(
        long,
        value_name = "DIR",
        requires = "from_host",
        help_heading = "Target"
    )]
    root: Option<PathBuf>,

    /// Replace the file where there is one
    #[arg(long, help_heading = "Behaviour")]
    force: bool,

    /// Print the file and write nothing
    #[arg(long, help_heading = "Behaviour")]
    dry_run: bool,

    #[command(flatten)]
    cluster: ClusterArgs,
}

struct InitReport {
    file: PathBuf,
    written: bool,
    content: String,
    checked: Checked,
    host: Option<HostReading>,
}

impl Report for InitReport {
    const KIND: &'static str = "ClusterFile";

    fn document(&self) -> impl Serialize {
        let host = self.host.as_ref();
        let manifests = host
            .map(|host| host.manifests.as_slice())
            .unwrap_or_default();
        let warnings = self.checked.warnings.iter();
        v1::ClusterFile {
            file: self.file.display().to_string(),
            written: self.written,
            manifests: manifests
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
            certificates: host.map_or(0, |host| host.certificates),
            notes: host.map(|host| host.notes.clone()).unwrap_or_default(),
            warnings: warnings.map(|warning| warning.message.clone()).collect(),
            content: self.content.clone(),
        }
    }

    fn page(&self, page: &mut Page) {
        if !self.written {
            page.line(&self.content);
            return;
        }
        if let Some(host) = &self.host {
            page.line(read_line(host));
        }
        page.line(wrote_line(&self.file, &self.checked.spec));
        let next = match self.checked.spec.members.len() {
            1 => "add the other control plane nodes under members:, then etcdha config check",
            _ => "etcdha config check",
        };
        page.hint(format!("Next: {next}"));
    }
}

fn read_line(host: &HostReading) -> String {
    let hosts = host.hosts.len();
    if hosts > 1 {
        let names = host.hosts.join(", ");
        let (manifests, certificates) = (host.manifests.len(), host.certificates);
        return format!(
            "Read {manifests} manifests and {certificates} certificates of {hosts} hosts: {names}."
        );
    }
    let mut read: Vec<_> = host
        .manifests
        .iter()
        .enumerate()
        .map(|(index, path)| match path.file_name() {
            Some(name) if index > 0 => name.to_string_lossy().into_owned(),
            _ => path.display().to_string(),
        })
        .collect();
    let certificates = match host.certificates {
        1 => "1 certificate".to_owned(),
        count => format!("{count} certificates"),
    };
    let last = read.pop().unwrap_or_default();
    let (first, comma) = (read.join(", "), if read.is_empty() { "" } else { ", " });
    format!("Read {first}{comma}{last} and {certificates}.")
}

fn wrote_line(file: &Path, spec: &ClusterSpec) -> String {
    let members = match spec.members.as_slice() {
        [only] => format!("1 member ({} {})", only.name, only.address),
        many => format!("{} members", many.len()),
    };
    let file = file.display().to_string();
    format!(
        "Wrote {}: cluster {:?}, {members}, etcd {}, {}.",
        clean(&file),
        spec.name,
        spec.etcd.version,
        spec.topology.as_str()
    )
}

pub(super) fn run(args: &InitArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    if !args.from_host && args.cluster.member.is_empty() {
        return Err(CliError::usage("neither --from-host nor --member is given")
            .fix("on a control plane node: etcdha init --from-host")
            .fix("anywhere: etcdha init --member m1=10.0.0.11 --etcd-version 3.5.24"));
    }
    let file = global.config.clone().unwrap_or_else(|| PLACES[0].into());
    let root = args.root.clone().unwrap_or_else(|| PathBuf::from("/"));
    let (cluster, roots) = paths_for(&file, &args.cluster, &[root])?;
    let host = match (args.from_host, roots.as_slice()) {
        (true, [root]) => Some(read_host(root, cluster.etcd_version.clone()).map_err(host_error)?),
        _ => None,
    };
    let spec = match &host {
        Some(host) => cluster.over(host.spec.clone()),
        None => cluster.alone(),
    };
    write(file, spec, host, (args.force, args.dry_run), output)
}

/// Checks a cluster, writes its file (over another with the first of the wishes, not at all with the
/// second), and says what a person should know.
pub(super) fn write(
    file: PathBuf,
    spec: Result<ClusterSpec, String>,
    host: Option<HostReading>,
    (force, dry_run): (bool, bool),
    output: &Output,
) -> Outcome {
    let checked = spec.map_err(CliError::usage)?.checked();
    let checked = checked.map_err(|error| spec_error(None, &error))?;
    let content = checked.spec.render();
    if !dry_run {
        write_cluster_file(&file, &content, force)?.map_err(CliError::refusal)?;
    }
    for note in host.iter().flat_map(|host| &host.notes) {
        output.warn(clean(note));
    }
    for warning in &checked.warnings {
        output.warn(clean(&warning.message));
    }
    output.emit(&InitReport {
        file,
        written: !dry_run,
        content,
        checked,
        host,
    })?;
    Ok(ExitCode::Done)
}

/// Flags are relative to where etcdha runs, the file's paths to the file: where these are two
/// places, paths are written in full.
pub(super) fn paths_for(
    file: &Path,
    cluster: &ClusterArgs,
    roots: &[PathBuf],
) -> Result<(ClusterArgs, Vec<PathBuf>), CliError> {
    let is_here = file.parent().is_none_or(|dir| dir.as_os_str().is_empty());
    if is_here {
        return Ok((cluster.clone(), roots.to_vec()));
    }
    let roots = roots.iter().map(std::path::absolute);
    let roots = roots.collect::<Result<Vec<_>, _>>()?;
    Ok((cluster.with_absolute_paths()?, roots))
}

/// Why hosts can't be described, and what to do about it.
pub(super) fn host_error(error: InitError) -> CliError {
    let usage = CliError::usage(error.to_string());
    match &error {
        InitError::NoManifest { .. } => usage.fix(
            "run it on a control plane node, name its root (--root DIR), or name the members: \
             --member m1=10.0.0.11",
        ),
        InitError::NoPods { .. } => usage.fix("name the root of a control plane node: --root DIR"),
        InitError::NoEtcd => usage
            .fix("add the root of an etcd host: --root DIR")
            .fix("etcd under systemd is not read: etcdha init --topology external --member e1=…"),
        InitError::NoName { .. } => {
            usage.fix("name the members instead: etcdha init --member m1=10.0.0.11")
        }
        InitError::Says { fix, .. } => usage.fix(*fix),
        InitError::Manifest { .. } => usage,
        InitError::Disagree(contradictions) => {
            let lines: Vec<_> = contradictions.iter().map(ToString::to_string).collect();
            CliError::refusal(Refusal::new(
                "hosts-disagree",
                lines.join("\n"),
                "make them equal (or finish the upgrade that is under way), or read fewer hosts",
            ))
        }
        InitError::File(_) => CliError::from(error),
    }
}
