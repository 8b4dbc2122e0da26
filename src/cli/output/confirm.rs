//! The one question before a change.
//!
//! Invariant: without a terminal nothing changes unless `--yes` was given, and `--dry-run` never asks.

use std::io::{self, BufRead};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::report::Report;
use super::tone::Tone;
use super::writer::Output;
use crate::cli::args::ChangeArgs;
use crate::cli::error::CliError;
use crate::cli::runtime::was_signalled;

/// How often a waiting question looks for a signal.
const LOOK: Duration = Duration::from_millis(50);

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Go on.
    Apply,
    /// The plan was all that was wanted.
    DryRun,
}

impl Output {
    /// Shows a plan and asks whether to apply it.
    ///
    /// With `--dry-run` the plan is the result and goes to stdout in the form that was asked for.
    /// Otherwise it goes to stderr where stdout is kept for the report's document.
    ///
    /// # Errors
    /// Exit 3 when the answer is no, exit 2 when nobody can be asked.
    pub fn propose<P: Report>(
        &self,
        plan: &P,
        change: ChangeArgs,
        question: &str,
    ) -> Result<Consent, CliError> {
        if change.dry_run {
            self.emit(plan)?;
            return Ok(Consent::DryRun);
        }
        if !self.format.is_machine() {
            self.emit(plan)?;
        } else if !change.yes {
            self.emit_aside(plan);
        }
        self.consent(change, question)
    }

    /// Asks a question that `y` or `yes` answers.
    ///
    /// # Errors
    /// As [`Output::propose`].
    pub fn consent(&self, change: ChangeArgs, question: &str) -> Result<Consent, CliError> {
        self.answered(change, &format!("{question} [y/N] "), |answer| {
            answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
        })
    }

    /// Asks for a word to be typed, for changes that destroy something.
    ///
    /// # Errors
    /// As [`Output::propose`].
    pub fn consent_by_typing(
        &self,
        change: ChangeArgs,
        question: &str,
        word: &str,
    ) -> Result<Consent, CliError> {
        self.answered(change, &format!("{question} "), |answer| answer == word)
    }

    fn answered(
        &self,
        change: ChangeArgs,
        question: &str,
        agrees: impl Fn(&str) -> bool,
    ) -> Result<Consent, CliError> {
        if change.dry_run {
            return Ok(Consent::DryRun);
        }
        if change.yes {
            return Ok(Consent::Apply);
        }
        if !self.is_interactive() {
            return Err(
                CliError::usage("there is no terminal to ask at, so nothing was changed")
                    .fix("add --yes to apply it, or --dry-run to only see the plan"),
            );
        }
        self.aside(&Tone::Strong.paint(question));
        let answer = read_answer().inspect_err(|_| self.aside("\n"))?;
        if !answer.ends_with('\n') {
            self.aside("\n");
        }
        if agrees(answer.trim()) {
            Ok(Consent::Apply)
        } else {
            Err(CliError::declined())
        }
    }
}

/// Reads a line from stdin on a thread of its own: inside the runtime a signal no longer ends the
/// process by itself, so waiting for the answer has to look for one.
fn read_answer() -> Result<String, CliError> {
    let (send, answers) = mpsc::channel();
    thread::spawn(move || {
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        // Nobody listens once a signal has ended the question.
        let _ = send.send(read.map(|_| answer));
    });
    loop {
        match answers.recv_timeout(LOOK) {
            Ok(read) => {
                return read.map_err(|error| CliError::failed("read the answer").cause(&error));
            }
            Err(_) if was_signalled() => return Err(CliError::interrupted()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(CliError::failed("read the answer"));
            }
        }
    }
}
