//! What `repoint` and `rollback` share: flags, and the roll from node to node with its report.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::cli::args::{ChangeArgs, EtcdArgs, GlobalArgs};
use crate::cli::change::{Change, Changed, StateArgs, backups, receipts};
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table, clean};
use crate::cli::runtime::block_on;
use crate::cli::{cluster_source, etcd};
use crate::cluster::ClusterAccess;
use crate::model::{ClusterSpec, NodeName, parse_duration};
use crate::ops::apiserver_nodes::control_plane;
use crate::ops::apiserver_repoint::{
    FileWish, ObserveError, Observed, RepointRequest, Wish, observe, plan,
};
use crate::ops::node_files::{local_node, operator_node};
use crate::plan::{Action, Applied, Outcome as StepOutcome, Plan, World};

/// Flags of both commands.
#[derive(Args, Debug)]
pub(super) struct RollArgs {
    /// Nodes whose apiservers are meant, in this order; all of the cluster file by default
    #[arg(value_name = "NAME")]
    names: Vec<NodeName>,

    /// Longest wait for an apiserver to be replaced and ready; then its old manifest is put back
    #[arg(long, value_name = "DURATION", default_value = "3m", value_parser = parse_wait,
        help_heading = "Behaviour")]
    wait: Duration,

    /// Accept another cluster that holds the same data as the one the apiservers serve now
    #[arg(long, help_heading = "Behaviour")]
    migrate: bool,

    /// Kubeconfig of an administrator [default: the nodes' /etc/kubernetes/admin.conf]
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    kubeconfig: Option<PathBuf>,

    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    etcd: EtcdArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(in crate::cli) fn parse_wait(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(wait) if wait < Duration::from_secs(1) => Err("expected at least 1s".to_owned()),
        Ok(wait) => Ok(wait),
        Err(error) => Err(error.to_string()),
    }
}

/// What is true once the apiservers were given their manifests.
struct RollReport {
    command: &'static str,
    name: String,
    rows: Vec<Row>,
    receipt: Option<String>,
}

/// An apiserver once it was its turn.
pub(in crate::cli) struct Row {
    node: String,
    servers: Vec<String>,
    label: String,
    changed: bool,
    proof: Option<String>,
}

impl Row {
    pub(in crate::cli) fn document(&self) -> v1::RepointedApiserver<'_> {
        v1::RepointedApiserver {
            node: &self.node,
            etcd_servers: &self.servers,
            changed: self.changed,
            proof: self.proof.as_deref(),
        }
    }

    /// All of them as a table, then what was proven.
    pub(in crate::cli) fn table(rows: &[Self], page: &mut Page) {
        let mut table = Table::new(["APISERVER", "RESULT", "ETCD ENDPOINTS"]);
        for row in rows {
            let result = if row.changed {
                "repointed"
            } else {
                "as it was"
            };
            table.row([row.node.clone(), result.to_owned(), row.label.clone()]);
        }
        page.table(&table);
        for proof in rows.iter().filter_map(|row| row.proof.as_ref()) {
            page.line(clean(proof));
        }
    }
}

impl Report for RollReport {
    const KIND: &'static str = "ApiserverRepointResult";

    fn document(&self) -> impl Serialize {
        v1::ApiserverRepointResult {
            cluster: &self.name,
            command: self.command,
            apiservers: self.rows.iter().map(Row::document).collect(),
            receipt: self.receipt.as_deref(),
        }
    }

    fn page(&self, page: &mut Page) {
        Row::table(&self.rows, page);
        if self.receipt.is_none() {
            page.line("Nothing to do: every apiserver named runs with the etcd wished for.");
            return;
        }
        page.hint(
            "Next: look at it with etcdha apiserver status; back again: etcdha apiserver rollback",
        );
        if let Some(receipt) = &self.receipt {
            page.hint(format!("Receipt: {receipt}"));
        }
    }
}

/// Observes, plans and applies.
pub(super) fn roll(
    args: &RollArgs,
    wish: impl FnOnce(&ClusterSpec) -> Wish,
    files: FileWish,
    global: &GlobalArgs,
    output: &Output,
) -> Outcome {
    let spec = cluster_source::load(global, &args.cluster)?;
    let wish = wish(&spec);
    let access = access(args, &spec, &wish)?;
    let kubeconfig = args.kubeconfig.as_ref();
    let kubeconfig = kubeconfig.map(std::path::absolute).transpose()?;
    let request = RepointRequest {
        names: names(args, &spec)?,
        wish,
        files,
        joining: Vec::new(),
        migrate: args.migrate,
        wait_seconds: args.wait.as_secs(),
        kubeconfig,
        receipts: receipts(&args.state.dir()),
        backup_dir: backups(&args.state.dir()),
        spec,
    };
    block_on(async {
        let checking = output.progress("checking the apiservers and their etcd");
        let observed = observe(&request, &access).await.map_err(observe_error)?;
        checking.done();
        let plan = plan(&request, &observed).map_err(CliError::refusal)?;
        apply(args, &request, &observed, plan, output).await
    })?
}

/// Looking failed; where etcd does not answer, with what to do about it.
pub(in crate::cli) fn observe_error(error: ObserveError) -> CliError {
    match error {
        ObserveError::Cluster(error) => etcd::no_answer(&error),
        error => CliError::from(error),
    }
}

/// etcd is asked for its members where they decide; else every apiserver's own files do.
fn access(args: &RollArgs, spec: &ClusterSpec, wish: &Wish) -> Result<ClusterAccess, CliError> {
    match wish.needs_members() {
        true => etcd::access(&args.etcd, Some(spec)),
        false => Ok(ClusterAccess {
            endpoints: Vec::new(),
            tls: None,
            credentials: None,
            timeout: args.etcd.timeout.timeout,
        }),
    }
}

/// The nodes asked for; by default all with an apiserver.
fn names(args: &RollArgs, spec: &ClusterSpec) -> Result<Vec<NodeName>, CliError> {
    let known: Vec<_> = control_plane(spec)
        .map(|member| member.name.clone())
        .collect();
    if known.is_empty() {
        return Err(
            CliError::usage("no node of the cluster file has the role control-plane")
                .fix("declare one: roles: [control-plane]"),
        );
    }
    if args.names.is_empty() {
        return Ok(known);
    }
    match args.names.iter().find(|name| !known.contains(name)) {
        None => Ok(args.names.clone()),
        Some(unknown) => {
            let names: Vec<_> = known.iter().map(ToString::to_string).collect();
            let what = format!("{unknown} is no control plane node of the cluster file");
            Err(CliError::usage(what)
                .expected(format!("one of {}", names.join(", ")))
                .fix("add it under members: with roles: [control-plane]"))
        }
    }
}

async fn apply(
    args: &RollArgs,
    request: &RepointRequest,
    observed: &Observed,
    plan: Plan,
    output: &Output,
) -> Outcome {
    let nodes = control_plane(&request.spec).map(local_node);
    let world = World {
        nodes: nodes.chain([operator_node()]).collect(),
        ..World::default()
    };
    let change = Change {
        plan: plan.clone(),
        args: args.change,
        state: &args.state.dir(),
        lock: lock(observed),
    };
    let report = match change.run(world, output).await? {
        Changed::DryRun => return Ok(ExitCode::Done),
        Changed::Nothing if args.change.dry_run => return Ok(ExitCode::Done),
        Changed::Nothing => report(request, observed, &plan, None),
        Changed::Applied(applied) => report(request, observed, &plan, Some(&applied)),
    };
    output.emit(&report)?;
    Ok(ExitCode::Done)
}

/// The same name as for changes of membership: an apiserver must not be pointed at a cluster that is
/// being changed.
fn lock(observed: &Observed) -> String {
    let mut wanted = observed
        .nodes
        .iter()
        .filter_map(|node| node.wanted.as_ref()?.as_ref().ok());
    let id = wanted.find_map(crate::ops::apiserver_repoint::Wanted::cluster_id);
    id.map_or("apiservers".to_owned(), |id| format!("cluster-{id}"))
}

fn report(
    request: &RepointRequest,
    observed: &Observed,
    plan: &Plan,
    applied: Option<&Applied>,
) -> RollReport {
    RollReport {
        command: request.wish.command(),
        name: request.spec.name.clone(),
        rows: rows(observed, plan, applied),
        receipt: applied.map(|applied| applied.receipt_path.display().to_string()),
    }
}

/// What became of every apiserver that was meant.
pub(in crate::cli) fn rows(
    observed: &Observed,
    plan: &Plan,
    applied: Option<&Applied>,
) -> Vec<Row> {
    let proof_of = |node: &str| {
        let outcomes = &applied?.outcomes;
        let steps = plan.steps.iter().zip(outcomes);
        let mut proofs = steps.filter(|(step, _)| {
            step.on == node && matches!(step.action, Action::ProveWriteThrough { .. })
        });
        proofs.find_map(|(_, outcome)| match outcome {
            StepOutcome::Noted { text } => Some(text.clone()),
            _ => None,
        })
    };
    let is_repointed = |node: &str| {
        let mut steps = plan.steps.iter().filter(|step| step.on == node);
        steps.any(|step| matches!(step.action, Action::RepointApiserver(_)))
    };
    let rows = observed.nodes.iter().filter_map(|node| {
        let wanted = node.wanted.as_ref()?.as_ref().ok()?;
        let name = node.name.to_string();
        Some(Row {
            servers: wanted.says.etcd.flags.servers.clone(),
            label: wanted.label.clone(),
            changed: is_repointed(&name),
            proof: proof_of(&name),
            node: name,
        })
    });
    rows.collect()
}
