//! What would fail or be unsafe when these manifests start, alone and together?
//!
//! Rules are a table of small functions by theme. A rule that needs to know a host's files asks the
//! [`Evidence`] the caller gathered, and is skipped where there is none: a finding is never a guess
//! about what was not looked at.

mod evidence;
mod report;
mod rule;
mod rules;
mod run;
mod subject;
#[cfg(test)]
mod tests;
mod wanted;

pub use evidence::{CertificateFact, DataDirFact, Evidence, MemberIdentity, PathFact, Sibling};
pub use report::{Finding, LintReport, Severity, Unchecked};
pub use rule::Rule;
pub use rules::{all_rules, document};
pub use run::lint;
pub use subject::LintFile;
pub use wanted::{Wanted, wanted};
