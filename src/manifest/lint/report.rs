//! What a lint says.

use serde::Serialize;

use super::rule::Rule;
use super::rules::UNREADABLE;
use crate::manifest::ManifestError;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// It runs, but is unsafe or will fail in a case that comes.
    Warning,
    /// It does not start, does not form the cluster, or lets strangers in.
    Error,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing that is wrong in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's id, such as `M012`.
    pub rule: &'static str,
    /// The rule's name, such as `cert-outside-mounts`.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The file, as it was given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What stands there and why it fails or is unsafe.
    pub message: String,
    /// What to do.
    pub fix: String,
}

/// A rule that could not be applied to a file, because nothing is known of the host's files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unchecked {
    /// The rule's id.
    pub rule: &'static str,
    /// The rule's name.
    pub name: &'static str,
    /// The file, as it was given.
    pub file: String,
}

/// Everything a lint found, in the order of files and lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LintReport {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub unchecked: Vec<Unchecked>,
    /// How many files were read.
    pub files: usize,
}

impl LintReport {
    /// Adds a file that holds no pod; such files come before what was found in the others.
    pub fn push_unreadable(&mut self, file: &str, error: &ManifestError) {
        let Rule {
            id,
            name,
            severity,
            fix,
            ..
        } = UNREADABLE;
        self.files += 1;
        let finding = Finding {
            rule: id,
            name,
            severity,
            file: file.to_owned(),
            line: error.at.line,
            column: error.at.column,
            message: format!("{}; expected {}", error.found, error.expected),
            fix: fix.to_owned(),
        };
        let said = self
            .findings
            .iter()
            .take_while(|finding| finding.rule == id);
        self.findings.insert(said.count(), finding);
    }

    /// How many findings are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }
}
