//! Applies a plan step by step, and takes steps back when one fails.
//!
//! A signal ends the run wherever it waits; the receipt then shows the step as started, and running
//! the command again finishes the job.
//!
//! Invariant: the engine decides nothing about etcd. It keeps the order, the receipt and the rule
//! of going back: reverse order, down to the last step that can't be taken back.

use std::future::Future;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::receipt::{Receipt, ReceiptError, StepState};
use super::step::{Outcome, Step, StepError, Undo};

/// Carries out single steps; [`super::World`] is the one that reaches files and etcd.
pub trait Performer {
    /// Does the step. Must be harmless where the step was done before.
    fn perform(
        &mut self,
        step: &Step,
        progress: &dyn Fn(Progress),
    ) -> impl Future<Output = Result<Outcome, StepError>>;

    /// Takes the step back. Must be harmless where there is nothing to take back. For a step without
    /// a way back that was begun and did not end well: succeeds only where it took no effect.
    fn undo(
        &mut self,
        step: &Step,
        outcome: &Outcome,
    ) -> impl Future<Output = Result<(), StepError>>;
}

/// How far a waiting step has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Units done so far.
    pub done: u64,
    /// Units in all; 0 where that is not known.
    pub total: u64,
    /// What is happening.
    pub message: String,
}

/// Who wants to know how it goes.
pub trait Events {
    /// A step begins.
    fn started(&self, index: usize, step: &Step);
    /// A step goes on.
    fn progress(&self, index: usize, progress: Progress);
    /// A step has ended well.
    fn done(&self, index: usize, step: &Step, outcome: &Outcome);
    /// A step has failed.
    fn failed(&self, index: usize, step: &Step, error: &StepError);
    /// A step is being taken back.
    fn undoing(&self, index: usize, step: &Step);
    /// A step could not be taken back.
    fn undo_failed(&self, index: usize, step: &Step, error: &StepError);
}

/// A plan that was applied to its end.
#[derive(Debug)]
pub struct Applied {
    /// Where the receipt is.
    pub receipt_path: PathBuf,
    /// What each step left behind.
    pub outcomes: Vec<Outcome>,
}

/// A plan that was not.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A step failed; what could be taken back was.
    #[error("step {number} ({what}) failed")]
    Step {
        /// The step's number, from 1.
        number: usize,
        /// The step.
        what: String,
        /// Why.
        #[source]
        error: StepError,
        /// Numbers of the steps that were taken back.
        undone: Vec<usize>,
        /// What stays although the steps were taken back, such as new certificates.
        kept: Vec<&'static str>,
        /// Numbers of steps that remain done, or could not be taken back.
        remaining: Vec<usize>,
        /// Where the receipt is.
        receipt_path: PathBuf,
    },
    /// The receipt could not be written, so nothing more was begun.
    #[error("failed to write the receipt")]
    Receipt(#[from] ReceiptError),
}

struct Journal {
    receipt: Receipt,
    path: PathBuf,
}

impl Journal {
    fn mark(&mut self, index: usize, state: StepState) -> Result<(), ReceiptError> {
        let record = &mut self.receipt.steps[index];
        record.state = state;
        let now = Timestamp::now();
        match state {
            StepState::Started => record.started_at = Some(now),
            _ => record.finished_at = Some(now),
        }
        self.receipt.store(&self.path)
    }

    fn end(&mut self, result: &str) -> Result<(), ReceiptError> {
        self.receipt.result = Some(result.to_owned());
        self.receipt.store(&self.path)
    }
}

/// Applies the receipt's plan.
///
/// # Errors
/// [`Failure`], which tells what was taken back and what remains.
pub async fn apply(
    receipt: Receipt,
    receipts: &Path,
    performer: &mut impl Performer,
    events: &dyn Events,
) -> Result<Applied, Failure> {
    crate::sys::files::ensure_dir(receipts, 0o700).map_err(ReceiptError::from)?;
    let path = receipts.join(receipt.file_name());
    let mut journal = Journal { receipt, path };
    journal.receipt.store(&journal.path)?;
    let steps = journal.receipt.plan.steps.clone();
    for (index, step) in steps.iter().enumerate() {
        journal.mark(index, StepState::Started)?;
        events.started(index, step);
        let report = |progress| events.progress(index, progress);
        match performer.perform(step, &report).await {
            Ok(outcome) => {
                journal.receipt.steps[index].outcome = outcome.clone();
                journal.mark(index, StepState::Done)?;
                events.done(index, step, &outcome);
            }
            Err(error) => return Err(fail(journal, index, error, performer, events).await),
        }
    }
    journal.end("done")?;
    let outcomes = journal
        .receipt
        .steps
        .iter()
        .map(|record| record.outcome.clone())
        .collect();
    Ok(Applied {
        receipt_path: journal.path,
        outcomes,
    })
}

async fn fail(
    mut journal: Journal,
    failed: usize,
    error: StepError,
    performer: &mut impl Performer,
    events: &dyn Events,
) -> Failure {
    let step = journal.receipt.plan.steps[failed].clone();
    events.failed(failed, &step, &error);
    journal.receipt.steps[failed].error = Some(chain(&error));
    if let Err(error) = journal.mark(failed, StepState::Failed) {
        return error.into();
    }
    let undone = match go_back(&mut journal, performer, events).await {
        Ok(undone) => undone,
        Err(error) => return error.into(),
    };
    let remaining = remaining(&journal.receipt);
    let result = if remaining.is_empty() {
        "failed, undone"
    } else {
        "failed, partly applied"
    };
    if let Err(error) = journal.end(result) {
        return error.into();
    }
    Failure::Step {
        number: failed + 1,
        what: step.action.to_string(),
        error,
        kept: kept(&journal.receipt, &undone),
        undone,
        remaining,
        receipt_path: journal.path,
    }
}

/// Takes back what an earlier run's receipt says was done.
///
/// # Errors
/// Where the receipt can't be written.
pub async fn roll_back(
    receipt: Receipt,
    path: PathBuf,
    performer: &mut impl Performer,
    events: &dyn Events,
) -> Result<(Vec<usize>, Vec<usize>), ReceiptError> {
    let mut journal = Journal { receipt, path };
    let undone = go_back(&mut journal, performer, events).await?;
    let remaining = remaining(&journal.receipt);
    journal.end(if remaining.is_empty() {
        "undone"
    } else {
        "partly undone"
    })?;
    Ok((undone, remaining))
}

/// Undoes begun steps in reverse, down to the last one that has no way back.
async fn go_back(
    journal: &mut Journal,
    performer: &mut impl Performer,
    events: &dyn Events,
) -> Result<Vec<usize>, ReceiptError> {
    let mut undone = Vec::new();
    for index in (0..journal.receipt.steps.len()).rev() {
        let record = journal.receipt.steps[index].clone();
        let begun = matches!(
            record.state,
            StepState::Started | StepState::Done | StepState::Failed
        );
        if !begun {
            continue;
        }
        let step = journal.receipt.plan.steps[index].clone();
        match step.action.undo() {
            Undo::Nothing => continue,
            Undo::None(_) if record.state == StepState::Done => break,
            // It may have taken effect all the same: an answer can be lost on its way. Then what
            // came before it must stay.
            Undo::None(_) => match performer.undo(&step, &record.outcome).await {
                Ok(()) => continue,
                Err(error) => {
                    events.undo_failed(index, &step, &error);
                    let record = &mut journal.receipt.steps[index];
                    record.state = StepState::Started;
                    record.error = Some(format!("undo: {}", chain(&error)));
                    journal.receipt.store(&journal.path)?;
                    break;
                }
            },
            Undo::Exact | Undo::BestEffort(_) => {}
        }
        events.undoing(index, &step);
        match performer.undo(&step, &record.outcome).await {
            Ok(()) => {
                journal.mark(index, StepState::Undone)?;
                undone.push(index + 1);
            }
            Err(error) => {
                events.undo_failed(index, &step, &error);
                journal.receipt.steps[index].error = Some(format!("undo: {}", chain(&error)));
                journal.receipt.store(&journal.path)?;
            }
        }
    }
    Ok(undone)
}

/// What the steps that were taken back have left behind all the same.
fn kept(receipt: &Receipt, undone: &[usize]) -> Vec<&'static str> {
    let of_step = |number: &usize| match receipt.plan.steps[number - 1].action.undo() {
        Undo::BestEffort(what) if what.ends_with("kept") || what.contains(" stays ") => Some(what),
        _ => None,
    };
    let mut kept: Vec<_> = undone.iter().rev().filter_map(of_step).collect();
    kept.dedup();
    kept
}

/// Steps that have an effect which is still there.
fn remaining(receipt: &Receipt) -> Vec<usize> {
    let numbered = receipt.steps.iter().zip(&receipt.plan.steps).enumerate();
    numbered
        .filter(|(_, (record, step))| {
            let begun = matches!(record.state, StepState::Started | StepState::Done)
                || (record.state == StepState::Failed
                    && matches!(step.action.undo(), Undo::Exact | Undo::BestEffort(_)));
            let unchanged = record.outcome == Outcome::Unchanged;
            begun && !unchanged && step.action.undo() != Undo::Nothing
        })
        .map(|(index, _)| index + 1)
        .collect()
}

/// An error and everything below it in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
