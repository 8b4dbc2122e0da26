//! `etcdha snapshot schedule`: one file a subcommand.

mod install;
mod job;
mod run;

use clap::{Args, Subcommand};

use crate::cli::args::GlobalArgs;
use crate::cli::error::Outcome;
use crate::cli::output::Output;

/// Have snapshots taken, pruned and told of at set times
#[derive(Args, Debug)]
pub(super) struct ScheduleArgs {
    #[command(subcommand)]
    command: ScheduleCommand,
}

#[derive(Debug, Subcommand)]
enum ScheduleCommand {
    Install(Box<install::InstallArgs>),
    Run(Box<run::RunArgs>),
}

pub(super) fn run(args: &ScheduleArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    match &args.command {
        ScheduleCommand::Install(args) => install::run(args, global, output),
        ScheduleCommand::Run(args) => run::run(args, global, output),
    }
}
