//! What is wrong with a cluster file, where, and what would be right.

use std::fmt;

use super::cluster::ClusterSpec;

/// How bad a mistake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It can't be meant so.
    Error,
    /// It may be meant so, but should be looked at.
    Warning,
}

/// A place in the file, counted from 1; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One mistake in a cluster file, or in the flags that stand for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// How bad it is.
    pub severity: Severity,
    /// The field, such as `members[2].address`.
    pub path: String,
    /// What is wrong, with the offending value.
    pub message: String,
    /// The values that would be right.
    pub expected: Option<String>,
    /// What to do.
    pub fix: Option<String>,
    /// Where it stands; none when there is no file.
    pub position: Option<Position>,
    /// The lines of the file it is about, with a mark under the place.
    pub excerpt: Vec<String>,
}

/// A cluster that is fit for use.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// What was declared, defaults filled in.
    pub spec: ClusterSpec,
    /// What should be looked at.
    pub warnings: Vec<Mistake>,
}

/// Why a cluster can't be used: every mistake, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// Errors and warnings; at least one error.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.mistakes.iter();
        let mut errors = errors.filter(|mistake| mistake.severity == Severity::Error);
        if let Some(first) = errors.next() {
            write!(f, "{first}")?;
        }
        match errors.count() {
            0 => Ok(()),
            more => write!(f, " (and {more} more)"),
        }
    }
}

impl std::error::Error for SpecError {}

impl fmt::Display for Mistake {
    /// `14:17: m3: address 10.0.0.12 is already m2's`; without a file, without the place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl Mistake {
    pub(super) fn new(
        severity: Severity,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            path: path.into(),
            message: message.into(),
            expected: None,
            fix: None,
            position: None,
            excerpt: Vec::new(),
        }
    }

    pub(super) fn error(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, path, message)
    }

    pub(super) fn warning(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, path, message)
    }

    pub(super) fn expected(mut self, values: impl Into<String>) -> Self {
        self.expected = Some(values.into());
        self
    }

    pub(super) fn fix(mut self, advice: impl Into<String>) -> Self {
        self.fix = Some(advice.into());
        self
    }
}
