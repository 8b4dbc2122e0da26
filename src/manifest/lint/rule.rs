//! What a rule is, and where it puts what it finds.

use super::report::Severity;
use super::subject::{LintFile, Together, Workload};
use crate::manifest::Position;

/// One rule: stable id and name, and what the documentation says of it.
pub struct Rule {
    /// `M` and three digits; never used again for something else.
    pub id: &'static str,
    /// Its name in kebab case.
    pub name: &'static str,
    /// How bad a violation is.
    pub severity: Severity,
    /// Why it fails or is unsafe.
    pub why: &'static str,
    /// What to do, in general.
    pub fix: &'static str,
    pub(super) check: Check,
}

/// What a rule looks at.
pub(super) enum Check {
    /// Whether a file can be read at all, which shows before any rule is applied.
    Reading,
    /// Any pod.
    File(fn(&LintFile, &mut Sink)),
    /// The container that runs etcd or kube-apiserver, even where its flags are hidden.
    Program(fn(&Workload<'_>, &mut Sink)),
    /// etcd and its flags.
    Etcd(fn(&Workload<'_>, &mut Sink)),
    /// kube-apiserver and its flags.
    Apiserver(fn(&Workload<'_>, &mut Sink)),
    /// All files at once.
    Together(fn(&Together<'_>, &mut Sink)),
}

/// One violation.
pub(super) struct Problem {
    /// Index of the file.
    pub(super) file: usize,
    pub(super) at: Position,
    pub(super) message: String,
    pub(super) fix: String,
}

/// Collects what a rule finds.
#[derive(Default)]
pub(super) struct Sink {
    pub(super) problems: Vec<Problem>,
    /// Files for which the rule lacked evidence.
    pub(super) unknown: Vec<usize>,
    /// The file a single-file rule is looking at.
    pub(super) file: usize,
}

impl Sink {
    /// Reports a violation in the file the rule looks at.
    pub(super) fn report(&mut self, at: Position, message: String, fix: impl Into<String>) {
        self.report_in(self.file, at, message, fix);
    }

    /// Reports a violation in a file of several.
    pub(super) fn report_in(
        &mut self,
        file: usize,
        at: Position,
        message: String,
        fix: impl Into<String>,
    ) {
        self.problems.push(Problem {
            file,
            at,
            message,
            fix: fix.into(),
        });
    }

    /// Notes that evidence is missing.
    pub(super) fn unknown(&mut self) {
        self.unknown_in(self.file);
    }

    /// Notes that evidence is missing for a file of several.
    pub(super) fn unknown_in(&mut self, file: usize) {
        if !self.unknown.contains(&file) {
            self.unknown.push(file);
        }
    }
}
