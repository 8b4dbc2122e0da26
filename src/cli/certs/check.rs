//! `etcdha certs check`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::args::GlobalArgs;
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::cluster_source::{load, load_if_there};
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Tone, clean};
use crate::model::{ClusterSpec, MemberSpec, NodeName};
use crate::ops::certs_check::{
    CheckError, CheckOptions, CheckReport, CheckedTree, check_cluster, check_directory,
    check_member,
};
use crate::ops::cluster_status::WARN_DAYS;
use crate::pki::check::{Finding, Severity};

/// Check certificates and keys, in a directory or of every node
///
/// Finds what keeps etcd from starting or its members from trusting each other, what expires, and
/// what is unsafe. Without a directory every member of the cluster is checked, below its root where
/// that is mounted, otherwise in its folder of the PKI directory; members are compared with each
/// other. In a directory of an unknown node the names of the files tell what they are for.
///
/// Examples:
///   $ etcdha certs check
///   $ etcdha certs check /etc/kubernetes/pki --member m1=10.0.0.11
///   $ etcdha certs check -o json | jq '.findings[].rule'
///
/// Exit codes: 0 nothing is wrong, 1 the directory cannot be read, 5 something is wrong
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct CheckArgs {
    /// Directory to check [default: that of every member]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Member it belongs to, or the only one to check
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    node: Option<NodeName>,

    /// CA certificates that must have signed everything (PEM) [default: the cluster's own, or the
    /// directory's]
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    cacert: Option<PathBuf>,

    /// Report certificates that end within so many days
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = WARN_DAYS,
        value_parser = clap::value_parser!(i64).range(0..36_500),
        help_heading = "Behaviour"
    )]
    warn_days: i64,

    /// Leave out warnings
    #[arg(long, help_heading = "Behaviour")]
    errors_only: bool,

    #[command(flatten)]
    cluster: ClusterArgs,
}

struct CheckDocument(CheckReport);

impl Report for CheckDocument {
    const KIND: &'static str = "CertificateCheck";

    fn document(&self) -> impl Serialize {
        let report = &self.0;
        v1::CertificateCheck {
            healthy: report.findings.is_empty(),
            errors: report.count(Severity::Error),
            warnings: report.count(Severity::Warning),
            trees: report.trees.iter().map(tree).collect(),
            findings: report.findings.iter().map(finding).collect(),
        }
    }

    fn page(&self, page: &mut Page) {
        for found in &self.0.findings {
            draw(page, found);
        }
        page.line(summary(&self.0));
    }
}

fn tree(tree: &CheckedTree) -> v1::CheckedTree {
    v1::CheckedTree {
        node: tree.node.as_ref().map(ToString::to_string),
        path: tree.dir.display().to_string(),
        files: tree.files,
        certificates: tree.certificates,
        first_to_end_days: tree.first_to_end.as_ref().map(|(_, days)| *days),
    }
}

fn finding(found: &Finding) -> v1::CertificateFinding {
    v1::CertificateFinding {
        rule: found.rule.id(),
        name: found.name,
        severity: word(found.severity),
        node: found.node.as_ref().map(ToString::to_string),
        path: found.path.display().to_string(),
        line: found.line,
        message: found.message.clone(),
        fix: found.fix.clone(),
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn draw(page: &mut Page, found: &Finding) {
    let path = found.path.display();
    let place = match found.line {
        Some(line) => format!("{path}:{line}"),
        None => path.to_string(),
    };
    let tone = match found.severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warn,
    };
    let severity = tone.paint(word(found.severity));
    let place = Tone::Strong.paint(&place);
    page.line(format!(
        "{place}  {severity}  {} {}",
        found.rule.id(),
        found.name
    ));
    page.line(format!("    {}", clean(&found.message)));
    page.line(format!(
        "    {} {}",
        Tone::Good.paint("fix:"),
        clean(&found.fix)
    ));
}

/// `2 errors, 1 warning in 12 files` or, where nothing is wrong, what ends first.
fn summary(report: &CheckReport) -> String {
    let files = plural(report.trees.iter().map(|tree| tree.files).sum(), "file");
    let nodes = report
        .trees
        .iter()
        .filter(|tree| tree.node.is_some())
        .count();
    let nodes = match nodes {
        0 | 1 => String::new(),
        count => format!(" of {count} nodes"),
    };
    if !report.findings.is_empty() {
        let errors = plural(report.count(Severity::Error), "error");
        let warnings = plural(report.count(Severity::Warning), "warning");
        return format!("{errors}, {warnings} in {files}{nodes}");
    }
    let certificates = report.trees.iter().map(|tree| tree.certificates).sum();
    let certificates = plural(certificates, "certificate");
    let ends = report
        .trees
        .iter()
        .filter_map(|tree| tree.first_to_end.as_ref());
    let first = ends.min_by_key(|(_, days)| *days);
    let first = first.map(|(path, days)| {
        let path = path.display().to_string();
        format!("\nFirst to end: {}, in {days}d", clean(&path))
    });
    let good = Tone::Good.paint("Nothing is wrong");
    format!(
        "{good}: {certificates} in {files}{nodes}.{}",
        first.unwrap_or_default()
    )
}

fn plural(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

pub(super) fn run(args: &CheckArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let options = CheckOptions {
        trust: args.cacert.clone(),
        warn_days: args.warn_days,
        now: Timestamp::now(),
    };
    let mut report = check(args, global, &options)?;
    if args.errors_only {
        report
            .findings
            .retain(|found| found.severity == Severity::Error);
    }
    let is_well = report.findings.is_empty();
    output.emit(&CheckDocument(report))?;
    Ok(match is_well {
        true => ExitCode::Done,
        false => ExitCode::Problems,
    })
}

fn check(
    args: &CheckArgs,
    global: &GlobalArgs,
    options: &CheckOptions,
) -> Result<CheckReport, CliError> {
    let Some(dir) = &args.dir else {
        let cluster = load(global, &args.cluster)
            .map_err(|error| error.fix("or name a directory: etcdha certs check DIR"))?;
        let only = args.node.as_ref().map(|node| member(&cluster, node));
        let only = only.transpose()?;
        return check_cluster(&cluster, only, options).map_err(check_error);
    };
    let by_flags = !args.cluster.member.is_empty();
    let is_known = by_flags || args.node.is_some();
    if !is_known || (!by_flags && load_if_there(global)?.is_none()) {
        return check_directory(dir, args.node.as_ref(), options).map_err(check_error);
    }
    let cluster = load(global, &args.cluster)?;
    let flag = match &args.cluster.member[..] {
        [only] => Some(only.name()),
        _ => None,
    };
    let Some(node) = args.node.as_ref().or(flag) else {
        let which = format!("whose directory is {}?", dir.display());
        return Err(CliError::usage(which)
            .expected(format!("one of {}", names(&cluster)))
            .fix("name it: --node NAME"));
    };
    let member = member(&cluster, node)?;
    check_member(&cluster, member, dir, options).map_err(check_error)
}

fn member<'a>(cluster: &'a ClusterSpec, node: &NodeName) -> Result<&'a MemberSpec, CliError> {
    cluster.member(node).ok_or_else(|| {
        CliError::usage(format!("the cluster has no member {node}"))
            .expected(format!("one of {}", names(cluster)))
    })
}

fn names(cluster: &ClusterSpec) -> String {
    let names = cluster.members.iter().map(|member| member.name.as_str());
    names.collect::<Vec<_>>().join(", ")
}

fn check_error(error: CheckError) -> CliError {
    match &error {
        CheckError::NoDirectory { path } => CliError::usage(error.to_string()).fix(format!(
            "one file is shown by: etcdha certs show {}",
            path.display()
        )),
        _ => CliError::from(error),
    }
}
