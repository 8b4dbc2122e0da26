//! `etcdha snapshot restore`.

mod cluster;
mod cluster_report;
mod report;
mod request;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use self::report::RestoreReport;
use crate::cli::apiserver::parse_wait;
use crate::cli::args::{ChangeArgs, EtcdArgs, GlobalArgs};
use crate::cli::change::{Change, Changed, StateArgs};
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::Output;
use crate::cli::runtime::{block_on, was_signalled};
use crate::model::{EtcdVersion, NodeName, PeerUrl};
use crate::ops::snapshot_restore::{
    ObserveError, Observed, RestoreRequest, is_done, observe, order, plan,
};
use crate::plan::World;

/// Make the data directory of one member from a snapshot, or restore a whole cluster
use super::refused;
use super::source::{self, SourceArgs};

/// Make the data directory of one member of a new cluster from a snapshot
///
/// With --cluster, all of the cluster file's members are restored, as one plan: new data is made
/// beside the old on every host, apiservers and members are stopped (manifests moved aside), the data
/// changes places, the members start, their HashKV is compared with the file's, and the apiservers
/// come back one at a time. Revisions are moved on by 1000000000, so that watches and informers from
/// before fail and list anew. Until the members have proven what they hold, any failure puts
/// everything back; old data is kept. Run it again after a kill: it goes on.
///
/// Without --cluster, it is one member's directory. The file is read whole and its digest compared before the first byte is written. The directory is
/// built under another name beside its place (or within it, where it is there already), read back,
/// synced and renamed; one that holds anything is never touched. Membership and alarms of the old
/// cluster are dropped; keys with all their revisions, leases, users and roles stay.
///
/// A restore founds a new cluster: never restore one member of a cluster that runs. Restore every
/// member from the same file with the same flags apart from --name. The cluster token, from which
/// all ids come, is made of the file's digest and the first revision, so members that were restored
/// from different files or with different bumps refuse each other, and stray members of the old
/// cluster are refused, too. Name the same --initial-cluster-token for all where members are restored
/// with other tools.
///
/// Names, peer URLs and directories come from the cluster file where there is one.
///
/// Examples:
///   $ etcdha snapshot restore --cluster etcd.db
///   $ etcdha snapshot restore --cluster etcd.db --without m3
///   $ etcdha snapshot restore etcd.db --name m1
///   $ etcdha snapshot restore etcd.db --name m1 --bump-revision 1000000000 --mark-compacted
///   $ etcdha snapshot restore etcd.db --name m1 --initial-cluster m1=https://10.0.0.11:2380 \
///       --data-dir /var/lib/etcd
///
/// Exit codes: 0 restored, now or before; 1 failed, everything is as before; 3 refused; 4 failed
/// where there was no way back, run it again; 5 the snapshot is damaged
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// Restore every member of the cluster file
    #[arg(
        long,
        conflicts_with_all = [
            "name", "initial_cluster", "initial_cluster_token", "initial_advertise_peer_urls",
            "data_dir", "wal_dir", "owner", "etcd_version",
        ],
        help_heading = "Target"
    )]
    cluster: bool,

    /// Members that are lost for good, comma-separated: the new cluster does without them
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        requires = "cluster",
        help_heading = "Target"
    )]
    without: Vec<NodeName>,

    /// Kubeconfig of an administrator, for --cluster [default: the nodes'
    /// /etc/kubernetes/admin.conf]
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    kubeconfig: Option<PathBuf>,

    /// Name of the member [default: the cluster file's only member, else default]
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    name: Option<String>,

    /// All members of the new cluster, comma-separated; a name with two URLs stands there twice
    /// [default: the cluster file's members, else NAME=http://localhost:2380]
    #[arg(
        long,
        value_name = "NAME=URL",
        value_delimiter = ',',
        help_heading = "Target"
    )]
    initial_cluster: Vec<String>,

    /// Cluster token, the same for all members [default: made of the digest and the first revision]
    #[arg(long, value_name = "TOKEN", help_heading = "Target")]
    initial_cluster_token: Option<String>,

    /// Peer URLs of this member, comma-separated [default: those in the initial cluster]
    #[arg(
        long,
        value_name = "URL",
        value_delimiter = ',',
        help_heading = "Target"
    )]
    initial_advertise_peer_urls: Vec<PeerUrl>,

    /// Data directory on the host [default: the cluster file's, else NAME.etcd]
    #[arg(long, value_name = "DIR", help_heading = "Target")]
    data_dir: Option<PathBuf>,

    /// Directory for the write-ahead log, for an etcd with --wal-dir [default: within the data
    /// directory]
    #[arg(long, value_name = "DIR", help_heading = "Target")]
    wal_dir: Option<PathBuf>,

    /// Owner of the files [default: etcd.service.user in an external topology; else the owner of the
    /// directory, or of the one that will hold it]
    #[arg(long, value_name = "USER[:GROUP]", help_heading = "Target")]
    owner: Option<String>,

    /// Release of etcd that will run on it; snapshots of newer ones are refused [default: the
    /// cluster file's]
    #[arg(long, value_name = "VERSION", help_heading = "Target")]
    etcd_version: Option<EtcdVersion>,

    /// Move the revision on, so that none is given out twice [default with --cluster: 1000000000,
    /// which is plenty]
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..),
        requires = "mark_compacted",
        help_heading = "Behaviour"
    )]
    bump_revision: Option<u64>,

    /// Count all revisions before as compacted, so that old watches fail and clients list anew
    #[arg(long, requires = "bump_revision", help_heading = "Behaviour")]
    mark_compacted: bool,

    /// Take a file without a digest, such as a copy of member/snap/db, or with a wrong one
    #[arg(long, help_heading = "Behaviour")]
    skip_hash_check: bool,

    /// Take a snapshot of a newer release than the etcd that will run on it
    #[arg(long, help_heading = "Behaviour")]
    allow_newer: bool,

    /// Replace a cluster that still has a quorum: what it got since the snapshot is lost
    #[arg(long, requires = "cluster", help_heading = "Behaviour")]
    replace_living: bool,

    /// Longest wait for programs to end, for members to serve, and for each apiserver, with --cluster
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_wait,
        help_heading = "Behaviour")]
    wait: Duration,

    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    etcd: EtcdArgs,
}

pub(super) fn run(args: &RestoreArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    if args.cluster {
        return cluster::run(args, global, output);
    }
    let mut request = args.request(global)?;
    let source = match source::open(&args.source, output) {
        Ok(source) => source,
        Err(unopened) => return unopened.end(output),
    };
    request.opened = Some(source.file.clone());
    let observed = look(&request, output)?;
    let order = order(&request, &observed).map_err(refused)?;
    let node = request.node.name.to_string();
    let world = World {
        nodes: vec![request.node.clone()],
        snapshot: request.opened.clone(),
        ..World::default()
    };
    let report = RestoreReport::new(&order, &observed, &request)?;
    if is_done(&request, &observed, &world)? {
        if !args.change.dry_run {
            world.tidy_restore(&node, &order)?;
        }
        output.emit(&report.unchanged())?;
        return Ok(ExitCode::Done);
    }
    let plan = plan(&request, &observed).map_err(refused)?;
    let change = Change {
        plan,
        args: args.change,
        state: &args.state.dir(),
        lock: report.lock_name(),
    };
    match block_on(change.run(world, output))?? {
        Changed::DryRun => {}
        Changed::Nothing => output.emit(&report)?,
        Changed::Applied(applied) => output.emit(&report.made(&applied))?,
    }
    Ok(ExitCode::Done)
}

/// Reads the file and looks at the directories, with a word about how far it has come.
fn look(request: &RestoreRequest, output: &Output) -> Result<Observed, CliError> {
    read_with_news(&request.snapshot, output, |watch| observe(request, watch))
}

/// Has a file read, with a word about how far it has come.
fn read_with_news<T>(
    file: &Path,
    output: &Output,
    read: impl FnOnce(&(dyn Fn(u64, u64) -> bool + Sync)) -> Result<T, ObserveError>,
) -> Result<T, CliError> {
    let progress = output.progress(format!("read {}", file.display()));
    let watch = |done: u64, total: u64| {
        progress.length(total);
        progress.position(done.min(total));
        !was_signalled()
    };
    // On the runtime, since that is what hears signals.
    let observed = block_on(async { read(&watch) })?;
    match observed {
        Ok(observed) => {
            progress.done();
            Ok(observed)
        }
        Err(error) => {
            progress.failed();
            Err(match error {
                ObserveError::Interrupted => CliError::interrupted(),
                ObserveError::File(error) => CliError::from(error),
            })
        }
    }
}
