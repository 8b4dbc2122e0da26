//! `etcdha snapshot prune`.

use std::fs::File;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::args::{ChangeArgs, GlobalArgs};
use crate::cli::change::{Change, Changed, StateArgs};
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table};
use crate::cli::runtime::block_on;
use crate::ops::node_files::operator_node;
use crate::ops::snapshot_store::{Judged, PruneRequest, Stored, look, plan};
use crate::plan::World;
use crate::snapshot::Retention;
use crate::snapshot::verify::{VerifyOptions, verify};

use super::list::{item, time};

/// Remove old snapshots, never the newest good one
///
/// Each --keep rule keeps the newest snapshot of each of the last N periods (UTC) that have one; a
/// snapshot that no rule keeps goes. Each cluster's snapshots count by themselves. Files without a
/// record, which etcdha did not save, and damaged ones are left alone. Of each cluster the newest
/// snapshot that verifies stays, whatever the rules say.
///
/// Example:
///   $ etcdha snapshot prune /var/backups/etcd --keep-last 6 --keep-daily 14 --keep-weekly 8
///
/// Exit codes: 0 done or nothing to do, 3 refused or declined
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct PruneArgs {
    /// The directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    #[command(flatten)]
    keep: KeepArgs,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    state: StateArgs,
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
            let name = stored.path.file_name().unwrap_or_default();
            table.row([
                time(stored.taken_at),
                name.to_string_lossy().into_owned(),
                stored.state.to_string(),
                becomes(judged),
            ]);
        }
        page.table(&table);
    }
}

pub(super) fn run(args: &PruneArgs, _global: &GlobalArgs, output: &Output) -> Outcome {
    let directory = std::path::absolute(&args.directory)
        .map_err(|error| CliError::failed("find the directory").cause(&error))?;
    let request = PruneRequest {
        directory,
        retention: args.keep.retention(),
    };
    let found = look(&request.directory).map_err(CliError::from)?;
    let pruning = plan(&request, found, |stored| is_good(stored, output));
    let pruning = pruning.map_err(CliError::refusal)?;
    let world = World {
        nodes: vec![operator_node()],
        ..World::default()
    };
    let change = Change {
        plan: pruning.plan,
        args: args.change,
        state: &args.state.dir(),
        lock: "snapshots".to_owned(),
    };
    let changed = block_on(change.run(world, output))??;
    if !matches!(changed, Changed::DryRun) && !args.change.dry_run {
        output.emit(&PruneReport(pruning.judged))?;
    }
    Ok(ExitCode::Done)
}

/// Reads the snapshot whole.
fn is_good(stored: &Stored, output: &Output) -> bool {
    let name = stored.path.file_name().unwrap_or_default();
    let progress = output.progress(format!("verify {}", name.to_string_lossy()));
    let found = File::open(&stored.path).map(|file| verify(&file, VerifyOptions::default()));
    let is_good = found.is_ok_and(|found| found.is_ok_and(|it| it.is_restorable()));
    match is_good {
        true => progress.done(),
        false => progress.failed(),
    }
    is_good
}
