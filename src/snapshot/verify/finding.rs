//! A defect, and the list of them.

use super::rule::Rule;

/// Findings that are kept; the others are counted.
pub const MAX_FINDINGS: usize = 100;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It must not be restored as it is.
    Error,
    /// It can be restored, and somebody should know.
    Warning,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that it breaks.
    pub rule: Rule,
    /// How bad it is.
    pub severity: Severity,
    /// Offset in the file; absent where the file as a whole is meant.
    pub offset: Option<u64>,
    /// The bucket that was read, where one was.
    pub bucket: Option<String>,
    /// What was found and what was expected.
    pub message: String,
}

impl Finding {
    /// What is wrong and where, in a line: `bucket key, byte 8272: page 2, element 0: …`.
    pub fn sentence(&self) -> String {
        let bucket = self.bucket.as_ref().map(|name| format!("bucket {name}"));
        let byte = self.offset.map(|offset| format!("byte {offset}"));
        let place: Vec<String> = bucket.into_iter().chain(byte).collect();
        match place.is_empty() {
            true => self.message.clone(),
            false => format!("{}: {}", place.join(", "), self.message),
        }
    }
}

/// Findings in the making.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) list: Vec<Finding>,
    pub(super) errors: u64,
    pub(super) warnings: u64,
}

impl Findings {
    pub(super) fn error(&mut self, rule: Rule, offset: Option<u64>, message: impl Into<String>) {
        self.push(Severity::Error, rule, offset, None, message.into());
    }

    pub(super) fn warning(&mut self, rule: Rule, offset: Option<u64>, message: impl Into<String>) {
        self.push(Severity::Warning, rule, offset, None, message.into());
    }

    pub(super) fn push(
        &mut self,
        severity: Severity,
        rule: Rule,
        offset: Option<u64>,
        bucket: Option<String>,
        message: String,
    ) {
        match severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        if self.list.len() < MAX_FINDINGS {
            self.list.push(Finding {
                rule,
                severity,
                offset,
                bucket,
                message,
            });
        }
    }
}
