//! `etcdha member add`.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::args::{ChangeArgs, EtcdArgs, GlobalArgs};
use crate::cli::change::{Change, Changed, StateArgs, backups};
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, elapsed};
use crate::cli::runtime::block_on;
use crate::cli::{cluster_source, etcd, secrets};
use crate::cluster::{ClusterAccess, Pulse, PulseReport, Quorum, verify_consistency};
use crate::model::{ClientUrl, ClusterSpec, NodeName, parse_duration};
use crate::ops::member_add::{Looked, MemberAddRequest, ObserveError, observe, plan};
use crate::ops::node_files::local_node;
use crate::plan::{Applied, Outcome as StepOutcome, Plan, World};

/// Grow the cluster by one or more members, data in place
///
/// Each joins as a learner, catches up and is promoted; in the end all members are proven to hold
/// the same data. All additions are planned before the first, because two voting members are worse
/// than one. A run that was killed is simply run again. If a member never starts, it is removed and
/// the cluster is as before.
///
/// Example:
///   $ etcdha member add m2 m3 --dry-run
///   $ etcdha member add m2 m3
///
/// Exit codes: 0 done, 1 failed and undone, 3 refused, 4 partly applied
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct AddArgs {
    /// Members of the cluster file to add, in this order; all that are missing by default
    #[arg(value_name = "NAME")]
    names: Vec<NodeName>,

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

    /// Accept two voting members at the end, although both must live for any write
    #[arg(long, help_heading = "Behaviour")]
    allow_two: bool,

    /// Issue certificates anew where those on a new host are not valid for it
    #[arg(long, help_heading = "Behaviour")]
    replace_certificates: bool,

    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    etcd: EtcdArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

fn parse_wait(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(wait) if wait < Duration::from_secs(1) => Err("expected at least 1s".to_owned()),
        Ok(wait) => Ok(wait),
        Err(error) => Err(error.to_string()),
    }
}

/// What is true once members were added.
struct GrowthReport {
    name: String,
    quorum: Quorum,
    proof: Option<String>,
    pulse: PulseReport,
    added: Vec<String>,
    receipt: Option<String>,
}

impl Report for GrowthReport {
    const KIND: &'static str = "MemberAddResult";

    fn document(&self) -> impl Serialize {
        v1::MemberAddResult {
            cluster: &self.name,
            added: &self.added,
            voters: self.quorum.voters,
            tolerates_failures: self.quorum.tolerates(),
            proof: self.proof.as_deref(),
            longest_pause_millis: self.pulse.longest_gap.as_secs_f64() * 1e3,
            receipt: self.receipt.as_deref(),
        }
    }

    fn page(&self, page: &mut Page) {
        let plural = |count: usize, word: &str| match count {
            1 => format!("1 {word}"),
            _ => format!("{count} {word}s"),
        };
        let proof = self
            .proof
            .as_ref()
            .map(|proof| format!(" {proof}."))
            .unwrap_or_default();
        page.line(format!(
            "Cluster {}: {}, tolerates {}.{proof}",
            self.name,
            plural(self.quorum.voters, "voting member"),
            plural(self.quorum.tolerates(), "failure"),
        ));
        if self.added.is_empty() {
            page.line("Nothing to do: every member named is a voting member already.");
            return;
        }
        page.line(format!(
            "Longest pause for writers: {}.",
            elapsed(self.pulse.longest_gap)
        ));
        page.hint(
            "Next: etcdha apiserver repoint, for apiservers that are to use it; then etcdha status",
        );
        if let Some(receipt) = &self.receipt {
            page.hint(format!("Receipt: {receipt}"));
        }
    }
}

pub(super) fn run(args: &AddArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let spec = cluster_source::load(global, &args.cluster)?;
    let access = etcd::access(&args.etcd, Some(&spec))?;
    let request = MemberAddRequest {
        names: names(args, &spec)?,
        max_lag: args.max_lag,
        wait_seconds: args.wait.as_secs(),
        allow_two: args.allow_two,
        replace_certificates: args.replace_certificates,
        passphrase: secrets::ca_passphrase(),
        backup_dir: backups(&args.state.dir()),
        spec,
    };
    block_on(async {
        let checking = output.progress("checking the cluster and the new hosts");
        let looked =
            observe(&request, &access, Timestamp::now())
                .await
                .map_err(|error| match error {
                    ObserveError::Cluster(error) => etcd::no_answer(&error),
                    error => CliError::from(error),
                })?;
        checking.done();
        let plan = plan(&request, &looked.observed).map_err(CliError::refusal)?;
        grow(args, &request, looked, plan, output).await
    })?
}

/// The members asked for; by default all of the cluster file that stay.
fn names(args: &AddArgs, spec: &ClusterSpec) -> Result<Vec<NodeName>, CliError> {
    if args.names.is_empty() {
        let staying = spec.staying_members();
        return Ok(staying.map(|member| member.name.clone()).collect());
    }
    let known: Vec<_> = spec
        .etcd_members()
        .map(|member| member.name.clone())
        .collect();
    match args.names.iter().find(|name| !known.contains(name)) {
        None => Ok(args.names.clone()),
        Some(unknown) => {
            let names: Vec<_> = known.iter().map(ToString::to_string).collect();
            Err(
                CliError::usage(format!("{unknown} is no etcd member of the cluster file"))
                    .expected(format!("one of {}", names.join(", ")))
                    .fix("add it under members: with its name and address"),
            )
        }
    }
}

async fn grow(
    args: &AddArgs,
    request: &MemberAddRequest,
    looked: Looked,
    plan: Plan,
    output: &Output,
) -> Outcome {
    let members = request
        .names
        .iter()
        .filter_map(|name| request.spec.member(name));
    let world = World {
        nodes: members.map(local_node).collect(),
        access: Some(looked.access.clone()),
        authority: looked.authority,
        ..World::default()
    };
    let before = looked.observed.view.quorum();
    let quorum = plan.steps.iter().rev().find_map(|step| step.voters);
    let quorum = quorum.map_or(before, |after| Quorum {
        voters: after.voters,
    });
    let added = looked
        .observed
        .targets
        .iter()
        .map(|target| target.name.to_string())
        .collect();
    let access = looked.access.clone();
    let members = looked.observed.view.members.iter();
    let endpoints = members.filter_map(|member| member.info.client_urls.first().cloned());
    let endpoints: Vec<_> = endpoints.collect();
    let pulse = Pulse::start(looked.access);
    let change = Change {
        plan,
        args: args.change,
        state: &args.state.dir(),
        lock: format!("cluster-{}", looked.observed.view.cluster_id),
    };
    let changed = change.run(world, output).await?;
    let pulse = pulse.finish().await;
    let name = request.spec.name.clone();
    let report = match changed {
        Changed::DryRun => return Ok(ExitCode::Done),
        Changed::Nothing => GrowthReport {
            name,
            quorum: before,
            proof: Some(prove(&access, &endpoints).await?),
            pulse,
            added: Vec::new(),
            receipt: None,
        },
        Changed::Applied(applied) => GrowthReport {
            name,
            quorum,
            proof: proof(&applied),
            pulse,
            added,
            receipt: Some(applied.receipt_path.display().to_string()),
        },
    };
    output.emit(&report)?;
    Ok(ExitCode::Done)
}

/// Proves what there was nothing to do for: an earlier run may have been killed before its last step.
async fn prove(access: &ClusterAccess, endpoints: &[ClientUrl]) -> Result<String, CliError> {
    let proof = verify_consistency(access, endpoints).await;
    proof
        .map(|proof| proof.to_string())
        .map_err(|error| etcd::no_answer(&error))
}

/// What the last step proved.
fn proof(applied: &Applied) -> Option<String> {
    match applied.outcomes.last()? {
        StepOutcome::Noted { text } => Some(text.clone()),
        _ => None,
    }
}
