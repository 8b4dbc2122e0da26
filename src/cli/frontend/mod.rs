//! `etcdha frontend`: one virtual address for the apiservers, balanced by this node's kernel.

mod care;
mod check;
mod clean;
mod once;
mod plan;
mod status;
mod target;

use clap::{Args, Subcommand};

use super::args::GlobalArgs;
use super::error::{CliError, Outcome};
use super::output::Output;
use crate::ops::frontend::FrontendError;

/// Balance one virtual address over the apiservers, in this node's kernel
#[derive(Args, Debug)]
pub(super) struct FrontendArgs {
    #[command(subcommand)]
    command: FrontendCommand,
}

#[derive(Debug, Subcommand)]
enum FrontendCommand {
    Care(Box<care::CareArgs>),
    Check(Box<check::CheckArgs>),
    Clean(Box<clean::CleanArgs>),
    Once(Box<once::OnceArgs>),
    Status(Box<status::StatusArgs>),
}

pub(super) fn run(args: &FrontendArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    match &args.command {
        FrontendCommand::Care(args) => care::run(args, global, output),
        FrontendCommand::Check(args) => check::run(args, global, output),
        FrontendCommand::Clean(args) => clean::run(args, global, output),
        FrontendCommand::Once(args) => once::run(args, global, output),
        FrontendCommand::Status(args) => status::run(args, global, output),
    }
}

/// A refusal keeps its id; everything else is a failure with its causes.
fn told(error: FrontendError) -> CliError {
    match error {
        FrontendError::Refused(refusal) => CliError::refusal(refusal),
        error => CliError::from(error),
    }
}
