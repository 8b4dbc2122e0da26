//! `etcdha snapshot drill`.

mod report;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use self::report::{DrillReport, PlanReport};
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::{Output, Progress, clean};
use crate::cli::runtime::{block_on, was_signalled};
use crate::model::{SnapshotPlace, parse_duration};
use crate::ops::snapshot_drill::{
    self, ChooseError, DrillError, DrillEvents, DrillPlan, DrillRequest, Drilled, Ended, Phase,
    SpotKey, choose, find_program, observe, write_metrics,
};
use crate::ops::snapshot_restore::ObserveError;
use crate::ops::snapshot_source::SourceRequest;

use super::list::unseen;
use super::refused;
use super::source::{self, Unopened};
use super::store_args::{self, StoreArgs};

/// Prove that a snapshot works: restore it, boot a real etcd from it, compare, throw it away
///
/// The newest snapshot of a directory, or the one named. It is restored below --scratch (mode 0700),
/// an etcd boots from it on a port of the loopback address that only this run has a certificate
/// for, and HashKV, revision, keys, leases, users, roles, alarms and the spot keys are compared with the file.
/// Then all of it is removed. How long the recovery took is told. No cluster is touched.
///
/// etcd is the program at --etcd, else the first one in PATH: of the release that wrote the snapshot
/// or the next minor one. It runs with an empty environment, and ends with etcdha even where that
/// is killed.
///
/// Examples:
///   $ etcdha snapshot drill /var/backups/etcd --spot-key /registry/namespaces/default
///   $ etcdha snapshot drill etcd.db --etcd /opt/etcd/usr/bin/etcd -o json | jq .recoverySeconds
///   $ etcdha snapshot drill /var/backups/etcd \
///       --metrics-file /var/lib/prometheus/node-exporter/etcdha-drill.prom
///
/// docs/drill.md has a systemd timer for it.
///
/// Exit codes: 0 the backup works; 1 that could not be found out; 3 refused; 5 it does not work: the
/// snapshot is damaged, or the server differs from it, or a spot key is not as it should be
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct DrillArgs {
    /// A snapshot, or a directory or s3://BUCKET/PREFIX of snapshots whose newest one is drilled
    #[arg(value_name = "PATH", value_parser = store_args::place())]
    path: SnapshotPlace,

    /// Secret key that the snapshot is encrypted to, as age-keygen writes it; mode 0600
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    identity: Option<PathBuf>,

    /// The etcd to boot [default: the first one in PATH]
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    etcd: Option<PathBuf>,

    /// Directory to restore in; on a disk like that of etcd the recovery time means most
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/var/tmp",
        help_heading = "Target"
    )]
    scratch: PathBuf,

    /// A key that has to be there, as etcd has it; KEY/ wants any key below, KEY=sha256:HEX the
    /// digest of the value, too; may be given several times
    #[arg(long, value_name = "KEY", help_heading = "Behaviour")]
    spot_key: Vec<SpotKey>,

    /// Longest time for the whole drill, such as 90s or 30m; then it has failed
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = parse_deadline,
        help_heading = "Behaviour")]
    deadline: Duration,

    /// Write metrics for the textfile collector of Prometheus' node exporter
    #[arg(long, value_name = "FILE", help_heading = "Behaviour")]
    metrics_file: Option<PathBuf>,

    /// Say what would be drilled with which etcd, and stop
    #[arg(long, help_heading = "Behaviour")]
    dry_run: bool,

    #[command(flatten)]
    store: StoreArgs,
}

fn parse_deadline(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("expected more than nothing, such as 30m".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

impl DrillArgs {
    fn request(&self) -> DrillRequest {
        DrillRequest {
            source: self.path.clone(),
            etcd: self.etcd.clone(),
            search: std::env::var_os("PATH"),
            spot_keys: self.spot_key.clone(),
            scratch: self.scratch.clone(),
            deadline: self.deadline,
        }
    }
}

pub(super) fn run(args: &DrillArgs, output: &Output) -> Outcome {
    let request = args.request();
    let made = make_plan(args, &request, output).and_then(|plan| match args.dry_run {
        true => Ok((plan, None)),
        false => {
            let drilled = drill(&plan, output)?;
            Ok((plan, Some(drilled)))
        }
    });
    match &made {
        Ok((plan, None)) => {
            output.emit(&PlanReport(plan))?;
            return Ok(ExitCode::Done);
        }
        // A drill that somebody ended says nothing about the backup.
        Err(error) if error.exit_code() == ExitCode::Interrupted => {}
        _ if args.dry_run => {}
        Ok((plan, Some(drilled))) if drilled.is_proven() => {
            args.measure(Ended::Proven(plan, drilled), output);
        }
        _ => args.measure(Ended::Failed, output),
    }
    let (plan, drilled) = made?;
    let Some(drilled) = drilled else {
        return Ok(ExitCode::Done);
    };
    let report = DrillReport {
        plan: &plan,
        drilled: &drilled,
        now: Timestamp::now(),
    };
    output.emit(&report)?;
    Ok(match drilled.is_proven() {
        true => ExitCode::Done,
        false => ExitCode::Problems,
    })
}

impl DrillArgs {
    /// What the drill found out counts more than whether Prometheus hears of it.
    fn measure(&self, ended: Ended<'_>, output: &Output) {
        let Some(path) = &self.metrics_file else {
            return;
        };
        if let Err(error) = write_metrics(path, ended, Timestamp::now()) {
            let cause = std::error::Error::source(&error);
            let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
            output.warn(format!("the metrics are not written: {error}{cause}"));
        }
    }
}

/// Looks at everything and decides. The program is asked first, before signals are caught: until
/// then one ends this run at once, and the program with it.
fn make_plan(
    args: &DrillArgs,
    request: &DrillRequest,
    output: &Output,
) -> Result<DrillPlan, CliError> {
    let program = find_program(request).map_err(CliError::refusal)?;
    let store = args.store.access([&args.path])?;
    let stored = block_on(choose(&request.source, store.as_ref()))?;
    let stored = stored.map_err(|error| match error {
        ChooseError::Look(error) => unseen(error),
        ChooseError::Refused(refusal) => refused(refusal),
    })?;
    let source = source::open_at(
        &SourceRequest {
            place: stored.place.clone(),
            store,
            identity: args.identity.clone(),
            scratch: Some(args.scratch.clone()),
        },
        output,
    )
    .map_err(Unopened::into_unfit)?;
    let progress = output.progress(format!("read {}", stored.place));
    let watch = |done: u64, total: u64| {
        progress.length(total);
        progress.position(done.min(total));
        !was_signalled()
    };
    let observed = block_on(async { observe(request, &source, &program, &watch) })?;
    let observed = match observed {
        Ok(observed) => observed,
        Err(error) => {
            progress.failed();
            return Err(match error {
                ObserveError::Interrupted => CliError::interrupted(),
                ObserveError::File(error) => CliError::from(error),
            });
        }
    };
    progress.done();
    let plan = snapshot_drill::plan(request, stored, source, program, observed).map_err(refused)?;
    for warning in &plan.warnings {
        output.warn(warning);
    }
    Ok(plan)
}

fn drill(plan: &DrillPlan, output: &Output) -> Result<Drilled, CliError> {
    let events = ShownEvents::new(output);
    let drilled = block_on(snapshot_drill::drill(plan, &events))?;
    events.ended(drilled.is_ok());
    drilled.map_err(|error| {
        let shown = CliError::failed(format!("{} was not proven: {error}", plan.stored.place));
        let fix = match &error {
            DrillError::TimedOut(_) => "give it more time: --deadline DURATION",
            DrillError::Server(_) => {
                "see what it says above; --etcd PATH names another etcd, -v logs more"
            }
            DrillError::Restore(_) | DrillError::File(_) => {
                "look at the scratch directory's disk, or name another: --scratch DIR"
            }
            DrillError::Cluster(_) | DrillError::Look(_) | DrillError::Lost(_) => "run it again",
        };
        shown.cause(&error).fix(fix)
    })
}

/// Shows on stderr how far it is.
struct ShownEvents<'a> {
    output: &'a Output,
    running: Mutex<Option<Progress>>,
}

impl<'a> ShownEvents<'a> {
    fn new(output: &'a Output) -> Self {
        let running = Mutex::new(None);
        Self { output, running }
    }

    fn turn_to(&self, next: Option<Progress>) -> Option<Progress> {
        let mut running = self.running.lock().ok()?;
        std::mem::replace(&mut *running, next)
    }

    fn ended(&self, well: bool) {
        match self.turn_to(None) {
            Some(last) if well => last.done(),
            Some(last) => last.failed(),
            None => {}
        }
    }
}

impl DrillEvents for ShownEvents<'_> {
    fn begins(&self, phase: Phase) {
        self.ended(true);
        let label = match phase {
            Phase::Restore => "restore into the scratch directory",
            Phase::Boot => "boot etcd from it",
            Phase::Compare => "compare what it holds with the snapshot",
        };
        self.turn_to(Some(self.output.progress(label)));
    }

    fn progress(&self, progress: crate::plan::Progress) {
        let Ok(running) = self.running.lock() else {
            return;
        };
        if let Some(running) = running.as_ref() {
            running.length(progress.total);
            running.position(progress.done.min(progress.total));
        }
    }

    fn swept(&self, path: &std::path::Path) {
        let path = path.display().to_string();
        self.output.note(format!(
            "Removed {}, which a killed drill had left.",
            clean(&path)
        ));
    }
}
