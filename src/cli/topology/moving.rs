//! `etcdha topology move`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::apiserver::{EtcdFileArgs, Row, observe_error, parse_wait, rows};
use crate::cli::args::{ChangeArgs, EtcdArgs, GlobalArgs};
use crate::cli::change::{Change, Changed, StateArgs, backups, receipts};
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, elapsed};
use crate::cli::runtime::block_on;
use crate::cli::{cluster_source, etcd, secrets};
use crate::cluster::{Pulse, PulseReport, Quorum};
use crate::model::{ClusterSpec, NodeName, Topology};
use crate::ops::apiserver_nodes::control_plane;
use crate::ops::apiserver_repoint::{RepointRequest, Wish};
use crate::ops::member_add::{self, MemberAddRequest};
use crate::ops::node_files::{local_node, operator_node};
use crate::ops::topology_move::{
    Looked, ObserveError, TopologyMoveRequest, observe, plan, still_voting,
};
use crate::plan::{Applied, Plan, World};

/// Move etcd to members of the cluster's topology, and the apiservers to them
///
/// The cluster file declares both: the topology to be (topology: external, or stacked), and at each
/// member that lives elsewhere yet the one it has (topology: stacked, or external). One plan adds
/// the members that stay, proves that all hold the same data, and points one apiserver after the
/// other at them. It ends there: the others vote on until you remove them (docs/topology.md).
///
/// Example:
///   $ etcdha topology move --dry-run
///   $ etcdha topology move
///
/// Exit codes: 0 done, 1 failed and undone, 3 refused, 4 partly applied
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct MoveArgs {
    /// Most raft entries a learner may be behind when it is promoted
    #[arg(
        long,
        value_name = "ENTRIES",
        default_value_t = 1000,
        help_heading = "Behaviour"
    )]
    max_lag: u64,

    /// Longest wait for a member to start, and for progress while it catches up
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = parse_wait,
        help_heading = "Behaviour")]
    wait: Duration,

    /// Longest wait for an apiserver to be replaced and ready; then its old manifest is put back
    #[arg(long, value_name = "DURATION", default_value = "3m", value_parser = parse_wait,
        help_heading = "Behaviour")]
    apiserver_wait: Duration,

    /// Issue certificates anew where those on a new host are not valid for it
    #[arg(long, help_heading = "Behaviour")]
    replace_certificates: bool,

    /// Kubeconfig of an administrator [default: the nodes' /etc/kubernetes/admin.conf]
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    kubeconfig: Option<PathBuf>,

    #[command(flatten)]
    files: EtcdFileArgs,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    etcd: EtcdArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// What is true once etcd has moved.
struct MoveReport {
    name: String,
    topology: &'static str,
    quorum: Quorum,
    pulse: PulseReport,
    rows: Vec<Row>,
    still_voting: Vec<String>,
    receipt: Option<String>,
}

impl Report for MoveReport {
    const KIND: &'static str = "TopologyMoveResult";

    fn document(&self) -> impl Serialize {
        v1::TopologyMoveResult {
            cluster: &self.name,
            topology: self.topology,
            voters: self.quorum.voters,
            tolerates_failures: self.quorum.tolerates(),
            longest_pause_millis: self.pulse.longest_gap.as_secs_f64() * 1e3,
            apiservers: self.rows.iter().map(Row::document).collect(),
            still_voting: &self.still_voting,
            receipt: self.receipt.as_deref(),
        }
    }

    fn page(&self, page: &mut Page) {
        Row::table(&self.rows, page);
        page.line(format!(
            "Cluster {}: {} voting members, tolerates {}.",
            self.name,
            self.quorum.voters,
            self.quorum.tolerates()
        ));
        match &self.receipt {
            None => {
                page.line("Nothing to do: the members to be vote, and every apiserver uses them.");
            }
            Some(_) => page.line(format!(
                "Longest pause for writers: {}.",
                elapsed(self.pulse.longest_gap)
            )),
        }
        match self.still_voting.is_empty() {
            true => page.hint("Next: look at it with etcdha status"),
            false => page.hint(format!(
                "Next: remove {}, one after the other (docs/topology.md)",
                self.still_voting.join(", ")
            )),
        }
        if let Some(receipt) = &self.receipt {
            page.hint(format!("Receipt: {receipt}"));
        }
    }
}

pub(super) fn run(args: &MoveArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let spec = cluster_source::load(global, &args.cluster)?;
    if spec.leaving_members().next().is_none() {
        return Err(nothing_moves(&spec));
    }
    let access = etcd::access(&args.etcd, Some(&spec))?;
    let request = request(args, spec)?;
    block_on(async {
        let checking = output.progress("checking the cluster, the hosts and the apiservers");
        let looked = observe(&request, &access, Timestamp::now()).await;
        let looked = looked.map_err(|error| match error {
            ObserveError::Members(member_add::ObserveError::Cluster(error)) => {
                etcd::no_answer(&error)
            }
            ObserveError::Members(error) => CliError::from(error),
            ObserveError::Apiservers(error) => observe_error(error),
        })?;
        checking.done();
        let plan = plan(&request, &looked.members.observed, &looked.apiservers);
        apply(
            args,
            &request,
            looked,
            plan.map_err(CliError::refusal)?,
            output,
        )
        .await
    })?
}

fn nothing_moves(spec: &ClusterSpec) -> CliError {
    let (topology, other) = match spec.topology {
        Topology::Stacked => ("stacked", "external"),
        Topology::External => ("external", "stacked"),
    };
    let what =
        format!("the cluster is {topology}, and so is every etcd member of the cluster file");
    CliError::usage(what)
        .expected("members that live elsewhere yet, and the topology to be")
        .fix(format!(
            "set topology: {other} for the cluster, add the members to be, and give each present one \
             topology: {topology}"
        ))
}

fn request(args: &MoveArgs, spec: ClusterSpec) -> Result<TopologyMoveRequest, CliError> {
    let staying: Vec<NodeName> = spec
        .staying_members()
        .map(|member| member.name.clone())
        .collect();
    let names: Vec<NodeName> = control_plane(&spec)
        .map(|member| member.name.clone())
        .collect();
    if names.is_empty() {
        return Err(
            CliError::usage("no node of the cluster file has the role control-plane")
                .fix("declare one: roles: [control-plane]"),
        );
    }
    let state = args.state.dir();
    let kubeconfig = args.kubeconfig.as_ref();
    Ok(TopologyMoveRequest {
        repoint: RepointRequest {
            names,
            wish: Wish::of(spec.topology),
            files: args.files.wish(),
            joining: staying.clone(),
            migrate: false,
            wait_seconds: args.apiserver_wait.as_secs(),
            kubeconfig: kubeconfig.map(std::path::absolute).transpose()?,
            receipts: receipts(&state),
            backup_dir: backups(&state),
            spec: spec.clone(),
        },
        add: MemberAddRequest {
            names: staying,
            max_lag: args.max_lag,
            wait_seconds: args.wait.as_secs(),
            allow_two: false,
            replace_certificates: args.replace_certificates,
            passphrase: secrets::ca_passphrase(),
            backup_dir: backups(&state),
            spec,
        },
    })
}

async fn apply(
    args: &MoveArgs,
    request: &TopologyMoveRequest,
    looked: Looked,
    plan: Plan,
    output: &Output,
) -> Outcome {
    let spec = &request.add.spec;
    let view = &looked.members.observed.view;
    let before = view.quorum();
    let voters = plan.steps.iter().rev().find_map(|step| step.voters);
    let quorum = voters.map_or(before, |after| Quorum {
        voters: after.voters,
    });
    let still_voting = still_voting(spec, view);
    let lock = format!("cluster-{}", view.cluster_id);
    let world = World {
        nodes: spec
            .members
            .iter()
            .map(local_node)
            .chain([operator_node()])
            .collect(),
        access: Some(looked.members.access.clone()),
        authority: looked.members.authority,
        ..World::default()
    };
    let pulse = Pulse::start(looked.members.access);
    let change = Change {
        plan: plan.clone(),
        args: args.change,
        state: &args.state.dir(),
        lock,
    };
    let changed = change.run(world, output).await?;
    let pulse = pulse.finish().await;
    let applied: Option<Applied> = match changed {
        Changed::DryRun => return Ok(ExitCode::Done),
        Changed::Nothing if args.change.dry_run => return Ok(ExitCode::Done),
        Changed::Nothing => None,
        Changed::Applied(applied) => Some(applied),
    };
    output.emit(&MoveReport {
        name: spec.name.clone(),
        topology: spec.topology.as_str(),
        quorum,
        pulse,
        rows: rows(&looked.apiservers, &plan, applied.as_ref()),
        still_voting,
        receipt: applied.map(|applied| applied.receipt_path.display().to_string()),
    })?;
    Ok(ExitCode::Done)
}
