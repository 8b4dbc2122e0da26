//! `etcdha manifest lint`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Tone, clean};
use crate::manifest::lint::{Finding, LintReport, Severity, Unchecked};
use crate::ops::manifest_lint::{HostFiles, LintError, LintRequest, lint_manifests};

/// Find what would fail or be unsafe in manifests of etcd and kube-apiserver
///
/// Reads them with the certificates and directories they name, where those are at hand, and holds
/// the manifests of several nodes against each other. A directory stands for the manifests in it.
///
/// Examples:
///   $ etcdha manifest lint /etc/kubernetes/manifests
///   $ etcdha manifest lint m1/etcd.yaml m2/etcd.yaml m3/etcd.yaml
///   $ etcdha manifest lint etcd.yaml --root /mnt/m2
///
/// Every rule is explained in docs/lint-rules.md.
///
/// Exit codes: 0 no errors, 1 a file cannot be read, 5 errors
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct LintArgs {
    /// Manifests, and directories of manifests
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Root directory of the host they are for [default: as their path tells, or this host's]
    #[arg(long, value_name = "DIR", help_heading = "Target")]
    root: Option<PathBuf>,

    /// Look at no other files than the manifests
    #[arg(long, conflicts_with = "root", help_heading = "Target")]
    no_host_files: bool,

    /// Count warnings as errors
    #[arg(long, help_heading = "Behaviour")]
    strict: bool,

    /// Leave out warnings and remarks
    #[arg(long, conflicts_with = "strict", help_heading = "Behaviour")]
    errors_only: bool,
}

struct LintDocument(LintReport);

impl Report for LintDocument {
    const KIND: &'static str = "ManifestLint";

    fn document(&self) -> impl Serialize {
        let report = &self.0;
        v1::ManifestLint {
            healthy: report.count(Severity::Error) == 0,
            errors: report.count(Severity::Error),
            warnings: report.count(Severity::Warning),
            files: report.files,
            findings: report.findings.iter().map(finding).collect(),
            unchecked: report.unchecked.iter().map(unchecked).collect(),
        }
    }

    fn page(&self, page: &mut Page) {
        for found in &self.0.findings {
            draw(page, found);
        }
        page.line(summary(&self.0));
        if let Some(hint) = unchecked_hint(&self.0) {
            page.hint(hint);
        }
    }
}

fn finding(found: &Finding) -> v1::ManifestFinding {
    v1::ManifestFinding {
        rule: found.rule,
        name: found.name,
        severity: found.severity.as_str(),
        path: found.file.clone(),
        line: found.line,
        column: found.column,
        message: found.message.clone(),
        fix: found.fix.clone(),
    }
}

fn unchecked(rule: &Unchecked) -> v1::UncheckedRule {
    v1::UncheckedRule {
        rule: rule.rule,
        name: rule.name,
        path: rule.file.clone(),
    }
}

fn draw(page: &mut Page, found: &Finding) {
    let tone = match found.severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warn,
        Severity::Info => Tone::Quiet,
    };
    let place = Tone::Strong.paint(&format!("{}:{}", found.file, found.line));
    let severity = tone.paint(&format!("{:<7}", found.severity));
    page.line(format!(
        "{place}  {severity}  {} {}",
        found.rule, found.name
    ));
    page.line(format!("    {}", clean(&found.message)));
    page.line(format!(
        "    {} {}",
        Tone::Good.paint("fix:"),
        clean(&found.fix)
    ));
}

/// `2 errors, 1 warning in 1 file`.
fn summary(report: &LintReport) -> String {
    let files = plural(report.files, "file");
    let errors = report.count(Severity::Error);
    let warnings = report.count(Severity::Warning);
    if errors + warnings == 0 {
        return format!("{} in {files}", Tone::Good.paint("Nothing is wrong"));
    }
    format!(
        "{}, {} in {files}",
        plural(errors, "error"),
        plural(warnings, "warning")
    )
}

fn plural(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// What was not looked at, and how to have it looked at.
fn unchecked_hint(report: &LintReport) -> Option<String> {
    let rules: BTreeSet<&str> = report
        .unchecked
        .iter()
        .map(|unchecked| unchecked.rule)
        .collect();
    if rules.is_empty() {
        return None;
    }
    let rules = plural(rules.len(), "rule");
    Some(format!(
        "{rules} not applied for lack of the hosts' files: --root DIR tells where they are, \
         -o json lists the rules"
    ))
}

pub(super) fn run(args: &LintArgs, output: &Output) -> Outcome {
    let host_files = match (&args.root, args.no_host_files) {
        (_, true) => HostFiles::Ignore,
        (Some(root), _) => HostFiles::Root(root.clone()),
        (None, false) => HostFiles::Guess,
    };
    let request = LintRequest {
        paths: args.files.clone(),
        host_files,
        now: Timestamp::now(),
    };
    let mut report = lint_manifests(&request).map_err(lint_error)?;
    if args.errors_only {
        report
            .findings
            .retain(|found| found.severity == Severity::Error);
    }
    let wrong = report.count(Severity::Error)
        + if args.strict {
            report.count(Severity::Warning)
        } else {
            0
        };
    output.emit(&LintDocument(report))?;
    Ok(match wrong {
        0 => ExitCode::Done,
        _ => ExitCode::Problems,
    })
}

fn lint_error(error: LintError) -> CliError {
    match &error {
        LintError::Nothing { .. } => {
            CliError::usage(error.to_string()).fix("name the manifests to lint")
        }
        LintError::File(_) => CliError::from(error),
    }
}
