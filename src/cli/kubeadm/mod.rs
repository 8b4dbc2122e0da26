//! `etcdha kubeadm`: to kubeadm's files and from them.

mod config;
mod discover;

use clap::{Args, Subcommand};

use super::args::GlobalArgs;
use super::error::Outcome;
use super::output::Output;

/// Read a kubeadm cluster, and make kubeadm's configuration files
#[derive(Args, Debug)]
pub(super) struct KubeadmArgs {
    #[command(subcommand)]
    command: KubeadmCommand,
}

#[derive(Debug, Subcommand)]
enum KubeadmCommand {
    Config(Box<config::ConfigArgs>),
    Discover(Box<discover::DiscoverArgs>),
}

pub(super) fn run(args: &KubeadmArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    match &args.command {
        KubeadmCommand::Config(args) => config::run(args, global, output),
        KubeadmCommand::Discover(args) => discover::run(args, global, output),
    }
}
