//! `etcdha member`: who belongs to the cluster.

mod add;
mod list;
mod row;

use clap::{Args, Subcommand};

use super::args::GlobalArgs;
use super::error::Outcome;
use super::output::Output;

pub(super) use row::{address, json_member};

/// Show and change the members of a cluster
#[derive(Args, Debug)]
pub(super) struct MemberArgs {
    #[command(subcommand)]
    command: MemberCommand,
}

#[derive(Debug, Subcommand)]
enum MemberCommand {
    Add(Box<add::AddArgs>),
    List(list::ListArgs),
}

pub(super) fn run(args: &MemberArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    match &args.command {
        MemberCommand::Add(args) => add::run(args, global, output),
        MemberCommand::List(args) => list::run(args, global, output),
    }
}
