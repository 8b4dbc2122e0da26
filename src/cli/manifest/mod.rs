//! `etcdha manifest`: static pods and units, made and judged.

mod etcd;
mod lint;
mod member;
mod systemd;

use clap::{Args, Subcommand};

use super::args::GlobalArgs;
use super::error::Outcome;
use super::output::Output;

/// Make and check static pod manifests and systemd units of etcd
#[derive(Args, Debug)]
pub(super) struct ManifestArgs {
    #[command(subcommand)]
    command: ManifestCommand,
}

#[derive(Debug, Subcommand)]
enum ManifestCommand {
    Etcd(Box<etcd::EtcdArgs>),
    Lint(lint::LintArgs),
    Systemd(Box<systemd::SystemdArgs>),
}

pub(super) fn run(args: &ManifestArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    match &args.command {
        ManifestCommand::Etcd(args) => etcd::run(args, global, output),
        ManifestCommand::Lint(args) => lint::run(args, output),
        ManifestCommand::Systemd(args) => systemd::run(args, global, output),
    }
}
