//! `etcdha snapshot`: one file a subcommand.

mod drill;
mod hashkv;
mod inspect;
mod list;
mod pack_args;
mod prune;
mod restore;
mod save;
mod schedule;
mod source;
mod status;
mod store_args;
mod verify;

use clap::{Args, Subcommand};

use super::args::GlobalArgs;
use super::error::{CliError, Outcome};
use super::exit_code::ExitCode;
use super::output::{Output, Report};
use crate::ops::Refusal;
use crate::ops::snapshot_look::LookError;
use crate::ops::snapshot_source::Source;
use source::SourceArgs;

/// Save snapshots, prove that they are sound, restore members from them
#[derive(Args, Debug)]
pub(super) struct SnapshotArgs {
    #[command(subcommand)]
    command: SnapshotCommand,
}

#[derive(Debug, Subcommand)]
enum SnapshotCommand {
    Drill(Box<drill::DrillArgs>),
    Hashkv(hashkv::HashkvArgs),
    Inspect(inspect::InspectArgs),
    List(list::ListArgs),
    Prune(prune::PruneArgs),
    Restore(Box<restore::RestoreArgs>),
    Save(Box<save::SaveArgs>),
    Schedule(schedule::ScheduleArgs),
    Status(status::StatusArgs),
    Verify(verify::VerifyArgs),
}

pub(super) fn run(args: &SnapshotArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    match &args.command {
        SnapshotCommand::Drill(args) => drill::run(args, output),
        SnapshotCommand::Hashkv(args) => hashkv::run(args, output),
        SnapshotCommand::Inspect(args) => inspect::run(args, output),
        SnapshotCommand::List(args) => list::run(args, global, output),
        SnapshotCommand::Prune(args) => prune::run(args, global, output),
        SnapshotCommand::Save(args) => save::run(args, global, output),
        SnapshotCommand::Schedule(args) => schedule::run(args, global, output),
        SnapshotCommand::Restore(args) => restore::run(args, global, output),
        SnapshotCommand::Status(args) => status::run(args, output),
        SnapshotCommand::Verify(args) => verify::run(args, output),
    }
}

/// Opens the snapshot, and shows what is found in it. A file that is damaged is a problem found, not a
/// failure of ours.
fn show<T, R: Report>(
    source: &SourceArgs,
    look: impl FnOnce(&Source) -> Result<T, LookError>,
    report: impl FnOnce(T) -> R,
    output: &Output,
) -> Outcome {
    let source = match source::open(source, output) {
        Ok(source) => source,
        Err(unopened) => return unopened.end(output),
    };
    match look(&source) {
        Ok(found) => {
            output.emit(&report(found))?;
            Ok(ExitCode::Done)
        }
        Err(LookError::Damaged { place, source }) => {
            let verify = format!("see all that is wrong: etcdha snapshot verify {place}");
            let error = LookError::Damaged { place, source };
            output.error(&CliError::from(error).fix(verify));
            Ok(ExitCode::Problems)
        }
        Err(error) => Err(error.into()),
    }
}

/// What is wrong with the file itself ends as `snapshot verify` would.
fn refused(refusal: Refusal) -> CliError {
    match refusal.id {
        "snapshot-damaged" | "digest-mismatch" | "digest-missing" => CliError::unfit(refusal),
        _ => CliError::refusal(refusal),
    }
}
