//! `etcdha config`: the cluster file, checked, resolved and described.

mod check;
mod schema;
mod show;

use clap::{Args, Subcommand};

use super::args::GlobalArgs;
use super::error::Outcome;
use super::output::Output;

/// Check, show and describe the cluster file
#[derive(Args, Debug)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    Check(check::CheckArgs),
    Schema(schema::SchemaArgs),
    Show(Box<show::ShowArgs>),
}

pub(super) fn run(args: &ConfigArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    match &args.command {
        ConfigCommand::Check(args) => check::run(args, global, output),
        ConfigCommand::Schema(args) => schema::run(args, output),
        ConfigCommand::Show(args) => show::run(args, global, output),
    }
}
