//! `etcdha config check`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::cli::args::GlobalArgs;
use crate::cli::cluster_source::{file_error, mistake_error, no_file};
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, clean};
use crate::model::{ClusterSpec, Mistake, Severity};
use crate::ops::cluster_file::{ClusterFileError, load_cluster_file};

/// Check the cluster file
///
/// Example:
///   $ etcdha config check -c etcdha.yaml
///
/// Tells every mistake at once: line and column, the offending value and what would be right.
///
/// Exit codes: 0 no mistakes (there may be warnings), 5 mistakes, 2 no file
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct CheckArgs {}

struct ConfigCheck {
    path: PathBuf,
    spec: Option<ClusterSpec>,
    mistakes: Vec<Mistake>,
}

impl Report for ConfigCheck {
    const KIND: &'static str = "ConfigCheck";

    fn document(&self) -> impl Serialize {
        v1::ConfigCheck {
            file: self.path.display().to_string(),
            cluster: self.spec.as_ref().map(|spec| spec.name.clone()),
            findings: self.mistakes.iter().map(finding).collect(),
        }
    }

    fn page(&self, page: &mut Page) {
        let mistakes = self.mistakes.iter();
        let told = mistakes.map(|mistake| mistake_error(Some(&self.path), mistake));
        if let Some(told) = CliError::all(told) {
            page.line(told.render());
        }
        if let Some(spec) = &self.spec {
            page.blank();
            page.line(summary(&self.path, spec, self.mistakes.len()));
        }
    }
}

fn finding(mistake: &Mistake) -> v1::ConfigFinding {
    v1::ConfigFinding {
        severity: match mistake.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        path: mistake.path.clone(),
        line: mistake.position.map(|position| position.line),
        column: mistake.position.map(|position| position.column),
        message: mistake.message.clone(),
        expected: mistake.expected.clone(),
        fix: mistake.fix.clone(),
    }
}

fn summary(path: &Path, spec: &ClusterSpec, warnings: usize) -> String {
    let members = match spec.members.len() {
        1 => "1 member".to_owned(),
        count => format!("{count} members"),
    };
    let verdict = match warnings {
        0 => "No mistakes.".to_owned(),
        1 => "No mistakes, 1 warning.".to_owned(),
        count => format!("No mistakes, {count} warnings."),
    };
    let path = path.display().to_string();
    format!(
        "{}: cluster {}, {members}, etcd {}, {}. {verdict}",
        clean(&path),
        spec.name,
        spec.etcd.version,
        spec.topology.as_str()
    )
}

pub(super) fn run(_: &CheckArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let report = match load_cluster_file(global.config.as_deref()) {
        Ok(Some(file)) => ConfigCheck {
            path: file.path,
            spec: Some(file.checked.spec),
            mistakes: file.checked.warnings,
        },
        Ok(None) => return Err(no_file()),
        Err(ClusterFileError::Mistakes { path, error }) => ConfigCheck {
            path,
            spec: None,
            mistakes: error.mistakes,
        },
        Err(error) => return Err(file_error(error)),
    };
    output.emit(&report)?;
    match report.spec {
        Some(_) => Ok(ExitCode::Done),
        None => Ok(ExitCode::Problems),
    }
}
