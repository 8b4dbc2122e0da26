//! The command line of the bed's program.
//!
//! Invariant: a failure is told on standard error and ends with status 1.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::bed::{Bed, BedConfig};
use crate::debs::EtcdRelease;
use crate::host::HostConfig;
use crate::kubernetes::{Kubeadm, KubernetesConfig};
use crate::program::Program;
use crate::{bench, demo, host_init, kubelet, registry};

/// Test hosts for etcdha on one machine
#[derive(Debug, Parser)]
#[command(name = "testbed", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run static pods as the kubelet would, in the namespaces this is started in
    Kubelet(kubelet::Options),
    /// Run static pods right here, in a container that plays a host
    Pods {
        /// The manifest directory
        manifests: PathBuf,
    },
    /// Do nothing until told to end: the first process of a container that others enter
    Idle,
    /// Show the main job: grow a real etcd from one member to three while a writer writes
    Demo(demo::Options),
    /// Race etcdha against kubeadm: one master's etcd joins another's
    BenchJoin(bench::Options),
    /// Make test hosts and keep them until standard input ends
    Up {
        /// The hosts' names
        #[arg(required = true)]
        names: Vec<String>,
        /// Make each host a kubeadm master of its own, with the real kubelet and etcd 3.4
        #[arg(long)]
        kubernetes: bool,
    },
    /// Remove what killed test beds left: namespaces, links, mounts, directories
    Sweep,
    /// Be the first process of a test host
    #[command(hide = true)]
    HostInit { spec: PathBuf },
    /// Become the program of a container
    #[command(hide = true)]
    ContainerInit { spec: PathBuf },
}

/// Runs the bed's program with the arguments, the first of which is the program's own name.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    ExitCode::from(run(arguments))
}

/// As [`main`], with the exit status as a number.
pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    let done = match cli.command {
        Command::Kubelet(options) => kubelet::run(&options),
        Command::Pods { manifests } => kubelet::run_in_place(manifests),
        Command::Idle => kubelet::idle(),
        Command::Demo(options) => demo::run(&options),
        Command::BenchJoin(options) => bench::run(&options),
        Command::Up { names, kubernetes } => up(&names, kubernetes),
        Command::Sweep => registry::sweep().map(|slots| {
            for slot in slots {
                println!("swept the test bed in slot {slot}");
            }
        }),
        Command::HostInit { spec } => host_init::main(&spec),
        Command::ContainerInit { spec } => kubelet::enter_container(&spec),
    };
    match done {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("error: {error:#}");
            1
        }
    }
}

/// Makes hosts and tells a person, or a test, how to reach them.
fn up(names: &[String], kubernetes: bool) -> Result<()> {
    let config = names
        .iter()
        .map(|name| HostConfig::named(name))
        .fold(BedConfig::new(Program::current()), BedConfig::host);
    let bed = Bed::new(config)?;
    for host in bed.hosts() {
        if kubernetes {
            host.start_kubernetes(KubernetesConfig::new(EtcdRelease::V3_4).control_plane())?;
            Kubeadm::new(host, EtcdRelease::V3_4)?.init()?;
        }
        println!(
            "host {} slot={} address={} address6={} init={} root={}",
            host.name(),
            bed.slot(),
            host.address(),
            host.address6(),
            host.init()?,
            host.root().display()
        );
    }
    println!("enter one: nsenter --target INIT --net --mount --uts --pid");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())
        .context("wait for the end of standard input")?;
    Ok(())
}
