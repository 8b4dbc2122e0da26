//! `etcdha manifest systemd`.

use std::path::{Path, PathBuf};

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
use crate::model::ServiceSpec;
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

    /// The etcd program on the host [default: etcd.service.binary, /usr/bin/etcd]
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    etcd_binary: Option<PathBuf>,

    /// User that runs it; it reads the keys and owns the data directory [default: etcd.service.user,
    /// etcd]
    #[arg(long, value_name = "USER", help_heading = "Target")]
    run_as: Option<String>,

    /// Where the environment file will be on the host [default: etcd.service.environmentFile,
    /// /etc/etcd/etcd.env]
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    environment_file: Option<PathBuf>,

    /// Directory to write etcd.service and the environment file into, instead of printing
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out_dir: Option<PathBuf>,

    /// Replace files where there are others
    #[arg(long, requires = "out_dir", help_heading = "Behaviour")]
    force: bool,

    #[command(flatten)]
    cluster: ClusterArgs,
}

struct UnitReport {
    member: String,
    service: ServiceSpec,
    files: UnitFiles,
}

impl Report for UnitReport {
    const KIND: &'static str = "SystemdUnit";

    fn document(&self) -> impl Serialize {
        v1::SystemdUnit {
            member: self.member.clone(),
            unit: self.files.unit.clone(),
            environment_file: self.service.environment_file.display().to_string(),
            environment: self.files.environment.clone(),
        }
    }

    fn page(&self, page: &mut Page) {
        page.line(format!("# {}", self.service.unit.display()));
        page.line(&self.files.unit);
        page.blank();
        page.line(format!("# {}", self.service.environment_file.display()));
        page.line(&self.files.environment);
    }
}

pub(super) fn run(args: &SystemdArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let spec = load(global, &args.cluster)?;
    let member = args.choice.resolve(&spec, "manifest systemd")?;
    let name = member.member.name.to_string();
    let service = args.over(spec.etcd.service.clone());
    let request = UnitRequest {
        member,
        service: &service,
    };
    let files = render_service(&request).map_err(|error| CliError::usage(error.to_string()))?;
    let Some(dir) = &args.out_dir else {
        output.emit(&UnitReport {
            member: name,
            service,
            files,
        })?;
        return Ok(ExitCode::Done);
    };
    let name_of = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let (unit, environment) = (name_of(&service.unit), name_of(&service.environment_file));
    let named = [
        (unit.as_str(), files.unit.as_str()),
        (&environment, files.environment.as_str()),
    ];
    store_unit(dir, named, args.force)?.map_err(CliError::refusal)?;
    output.note(format!(
        "Wrote {unit} and {environment} into {}.",
        dir.display()
    ));
    Ok(ExitCode::Done)
}

impl SystemdArgs {
    /// These flags over what the cluster file says.
    fn over(&self, mut service: ServiceSpec) -> ServiceSpec {
        let paths = [
            (&mut service.binary, &self.etcd_binary),
            (&mut service.environment_file, &self.environment_file),
        ];
        for (path, wish) in paths {
            if let Some(wish) = wish {
                path.clone_from(wish);
            }
        }
        if let Some(user) = &self.run_as {
            service.user.clone_from(user);
        }
        service
    }
}
