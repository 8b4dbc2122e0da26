//! `etcdha topology`: where the members of etcd live.

mod moving;

use clap::{Args, Subcommand};

use super::args::GlobalArgs;
use super::error::Outcome;
use super::output::Output;

/// Move etcd between the control plane nodes and hosts of its own
#[derive(Args, Debug)]
pub(super) struct TopologyArgs {
    #[command(subcommand)]
    command: TopologyCommand,
}

#[derive(Debug, Subcommand)]
enum TopologyCommand {
    Move(Box<moving::MoveArgs>),
}

pub(super) fn run(args: &TopologyArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    match &args.command {
        TopologyCommand::Move(args) => moving::run(args, global, output),
    }
}
