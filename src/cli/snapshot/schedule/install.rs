//! `etcdha snapshot schedule install`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::job::JobArgs;
use crate::cli::args::{ChangeArgs, GlobalArgs};
use crate::cli::change::{Change, Changed};
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::Output;
use crate::cli::runtime::block_on;
use crate::manifest::snapshot_job::SnapshotJob;
use crate::model::{ResourceList, SnapshotPlace};
use crate::ops::node_files::operator_node;
use crate::ops::snapshot_schedule::{InstallRequest, JobFile, next_commands, plan, rendered};
use crate::plan::World;

/// Write what takes snapshots at set times: systemd units, a CronJob or a static pod
///
/// systemd: a service and a timer that makes up for times when the host was off. cronjob: a
/// manifest for kubectl apply; it runs on a control plane node (Kubernetes 1.21 and newer).
/// static-pod: a pod that stays, into the kubelet's directory. All run etcdha snapshot schedule run
/// with these flags. The store's credentials are in no file that is written: units read the
/// variables AWS_ACCESS_KEY_ID and so on from --environment-file, a CronJob from --secret, a static
/// pod from --s3-credentials. etcdha undo takes it back.
///
/// Examples:
///   $ etcdha snapshot schedule install --as systemd /var/backups/etcd --every 6h --keep-last 28
///   $ etcdha snapshot schedule install --as cronjob s3://etcd-backups/prod --image REGISTRY/etcdha \
///       --secret etcdha-s3 --compress zstd --recipient age1…
///
/// Exit codes: 0 written, or nothing to do; 3 refused: another file is there
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct InstallArgs {
    /// What runs it: systemd, cronjob or static-pod
    #[arg(
        long = "as",
        value_enum,
        value_name = "KIND",
        hide_possible_values = true,
        help_heading = "Target"
    )]
    kind: Kind,

    #[command(flatten)]
    job: JobArgs,

    /// Image with etcdha, for cronjob and static-pod
    #[arg(long, value_name = "IMAGE", help_heading = "Target", required_if_eq_any([("kind", "cronjob"), ("kind", "static-pod")]))]
    image: Option<String>,

    /// The etcdha program, on the host or in the image
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/usr/local/bin/etcdha",
        help_heading = "Target"
    )]
    binary: String,

    /// Directory for the files [default: /etc/systemd/system, the current one, or
    /// /etc/kubernetes/manifests]
    #[arg(long, value_name = "DIR", help_heading = "Target")]
    dir: Option<PathBuf>,

    /// File with the store's credentials, for systemd: AWS_ACCESS_KEY_ID=… on a line; mode 0600
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/etcdha/snapshot.env",
        help_heading = "S3 store"
    )]
    environment_file: PathBuf,

    /// Secret in kube-system with the store's credentials, for cronjob: the same variables
    #[arg(long, value_name = "NAME", help_heading = "S3 store")]
    secret: Option<String>,

    /// Where a static pod serves metrics
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9379",
        help_heading = "Output"
    )]
    metrics_listen: SocketAddr,

    /// Print the files and stop
    #[arg(long, help_heading = "Output")]
    print: bool,

    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Systemd,
    Cronjob,
    StaticPod,
}

impl InstallArgs {
    fn request(&self, global: &GlobalArgs) -> Result<InstallRequest, CliError> {
        let cadence = self.job.cadence()?;
        let jitter = self.job.jitter()?;
        let words = ["snapshot", "schedule", "run"].map(str::to_owned);
        let mut command = vec![self.binary.clone()];
        command.extend(words);
        command.extend(self.job.words(global)?);
        match self.kind {
            Kind::Systemd | Kind::Cronjob => command.push("--once".to_owned()),
            Kind::StaticPod => command.extend([
                "--jitter".to_owned(),
                format!("{}s", jitter.as_secs()),
                "--metrics-listen".to_owned(),
                self.metrics_listen.to_string(),
            ]),
        }
        if self.kind == Kind::StaticPod
            && self.in_store()
            && self.job.store.s3_credentials.is_none()
        {
            return Err(CliError::usage("a static pod can have no Secret").fix(
                "put the store's credentials into a file on the host: --s3-credentials FILE",
            ));
        }
        let mut write = self.job.write_directories();
        if self.kind != Kind::Systemd {
            // Where locks and receipts are.
            write.push(self.job.state.dir());
        }
        Ok(InstallRequest {
            file: match self.kind {
                Kind::Systemd => JobFile::Systemd,
                Kind::Cronjob => JobFile::CronJob,
                Kind::StaticPod => JobFile::StaticPod,
            },
            job: SnapshotJob {
                command,
                image: self.image.clone().unwrap_or_default(),
                on_calendar: cadence.on_calendar(),
                cron: cadence.cron(),
                jitter_seconds: jitter.as_secs(),
                read: self.job.read_directories(global),
                write,
                environment_file: self.environment_file.clone(),
                secret: self.secret.clone(),
                metrics: Some((
                    self.metrics_listen.ip().to_string(),
                    self.metrics_listen.port(),
                )),
                limits: ResourceList::default(),
            },
            directory: self.dir.clone(),
        })
    }

    fn in_store(&self) -> bool {
        let mut places = self.job.places();
        places.any(|place| matches!(place, SnapshotPlace::Object(_)))
    }
}

pub(super) fn run(args: &InstallArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let request = args.request(global)?;
    let texts = rendered(&request).map_err(|error| CliError::usage(error.to_string()))?;
    if args.print {
        let texts: Vec<_> = texts.into_iter().map(|(_, text)| text).collect();
        output.raw(&texts.join("---\n"))?;
        return Ok(ExitCode::Done);
    }
    let plan = plan(&request, texts)
        .map_err(CliError::from)?
        .map_err(CliError::refusal)?;
    let change = Change {
        plan,
        args: args.change,
        state: &args.job.state.dir(),
        lock: "snapshot-schedule".to_owned(),
    };
    let world = World {
        nodes: vec![operator_node()],
        ..World::default()
    };
    match block_on(change.run(world, output))?? {
        Changed::DryRun => {}
        Changed::Nothing => output.note("It is there already."),
        Changed::Applied(_) => output.note(format!("Next: {}", next_commands(&request))),
    }
    Ok(ExitCode::Done)
}
