//! `etcdha undo`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::args::{ChangeArgs, EtcdArgs, GlobalArgs};
use super::change::{self, StateArgs, StepEvents};
use super::cluster_args::ClusterArgs;
use super::cluster_source;
use super::error::{CliError, Outcome};
use super::exit_code::ExitCode;
use super::output::json::v1;
use super::output::{Consent, Output, Page, Report, Table};
use super::runtime::block_on;
use crate::ops::node_files::{OPERATOR, local_node, operator_node};
use crate::ops::receipts::{FoundReceipt, latest_in_effect, list};
use crate::plan::{Receipt, Undo, World, roll_back};

/// Take back the steps of the latest plan, as far as there is a way back
///
/// Example:
///   $ etcdha undo --dry-run
///   $ etcdha undo
///
/// Steps are taken back in reverse order, down to the last one that has no way back: a learner that
/// was promoted votes, and is removed with `etcdctl member remove` instead.
///
/// Exit codes: 0 all was taken back, 3 refused, 4 some steps remain
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct UndoArgs {
    /// Receipt of the plan; the latest that is in effect by default
    #[arg(value_name = "RECEIPT")]
    receipt: Option<PathBuf>,

    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    etcd: EtcdArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// The steps that would be taken back.
struct UndoPlan {
    path: PathBuf,
    command: String,
    steps: Vec<(usize, String, String, String)>,
    barrier: Option<String>,
}

impl UndoPlan {
    fn of(found: &FoundReceipt) -> Self {
        let receipt = &found.receipt;
        let mut steps = Vec::new();
        let mut barrier = None;
        for (index, record) in receipt.steps.iter().enumerate().rev() {
            let step = &receipt.plan.steps[index];
            match step.action.undo() {
                _ if !record.state.has_begun() => {}
                Undo::Nothing => {}
                Undo::None(instead) if record.state.is_done() => {
                    barrier = Some(format!("step {} ({}): {instead}", index + 1, step.action));
                    break;
                }
                Undo::None(_) => {}
                undo => steps.push((
                    index + 1,
                    step.action.to_string(),
                    step.on.clone(),
                    undo.to_string(),
                )),
            }
        }
        let command = receipt.plan.command.clone();
        Self {
            path: found.path.clone(),
            command,
            steps,
            barrier,
        }
    }
}

impl Report for UndoPlan {
    const KIND: &'static str = "UndoPlan";

    fn document(&self) -> impl Serialize {
        v1::UndoPlan {
            receipt: self.path.display().to_string(),
            command: &self.command,
            steps: self.steps.iter().map(|(number, ..)| *number).collect(),
            ends_at: self.barrier.as_deref(),
        }
    }

    fn page(&self, page: &mut Page) {
        page.line(format!(
            "Plan: take back {} steps of {}",
            self.steps.len(),
            self.command
        ));
        page.blank();
        let mut table = Table::new(["STEP", "ON", "UNDO"]);
        for (number, what, on, undo) in &self.steps {
            table.row([format!("{number:>2}  {what}"), on.clone(), undo.clone()]);
        }
        page.table(&table);
        if let Some(barrier) = &self.barrier {
            page.blank();
            page.line(format!("! The way back ends at {barrier}"));
        }
    }
}

pub(super) fn run(args: &UndoArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let Some(found) = find(args)? else {
        output.note("Nothing to do: no plan is in effect.");
        return Ok(ExitCode::Done);
    };
    let plan = UndoPlan::of(&found);
    if plan.steps.is_empty() {
        return Err(
            CliError::refused("no-way-back", "none of its steps can be taken back")
                .detail(plan.barrier.unwrap_or_default())
                .fix("the receipt says what was done; undo it by hand"),
        );
    }
    if output.propose(&plan, args.change, "Take these steps back?")? == Consent::DryRun {
        return Ok(ExitCode::Done);
    }
    let mut world = world(args, global, &found.receipt)?;
    let _lock = change::take_lock(&args.state.dir(), "undo", "undo")?;
    let events = StepEvents::new(output, &found.receipt.plan);
    let path = found.path.clone();
    let (undone, remaining) = block_on(roll_back(found.receipt, found.path, &mut world, &events))??;
    output.note(format!("{} steps were taken back.", undone.len()));
    match remaining.is_empty() {
        true => Ok(ExitCode::Done),
        false => Err(CliError::partial("some steps are still in effect", &path)),
    }
}

fn find(args: &UndoArgs) -> Result<Option<FoundReceipt>, CliError> {
    if let Some(path) = &args.receipt {
        let receipt = Receipt::load(path)?;
        return Ok(Some(FoundReceipt {
            path: path.clone(),
            receipt,
        }));
    }
    let found = list(&change::receipts(&args.state.dir()))?;
    Ok(latest_in_effect(&found).cloned())
}

/// Nodes from the cluster file or flags, etcd where the plan has touched it. A plan that changed the
/// operator's own directories alone needs neither.
fn world(args: &UndoArgs, global: &GlobalArgs, receipt: &Receipt) -> Result<World, CliError> {
    let is_all_here = receipt.plan.nodes().iter().all(|node| *node == OPERATOR);
    let spec = match is_all_here {
        true => None,
        false => Some(cluster_source::load(global, &args.cluster)?),
    };
    let members = spec.iter().flat_map(|spec| &spec.members);
    let nodes = members.map(local_node).chain([operator_node()]).collect();
    let touches_etcd = receipt.plan.steps.iter().any(|step| step.voters.is_some());
    let access = match touches_etcd {
        true => Some(super::etcd::access(&args.etcd, spec.as_ref())?),
        false => None,
    };
    Ok(World {
        nodes,
        access,
        backup_dir: change::backups(&args.state.dir()),
        ..World::default()
    })
}
