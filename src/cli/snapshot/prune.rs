//! `etcdha snapshot prune`.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::cli::args::{ChangeArgs, GlobalArgs};
use crate::cli::change::{Change, Changed, StateArgs};
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table};
use crate::cli::runtime::block_on;
use crate::model::{SnapshotPlace, parse_duration};
use crate::ops::node_files::operator_node;
use crate::ops::snapshot_store::{Judged, PruneRequest, Stored, is_sound, look_at, plan};
use crate::plan::World;
use crate::s3::S3Access;
use crate::snapshot::Retention;

use super::list::{item, time, unseen};
use super::store_args::{self, StoreArgs};

/// Remove old snapshots, never the newest good one
///
/// Each --keep rule keeps the newest snapshot of each of the last N periods (UTC) that have one; a
/// snapshot that no rule keeps goes. Each cluster's snapshots count by themselves. Files without a
/// record, which etcdha did not save, and damaged ones are left alone. Of each cluster the newest
/// snapshot that is still what was saved stays, whatever the rules say.
///
/// Examples:
///   $ etcdha snapshot prune /var/backups/etcd --keep-last 6 --keep-daily 14 --keep-weekly 8
///   $ etcdha snapshot prune s3://etcd-backups/prod --keep-daily 30
///
/// Exit codes: 0 done or nothing to do, 3 refused or declined
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct PruneArgs {
    /// A directory, or s3://BUCKET/PREFIX
    #[arg(value_name = "PLACE", value_parser = store_args::place())]
    place: SnapshotPlace,

    #[command(flatten)]
    keep: KeepArgs,
    /// Remove what uploads have left that began so long ago and never ended
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "24h",
        value_parser = parse_duration,
        help_heading = "Behaviour"
    )]
    uploads_older_than: Duration,

    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// How many snapshots are kept.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Keep")]
pub(super) struct KeepArgs {
    /// The newest N
    #[arg(long, value_name = "N", default_value_t, hide_default_value = true)]
    keep_last: usize,

    /// The newest of each of the last N hours that have one
    #[arg(long, value_name = "N", default_value_t, hide_default_value = true)]
    keep_hourly: usize,

    /// The newest of each of the last N days that have one
    #[arg(long, value_name = "N", default_value_t, hide_default_value = true)]
    keep_daily: usize,

    /// The newest of each of the last N weeks, from Monday, that have one
    #[arg(long, value_name = "N", default_value_t, hide_default_value = true)]
    keep_weekly: usize,
}

impl KeepArgs {
    /// The flags and their numbers.
    pub(super) fn rules(self) -> [(&'static str, usize); 4] {
        [
            ("--keep-last", self.keep_last),
            ("--keep-hourly", self.keep_hourly),
            ("--keep-daily", self.keep_daily),
            ("--keep-weekly", self.keep_weekly),
        ]
    }

    pub(super) fn retention(self) -> Retention {
        Retention {
            last: self.keep_last,
            hourly: self.keep_hourly,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
        }
    }
}

struct PruneReport(Vec<Judged>);

fn becomes(judged: &Judged) -> String {
    if !judged.is_ours {
        return "left alone".to_owned();
    }
    if judged.reasons.is_empty() {
        return "removed".to_owned();
    }
    let reasons: Vec<_> = judged.reasons.iter().map(ToString::to_string).collect();
    format!("kept: {}", reasons.join(", "))
}

impl Report for PruneReport {
    const KIND: &'static str = "SnapshotPruning";

    fn document(&self) -> impl Serialize {
        let judged = self.0.iter().map(|judged| v1::PrunedSnapshot {
            snapshot: item(&judged.stored),
            removed: judged.is_ours && judged.reasons.is_empty(),
            reasons: judged.reasons.iter().map(ToString::to_string).collect(),
        });
        v1::SnapshotPruning {
            snapshots: judged.collect(),
        }
    }

    fn page(&self, page: &mut Page) {
        let mut table = Table::new(["TAKEN", "FILE", "STATE", "RESULT"]);
        for judged in &self.0 {
            let stored = &judged.stored;
            table.row([
                time(stored.taken_at),
                stored.place.name(),
                stored.state.to_string(),
                becomes(judged),
            ]);
        }
        page.table(&table);
    }
}

pub(super) fn run(args: &PruneArgs, _global: &GlobalArgs, output: &Output) -> Outcome {
    let directory = match &args.place {
        SnapshotPlace::Path(path) => std::path::absolute(path)
            .map_err(|error| CliError::failed("find the directory").cause(&error))?
            .into(),
        object @ SnapshotPlace::Object(_) => object.clone(),
    };
    let store = args.store.access([&directory])?;
    let request = PruneRequest {
        directory,
        retention: args.keep.retention(),
        upload_age: args
            .uploads_older_than
            .try_into()
            .unwrap_or(SignedDuration::MAX),
        now: Timestamp::now(),
    };
    let store = store.as_ref();
    block_on(prune(
        &request,
        store,
        args.change,
        &args.state.dir(),
        output,
    ))?
}

/// Looks, plans, and removes; also for whoever saves at set times.
pub(super) async fn prune(
    request: &PruneRequest,
    store: Option<&S3Access>,
    args: ChangeArgs,
    state: &Path,
    output: &Output,
) -> Outcome {
    let found = look_at(&request.directory, store).await.map_err(unseen)?;
    let is_good = async |stored: &Stored| is_good(stored, store, output).await;
    let pruning = plan(request, found, is_good).await;
    let pruning = pruning.map_err(CliError::refusal)?;
    let world = World {
        nodes: vec![operator_node()],
        store: store.cloned(),
        ..World::default()
    };
    let change = Change {
        plan: pruning.plan,
        args,
        state,
        lock: "snapshots".to_owned(),
    };
    let changed = change.run(world, output).await?;
    if !matches!(changed, Changed::DryRun) && !args.dry_run {
        output.emit(&PruneReport(pruning.judged))?;
    }
    Ok(ExitCode::Done)
}

/// Reads the snapshot whole.
async fn is_good(stored: &Stored, store: Option<&S3Access>, output: &Output) -> bool {
    let progress = output.progress(format!("verify {}", stored.place.name()));
    let is_good = is_sound(stored, store).await;
    match is_good {
        true => progress.done(),
        false => progress.failed(),
    }
    is_good
}
