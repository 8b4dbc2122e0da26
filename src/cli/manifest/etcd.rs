//! `etcdha manifest etcd`.

use std::path::PathBuf;

use clap::Args;

use super::member::MemberChoice;
use crate::cli::args::GlobalArgs;
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::cluster_source::load;
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::{Format, Output};
use crate::ops::manifest_render::{render_pod, store_pod};

/// Print the static pod of an etcd member
///
/// With every field kubeadm sets; flags and probes follow the release of etcd. The same cluster file
/// gives the same bytes, so that a manifest is only replaced, and etcd restarted, for a reason.
///
/// Examples:
///   $ etcdha manifest etcd m1
///   $ etcdha manifest etcd m2 --cluster-state existing --initial-members m1,m2
///   $ etcdha manifest etcd --member m1=10.0.0.11 --etcd-version 3.5.24 --out etcd.yaml
///
/// Exit codes: 0 printed or written, 2 etcd would not start with this, 3 another file is there
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct EtcdArgs {
    #[command(flatten)]
    choice: MemberChoice,

    /// Number of the attempt to start this member: another text escapes the kubelet's back-off
    #[arg(long, value_name = "NUMBER", help_heading = "Behaviour")]
    attempt: Option<u32>,

    /// File to write (mode 0600) instead of printing
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,

    /// Replace the file where there is another one
    #[arg(long, requires = "out", help_heading = "Behaviour")]
    force: bool,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(super) fn run(args: &EtcdArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let spec = load(global, &args.cluster)?;
    let request = args.choice.resolve(&spec, "manifest etcd")?;
    let text =
        render_pod(&request, args.attempt).map_err(|error| CliError::usage(error.to_string()))?;
    if let Some(path) = &args.out {
        store_pod(path, &text, args.force)?.map_err(CliError::refusal)?;
        output.note(format!("Wrote {}.", path.display()));
        return Ok(ExitCode::Done);
    }
    let text = match output.format {
        Format::Json => as_json(&text)?,
        _ => text,
    };
    output.raw(&text)?;
    Ok(ExitCode::Done)
}

/// The pod as the JSON the kubelet takes as well.
fn as_json(text: &str) -> Result<String, CliError> {
    let failed = |error: &dyn std::error::Error| {
        CliError::failed("write the manifest as JSON").detail(error.to_string())
    };
    let pod: serde_json::Value = serde_saphyr::from_str(text).map_err(|error| failed(&error))?;
    let json = serde_json::to_string_pretty(&pod).map_err(|error| failed(&error))?;
    Ok(json + "\n")
}
