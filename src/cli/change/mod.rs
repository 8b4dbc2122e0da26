//! What every command that changes something does with its plan: show it, ask, lock, apply, tell.

mod events;
mod plan;
mod state;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::ops::receipts::tidy;
use crate::ops::{LockError, RunLock};
use crate::plan::{Applied, Failure, Plan, Receipt, StepError, World, apply};

use super::args::ChangeArgs;
use super::error::CliError;
use super::output::{Consent, Output};
pub(super) use events::StepEvents;
pub(super) use plan::PlanReport;
pub(super) use state::{StateArgs, arguments, backups, receipts};

/// What came of a plan.
pub(super) enum Changed {
    /// It was only shown.
    DryRun,
    /// There was nothing to do.
    Nothing,
    /// It was applied.
    Applied(Applied),
}

/// A plan on its way.
pub(super) struct Change<'a> {
    /// The plan.
    pub(super) plan: Plan,
    /// `--yes` and `--dry-run`.
    pub(super) args: ChangeArgs,
    /// Where receipts, backups and locks are.
    pub(super) state: &'a Path,
    /// What the lock is named after, such as a cluster's id: two runs with one name never
    /// interleave on this host.
    pub(super) lock: String,
}

impl Change<'_> {
    /// Shows the plan, asks, and applies it.
    ///
    /// # Errors
    /// As [`Output::propose`]; a lock that another run holds; a step that failed.
    pub(super) async fn run(self, world: World, output: &Output) -> Result<Changed, CliError> {
        let report = PlanReport(&self.plan);
        if self.plan.is_empty() {
            match self.args.dry_run {
                true => output.emit(&report)?,
                false => tidy(&receipts(self.state)),
            }
            return Ok(Changed::Nothing);
        }
        let question = match self.plan.steps.len() {
            1 => "Apply this step?".to_owned(),
            steps => format!("Apply these {steps} steps?"),
        };
        if output.propose(&report, self.args, &question)? == Consent::DryRun {
            return Ok(Changed::DryRun);
        }
        // The plan ends here, and what becomes of it begins.
        output.note("");
        self.run_unasked(world, output).await
    }

    /// Applies the plan without showing it or asking.
    ///
    /// # Errors
    /// A lock that another run holds; a step that failed.
    pub(super) async fn run_unasked(
        self,
        mut world: World,
        output: &Output,
    ) -> Result<Changed, CliError> {
        if self.plan.is_empty() {
            return Ok(Changed::Nothing);
        }
        let _lock = take_lock(self.state, &self.lock, &self.plan.command)?;
        world.backup_dir = backups(self.state);
        let directory = std::env::current_dir().unwrap_or_default();
        let receipt = Receipt::new(self.plan, arguments(), directory, Timestamp::now());
        let events = StepEvents::new(output, &receipt.plan);
        let directory = receipts(self.state);
        let guard = Interruption {
            output,
            receipt: Some(directory.join(receipt.file_name())),
        };
        let applied = apply(receipt, &directory, &mut world, &events).await;
        guard.averted();
        applied.map(Changed::Applied).map_err(failure)
    }
}

/// Tells where the record is when a signal ends the run: the work is dropped where it waits.
struct Interruption<'a> {
    output: &'a Output,
    receipt: Option<PathBuf>,
}

impl Interruption<'_> {
    fn averted(mut self) {
        self.receipt = None;
    }
}

impl Drop for Interruption<'_> {
    fn drop(&mut self) {
        if let Some(receipt) = self.receipt.as_ref().filter(|path| path.exists()) {
            self.output.note(format!(
                "What was done so far: {}\nRun the same command again to finish it, or etcdha undo.",
                receipt.display()
            ));
        }
    }
}

/// Takes the lock that keeps two runs apart.
///
/// # Errors
/// Exit 3 where another run holds it.
pub(super) fn take_lock(state: &Path, name: &str, command: &str) -> Result<RunLock, CliError> {
    let path = state.join("locks").join(format!("{name}.lock"));
    let holder = format!("etcdha {command}, pid {}", std::process::id());
    RunLock::take(&path, &holder).map_err(|error| match error {
        LockError::Held { holder, .. } => {
            CliError::refused("locked", format!("another run is at it: {holder}"))
                .fix("wait for it to end; a run that was killed holds no lock")
        }
        LockError::File(error) => CliError::from(error)
            .fix("run it as root, or name a directory of yours: --state-dir DIR"),
    })
}

fn failure(failure: Failure) -> CliError {
    match failure {
        Failure::Receipt(error) => CliError::failed("write the receipt, so nothing more was begun")
            .cause(&error)
            .fix("make room or name another directory (--state-dir DIR), then run it again"),
        Failure::Step {
            number,
            what,
            error,
            undone,
            kept,
            remaining,
            receipt_path,
        } => {
            let headline = format!("step {number} ({what}) failed");
            let shown = match remaining.is_empty() {
                true => CliError::failed(headline),
                false => CliError::partial(headline, &receipt_path),
            };
            let shown = shown.cause(&error);
            let shown = match &error {
                StepError::NotStarted { member, .. } => shown.fix(format!(
                    "look on {member}: systemctl status kubelet; crictl ps -a --name etcd; \
                     crictl logs ID"
                )),
                _ => shown,
            };
            let shown = match undone.is_empty() {
                true => shown,
                false => shown.detail(format!("taken back: step {}", list(&undone))),
            };
            match remaining.is_empty() {
                true => shown
                    .detail(match kept.is_empty() {
                        true => "everything is as before".to_owned(),
                        false => format!("the rest is as before; {}", kept.join(", ")),
                    })
                    .fix("mend the cause and run it again"),
                false => shown
                    .detail(format!("still in effect: step {}", list(&remaining)))
                    .fix("mend the cause and run it again: it goes on from here"),
            }
        }
    }
}

fn list(numbers: &[usize]) -> String {
    let texts: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
