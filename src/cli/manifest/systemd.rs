//! `etcdha manifest systemd`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::member::MemberChoice;
use crate::cli::args::GlobalArgs;
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::cluster_source::load;
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report};
use crate::manifest::UnitFiles;
use crate::ops::manifest_render::{UnitRequest, render_service, store_unit};

/// Print the systemd unit of an etcd member on a host of its own
///
/// For the external topology. The flags are those of the static pod; they go into an environment
/// file.
///
/// Examples:
///   $ etcdha manifest systemd e1
///   $ etcdha manifest systemd e2 --cluster-state existing --initial-members e1,e2 --out-dir e2
///
/// Exit codes: 0 printed or written, 2 etcd would not start with this, 3 other files are there
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct SystemdArgs {
    #[command(flatten)]
    choice: MemberChoice,

    /// The etcd program on the host
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/usr/bin/etcd",
        help_heading = "Target"
    )]
    etcd_binary: PathBuf,

    /// User that runs it; it reads the keys and owns the data directory
    #[arg(
        long,
        value_name = "USER",
        default_value = "etcd",
        help_heading = "Target"
    )]
    run_as: String,

    /// Where the environment file will be on the host
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/etcd/etcd.env",
        help_heading = "Target"
    )]
    environment_file: PathBuf,

    /// Directory to write etcd.service and the environment file into, instead of printing
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out_dir: Option<PathBuf>,

    /// Replace files where there are others
    #[arg(long, requires = "out_dir", help_heading = "Behaviour")]
    force: bool,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Name of the unit.
const UNIT: &str = "etcd.service";

struct UnitReport {
    member: String,
    environment_file: PathBuf,
    files: UnitFiles,
}

impl Report for UnitReport {
    const KIND: &'static str = "SystemdUnit";

    fn document(&self) -> impl Serialize {
        v1::SystemdUnit {
            member: self.member.clone(),
            unit: self.files.unit.clone(),
            environment_file: self.environment_file.display().to_string(),
            environment: self.files.environment.clone(),
        }
    }

    fn page(&self, page: &mut Page) {
        page.line(format!("# /etc/systemd/system/{UNIT}"));
        page.line(&self.files.unit);
        page.blank();
        page.line(format!("# {}", self.environment_file.display()));
        page.line(&self.files.environment);
    }
}

pub(super) fn run(args: &SystemdArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let spec = load(global, &args.cluster)?;
    let member = args.choice.resolve(&spec, "manifest systemd")?;
    let name = member.member.name.to_string();
    let request = UnitRequest {
        member,
        binary: args.etcd_binary.clone(),
        user: args.run_as.clone(),
        environment_file: args.environment_file.clone(),
    };
    let files = render_service(&request).map_err(|error| CliError::usage(error.to_string()))?;
    let Some(dir) = &args.out_dir else {
        let environment_file = args.environment_file.clone();
        output.emit(&UnitReport {
            member: name,
            environment_file,
            files,
        })?;
        return Ok(ExitCode::Done);
    };
    let environment = args.environment_file.file_name().unwrap_or_default();
    let environment = environment.to_string_lossy();
    let named = [
        (UNIT, files.unit.as_str()),
        (&environment, files.environment.as_str()),
    ];
    store_unit(dir, named, args.force)?.map_err(CliError::refusal)?;
    output.note(format!(
        "Wrote {UNIT} and {environment} into {}.",
        dir.display()
    ));
    Ok(ExitCode::Done)
}
