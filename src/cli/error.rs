//! What a person reads when a command does not end well, and the exit code that goes with it.
//!
//! Invariant: every error has the same four parts, in this order: what failed, the cause beneath it,
//! `found:` and `expected:` where there are values, and `fix:` with something to type.

use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::io;
use std::path::{Path, PathBuf};

use super::exit_code::ExitCode;
use super::output::{Tone, clean};

/// What running a command gives: an exit code, or an error that has one.
pub type Outcome<T = ExitCode> = Result<T, CliError>;

/// An error as it is shown.
#[derive(Debug)]
pub struct CliError {
    kind: Kind,
    // Boxed, because every result carries the room for it.
    text: Box<Text>,
}

#[derive(Debug, Default)]
struct Text {
    what: String,
    excerpt: Vec<String>,
    details: Vec<String>,
    found: Option<String>,
    expected: Option<String>,
    fixes: Vec<String>,
    others: Vec<CliError>,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Failed,
    Usage,
    Warning,
    Refused { id: &'static str },
    Unfit { id: &'static str },
    Declined,
    Partial { receipt: PathBuf },
    Interrupted,
    ClosedPipe,
}

impl CliError {
    fn new(kind: Kind, what: impl Into<String>) -> Self {
        let text = Text {
            what: what.into(),
            ..Text::default()
        };
        Self {
            kind,
            text: Box::new(text),
        }
    }

    /// Something broke: `what` names the attempt and its object, such as `write /etc/x`. Exit 1.
    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Kind::Failed, what)
    }

    /// The input is wrong. Exit 2.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Kind::Usage, what)
    }

    /// Not an error, but shown like one in the findings of a check. Exit 0.
    pub fn warning(what: impl Into<String>) -> Self {
        Self::new(Kind::Warning, what)
    }

    /// etcdha looked and chose not to act; `id` is documented in `docs/refusals.md`. Exit 3.
    pub fn refused(id: &'static str, why: impl Into<String>) -> Self {
        Self::new(Kind::Refused { id }, "nothing was changed").detail(why)
    }

    /// A refusal of `ops`. Exit 3.
    pub fn refusal(refusal: crate::ops::Refusal) -> Self {
        Self::refused(refusal.id, refusal.what).fix(refusal.fix)
    }

    /// A refusal of `ops` because of what a check of the input found. Exit 5.
    pub fn unfit(refusal: crate::ops::Refusal) -> Self {
        let what = "nothing was changed";
        let shown = Self::new(Kind::Unfit { id: refusal.id }, what);
        shown.detail(refusal.what).fix(refusal.fix)
    }

    /// The same error, where what was looked at is to blame. Exit 5.
    #[must_use]
    pub fn as_unfit(mut self, id: &'static str) -> Self {
        self.kind = Kind::Unfit { id };
        self
    }

    /// The question was answered with no. Exit 3.
    pub fn declined() -> Self {
        Self::new(Kind::Declined, "Nothing was changed.")
    }

    /// Some steps are done; `receipt` says which. Exit 4.
    pub fn partial(what: impl Into<String>, receipt: &Path) -> Self {
        let receipt = receipt.to_owned();
        Self::new(Kind::Partial { receipt }, what)
    }

    /// A signal ended the run. Exit 130.
    pub fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }

    /// Whoever read stdout went away, which is no error. Exit 0.
    pub fn closed_pipe() -> Self {
        Self::new(Kind::ClosedPipe, "")
    }

    /// Adds a line of explanation; a line break inside starts another indented line.
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.text.details.push(line.into());
        self
    }

    /// Adds the chain of causes beneath `error`, leaving out repetitions.
    #[must_use]
    pub fn cause(mut self, error: &(dyn StdError + 'static)) -> Self {
        let mut link = Some(error);
        while let Some(error) = link {
            let text = error.to_string();
            if !self.text.what.ends_with(&text) && self.text.details.last() != Some(&text) {
                self.text.details.push(text);
            }
            if let Some(fix) = hint(error) {
                self = self.fix(fix);
            }
            link = error.source();
        }
        self
    }

    /// Shows lines of a file, printed as they are.
    #[must_use]
    pub fn excerpt(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.text.excerpt.extend(lines);
        self
    }

    /// Names the value that was met.
    #[must_use]
    pub fn found(mut self, value: impl Into<String>) -> Self {
        self.text.found = Some(value.into());
        self
    }

    /// Names the value that should have been there.
    #[must_use]
    pub fn expected(mut self, value: impl Into<String>) -> Self {
        self.text.expected = Some(value.into());
        self
    }

    /// Says what to type or do next. May be called several times; the same advice counts once.
    #[must_use]
    pub fn fix(mut self, advice: impl Into<String>) -> Self {
        let advice = advice.into();
        if !self.text.fixes.contains(&advice) {
            self.text.fixes.push(advice);
        }
        self
    }

    /// Shows another error after this one. The first decides the exit code.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.text.others.push(other);
        self
    }

    /// Joins errors into one that shows them all; none for an empty list.
    pub fn all(errors: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let first = errors.next()?;
        Some(errors.fold(first, Self::and))
    }

    /// The exit code that tells this error.
    pub fn exit_code(&self) -> ExitCode {
        match self.kind {
            Kind::Failed => ExitCode::Failed,
            Kind::Usage => ExitCode::Usage,
            Kind::Refused { .. } | Kind::Declined => ExitCode::Refused,
            Kind::Partial { .. } => ExitCode::Partial,
            Kind::Unfit { .. } => ExitCode::Problems,
            Kind::Interrupted => ExitCode::Interrupted,
            Kind::Warning | Kind::ClosedPipe => ExitCode::Done,
        }
    }

    /// The whole text, with marks for colours. Empty when there is nothing to say.
    pub(in crate::cli) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        for other in &self.text.others {
            text.push('\n');
            let _ = other.write(&mut text);
        }
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        let what = clean(&self.text.what);
        match &self.kind {
            Kind::ClosedPipe => return Ok(()),
            Kind::Declined => return writeln!(text, "{what}"),
            Kind::Refused { id } | Kind::Unfit { id } => {
                writeln!(text, "{} [{id}]: {what}", Tone::Warn.paint("refused"))?;
            }
            Kind::Warning => writeln!(text, "{} {what}", Tone::Warn.paint("warning:"))?,
            _ => writeln!(text, "{} {what}", Tone::Bad.paint("error:"))?,
        }
        for line in &self.text.excerpt {
            writeln!(text, "{}", clean(line))?;
        }
        for line in self.text.details.iter().flat_map(|detail| detail.lines()) {
            writeln!(text, "  {}", clean(line))?;
        }
        self.write_labels(text)
    }

    fn write_labels(&self, text: &mut String) -> fmt::Result {
        let found = self.text.found.iter().map(|value| ("found:", value));
        let expected = self.text.expected.iter().map(|value| ("expected:", value));
        for (label, value) in found.chain(expected) {
            writeln!(text, "{label} {}", clean(value))?;
        }
        if let Kind::Partial { receipt } = &self.kind {
            writeln!(text, "receipt: {}", clean(&receipt.to_string_lossy()))?;
        }
        for advice in &self.text.fixes {
            writeln!(text, "{} {}", Tone::Good.paint("fix:"), clean(advice))?;
        }
        Ok(())
    }
}

/// Advice for causes that are the same everywhere.
fn hint(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    let error = error.downcast_ref::<io::Error>()?;
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            Some("run it as root (sudo), or as the owner of the file")
        }
        io::ErrorKind::StorageFull => Some("make room on that filesystem and run it again"),
        io::ErrorKind::ReadOnlyFilesystem => Some("mount that filesystem read-write"),
        _ => None,
    }
}

/// Any error of the library: its text is what failed, its sources are the causes.
impl<E: StdError + 'static> From<E> for CliError {
    fn from(error: E) -> Self {
        Self::failed(error.to_string()).cause(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::strip_marks;

    fn shown(error: &CliError) -> String {
        strip_marks(&error.render())
    }

    #[derive(Debug, thiserror::Error)]
    #[error("write /etc/kubernetes/manifests/etcd.yaml")]
    struct WriteError(#[source] io::Error);

    #[test]
    fn the_chain_of_causes_stands_indented_and_ends_in_advice() {
        let source = io::Error::new(io::ErrorKind::PermissionDenied, "permission denied");
        insta::assert_snapshot!(shown(&CliError::from(WriteError(source))), @r"
        error: write /etc/kubernetes/manifests/etcd.yaml
          permission denied
        fix: run it as root (sudo), or as the owner of the file
        ");
    }

    #[test]
    fn a_refusal_names_its_id_and_that_nothing_changed() {
        let error = CliError::refused("quorum-at-risk", "m2 has not answered for 41 s.")
            .fix("repair m2 first");
        assert_eq!(error.exit_code(), ExitCode::Refused);
        insta::assert_snapshot!(shown(&error), @r"
        refused [quorum-at-risk]: nothing was changed
          m2 has not answered for 41 s.
        fix: repair m2 first
        ");
    }

    #[test]
    fn values_excerpts_and_further_errors_keep_their_places() {
        let first = CliError::usage("etcdha.yaml:2:7: kind: unknown value")
            .excerpt(["   2 | kind: Klaster".to_owned()])
            .found("Klaster")
            .expected("Cluster");
        let error = first.and(CliError::partial("stopped at step 3", Path::new("/r.json")));
        assert_eq!(error.exit_code(), ExitCode::Usage);
        insta::assert_snapshot!(shown(&error), @r"
        error: etcdha.yaml:2:7: kind: unknown value
           2 | kind: Klaster
        found: Klaster
        expected: Cluster

        error: stopped at step 3
        receipt: /r.json
        ");
    }

    #[test]
    fn a_closed_pipe_says_nothing_and_is_no_failure() {
        let error = CliError::closed_pipe();
        assert_eq!(
            (shown(&error), error.exit_code()),
            (String::new(), ExitCode::Done)
        );
    }
}
