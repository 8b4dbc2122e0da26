//! `etcdha kubeadm discover`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::args::GlobalArgs;
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::error::Outcome;
use crate::cli::init::{host_error, paths_for, write};
use crate::cli::output::Output;
use crate::ops::cluster_file::PLACES;
use crate::ops::init::read_hosts;

/// Read a kubeadm cluster's hosts into a cluster file
///
/// Reads /etc/kubernetes of one host or of several: the manifests of etcd, kube-apiserver and
/// kube-controller-manager, the certificates and their names, and where admin.conf leads. Hosts that
/// contradict each other are refused. Flags are laid over what was read. A file that is there is not
/// replaced.
///
/// Examples:
///   $ etcdha kubeadm discover
///   $ etcdha kubeadm discover --root /mnt/m1 --root /mnt/m2 --root /mnt/m3 --dry-run
///
/// Exit codes: 0 written, 2 too little is known, 3 hosts contradict each other, or the file exists
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct DiscoverArgs {
    /// Root directory of a host to read; may be repeated [default: /]
    #[arg(long, value_name = "DIR", help_heading = "Target")]
    root: Vec<PathBuf>,

    /// Replace the file where there is one
    #[arg(long, help_heading = "Behaviour")]
    force: bool,

    /// Print the file and write nothing
    #[arg(long, help_heading = "Behaviour")]
    dry_run: bool,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(super) fn run(args: &DiscoverArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let file = global.config.clone().unwrap_or_else(|| PLACES[0].into());
    let roots = match args.root.as_slice() {
        [] => vec![Path::new("/").to_owned()],
        roots => roots.to_vec(),
    };
    let (cluster, roots) = paths_for(&file, &args.cluster, &roots)?;
    let reading = read_hosts(&roots, cluster.etcd_version.as_ref()).map_err(host_error)?;
    let spec = cluster.over(reading.spec.clone());
    write(
        file,
        spec,
        Some(reading),
        (args.force, args.dry_run),
        output,
    )
}
