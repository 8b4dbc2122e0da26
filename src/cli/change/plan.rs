//! A plan as a person and a program see it.

use serde::Serialize;

use crate::cli::output::json::v1;
use crate::cli::output::{Page, Report, Table, Tone, clean};
use crate::plan::{Plan, Undo};

/// A plan to show.
pub(in crate::cli) struct PlanReport<'a>(pub(in crate::cli) &'a Plan);

impl Report for PlanReport<'_> {
    const KIND: &'static str = "Plan";

    fn document(&self) -> impl Serialize {
        let steps = self.0.steps.iter().enumerate();
        v1::Plan {
            command: &self.0.command,
            headline: &self.0.headline,
            steps: steps
                .map(|(index, step)| v1::PlanStep {
                    number: index + 1,
                    on: &step.on,
                    what: step.action.to_string(),
                    undo: step.action.undo().to_string(),
                    voters: step.voters.map(|after| after.voters),
                    tolerates_failures: step.voters.map(|after| after.tolerates),
                    action: &step.action,
                })
                .collect(),
            checked: &self.0.checked,
            notes: &self.0.notes,
        }
    }

    fn page(&self, page: &mut Page) {
        page.line(format!(
            "{} {}",
            Tone::Strong.paint("Plan:"),
            clean(&self.0.headline)
        ));
        if self.0.is_empty() {
            page.line("Nothing to do.");
        } else {
            page.blank();
            page.table(&table(self.0));
            page.blank();
        }
        for note in &self.0.notes {
            let note = wrapped(&clean(note));
            page.line(format!("{} {note}", Tone::Warn.paint("!")));
        }
        if !self.0.checked.is_empty() {
            page.line(wrapped(&format!("Checked: {}.", self.0.checked.join(", "))));
        }
    }
}

fn table(plan: &Plan) -> Table {
    let membership = plan.steps.iter().any(|step| step.voters.is_some());
    let mut table = match membership {
        true => Table::new(["STEP", "ON", "VOTERS", "TOLERATES", "UNDO"]),
        false => Table::new(["STEP", "ON", "UNDO"]),
    };
    let mut before = None;
    for (index, step) in plan.steps.iter().enumerate() {
        let what = step.action.to_string();
        let what = format!("{:>2}  {}", index + 1, clean(&what));
        let undo = step.action.undo();
        let undo = match undo {
            Undo::None(_) => Tone::Warn.paint(&undo.to_string()),
            _ => undo.to_string(),
        };
        let Some(after) = step.voters else {
            table.row([what, step.on.clone(), undo]);
            continue;
        };
        // The step from which the cluster needs more members than it can lose is the one to see.
        let grown = before
            .replace(after.voters)
            .is_some_and(|before| before != after.voters);
        let tolerates = match grown && after.voters == 2 {
            true => Tone::Warn.paint("0 !"),
            false => after.tolerates.to_string(),
        };
        table.row([
            what,
            step.on.clone(),
            after.voters.to_string(),
            tolerates,
            undo,
        ]);
    }
    table
}

/// Breaks a long line at spaces, so that 100 columns are enough.
fn wrapped(text: &str) -> String {
    const COLUMNS: usize = 96;
    let mut wrapped = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        if width > 0 && width + 1 + word.chars().count() > COLUMNS {
            wrapped.push('\n');
            width = 0;
        } else if width > 0 {
            wrapped.push(' ');
            width += 1;
        }
        wrapped.push_str(word);
        width += word.chars().count();
    }
    wrapped
}
