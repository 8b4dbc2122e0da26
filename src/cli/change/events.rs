//! The steps of a plan as they are applied: each finished one stays as a line with its time, the
//! running one shows how far it has come.

use std::cell::RefCell;

use crate::cli::output::{Output, Progress, Tone, clean};
use crate::plan::{Action, Events, Outcome, Plan, Progress as StepProgress, Step, StepError};

/// Shows events of the engine on stderr.
pub(in crate::cli) struct StepEvents<'a> {
    output: &'a Output,
    width: usize,
    running: RefCell<Option<Progress>>,
}

impl<'a> StepEvents<'a> {
    pub(in crate::cli) fn new(output: &'a Output, plan: &Plan) -> Self {
        let widths = plan
            .steps
            .iter()
            .map(|step| step.action.to_string().chars().count());
        Self {
            output,
            width: widths.max().unwrap_or(0),
            running: RefCell::new(None),
        }
    }

    fn label(&self, index: usize, step: &Step) -> String {
        // A request's subject and names are somebody else's words.
        let what = step.action.to_string();
        let what = clean(&what);
        format!(
            "{:>2}  {what:<width$}  {}",
            index + 1,
            step.on,
            width = self.width
        )
    }
}

impl Events for StepEvents<'_> {
    fn started(&self, index: usize, step: &Step) {
        let progress = self.output.progress(self.label(index, step));
        *self.running.borrow_mut() = Some(progress);
    }

    fn progress(&self, _index: usize, progress: StepProgress) {
        let running = self.running.borrow();
        let Some(bar) = running.as_ref() else { return };
        if progress.total > 0 {
            bar.length(progress.total);
            bar.position(progress.done.min(progress.total));
        }
        bar.message(progress.message);
    }

    fn done(&self, _index: usize, step: &Step, outcome: &Outcome) {
        if let Some(progress) = self.running.borrow_mut().take() {
            progress.done();
        }
        // What was proved in the end stands in the report.
        let is_proof = matches!(step.action, Action::VerifyMembers { .. });
        if let Outcome::Noted { text } = outcome
            && !is_proof
        {
            self.output.note(format!("    {text}"));
        }
    }

    fn failed(&self, _index: usize, _step: &Step, _error: &StepError) {
        if let Some(progress) = self.running.borrow_mut().take() {
            progress.failed();
        }
    }

    fn undoing(&self, index: usize, step: &Step) {
        self.output.note(format!(
            "{} {}",
            Tone::Warn.paint("↶"),
            self.label(index, step)
        ));
    }

    fn undo_failed(&self, index: usize, step: &Step, error: &StepError) {
        let label = self.label(index, step);
        self.output
            .warn(format!("{label} could not be taken back: {error}"));
    }
}
