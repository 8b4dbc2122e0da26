//! `etcdha apiserver`: which etcd the kube-apiservers use.

mod repoint;
mod roll;
mod rollback;
mod status;

use clap::{Args, Subcommand};

use super::args::GlobalArgs;
use super::error::Outcome;
use super::output::Output;

pub(in crate::cli) use repoint::EtcdFileArgs;
pub(in crate::cli) use roll::{Row, observe_error, parse_wait, rows};
pub(in crate::cli) use status::{apiserver_tables, json_apiserver, json_lease};

/// Show and change which etcd the kube-apiservers use
#[derive(Args, Debug)]
pub(super) struct ApiserverArgs {
    #[command(subcommand)]
    command: ApiserverCommand,
}

#[derive(Debug, Subcommand)]
enum ApiserverCommand {
    Repoint(Box<repoint::RepointArgs>),
    Rollback(Box<rollback::RollbackArgs>),
    Status(Box<status::StatusArgs>),
}

pub(super) fn run(args: &ApiserverArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    match &args.command {
        ApiserverCommand::Repoint(args) => repoint::run(args, global, output),
        ApiserverCommand::Rollback(args) => rollback::run(args, global, output),
        ApiserverCommand::Status(args) => status::run(args, global, output),
    }
}
