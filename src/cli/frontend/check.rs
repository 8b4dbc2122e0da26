//! `etcdha frontend check`.

use clap::Args;
use serde::Serialize;

use super::target::TargetArgs;
use super::told;
use crate::cli::args::{GlobalArgs, TimeoutArgs};
use crate::cli::error::Outcome;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table, Tone, clean};
use crate::cli::runtime::block_on;
use crate::ops::frontend::{Check, check};

/// Check the front end: its declaration, the kernel, and a connection along every way
///
/// Example:
///   $ etcdha frontend check
///
/// Exit codes: 0 no errors, 1 failed, 3 refused, 5 errors were found
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

struct CheckReport(Check);

impl Report for CheckReport {
    const KIND: &'static str = "FrontendCheck";

    fn document(&self) -> impl Serialize {
        let findings = self.0.findings.iter().map(|finding| v1::FrontendFinding {
            severity: severity(finding.is_error),
            id: finding.id,
            message: &finding.message,
            fix: &finding.fix,
        });
        v1::FrontendCheck {
            plane: self.0.plane.as_str(),
            tried: self.0.tried,
            findings: findings.collect(),
        }
    }

    fn page(&self, page: &mut Page) {
        let mut table = Table::new(["SEVERITY", "ID", "FOUND"]);
        for finding in &self.0.findings {
            let severity = severity(finding.is_error);
            let painted = if finding.is_error {
                Tone::Bad
            } else {
                Tone::Warn
            }
            .paint(severity);
            table.row([painted, finding.id.to_owned(), finding.message.clone()]);
        }
        page.table(&table);
        for finding in self.0.findings.iter().filter(|it| !it.fix.is_empty()) {
            page.hint(format!("fix: {} ({})", clean(&finding.fix), finding.id));
        }
        let errors = self.0.findings.iter().filter(|it| it.is_error).count();
        page.line(format!(
            "{errors} errors; {} connections tried.",
            self.0.tried
        ));
    }
}

fn severity(is_error: bool) -> &'static str {
    if is_error { "error" } else { "warning" }
}

pub(super) fn run(args: &CheckArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let target = args.target.resolve(global)?;
    let checked = block_on(check(
        &target.frontend,
        &target.warnings,
        args.timeout.timeout,
    ))?;
    let checked = checked.map_err(told)?;
    let fine = checked.findings.iter().all(|finding| !finding.is_error);
    output.emit(&CheckReport(checked))?;
    Ok(if fine {
        ExitCode::Done
    } else {
        ExitCode::Problems
    })
}
