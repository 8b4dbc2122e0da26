//! What `certs gen` and `certs renew` have in common: look, plan, apply, and show what is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::args::ChangeArgs;
use crate::cli::change::{Change, Changed, StateArgs};
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table, Tone};
use crate::cli::runtime::block_on;
use crate::model::{ClusterSpec, NodeName};
use crate::ops::certs_gen::{CertsRequest, GenError, Looked, NodePlace, observe, plan};
use crate::ops::host_certificates::PairState;
use crate::ops::issuing::IssuingError;
use crate::pki::inspect::{self, CertificateFacts};
use crate::plan::{Action, Applied, Outcome as StepOutcome, Plan, World};

/// A request and how it is to be applied.
pub(super) struct Issue<'a> {
    pub(super) request: CertsRequest,
    pub(super) change: ChangeArgs,
    pub(super) state: &'a StateArgs,
}

/// One line of the report.
struct Row {
    node: String,
    path: PathBuf,
    result: &'static str,
    facts: Option<CertificateFacts>,
    wrong: Vec<String>,
}

/// What is there now.
struct IssueReport {
    ca: Option<(PathBuf, &'static str, CertificateFacts)>,
    rows: Vec<Row>,
    notes: Vec<String>,
    now: Timestamp,
    place: String,
}

impl IssueReport {
    fn count(&self, result: &str) -> usize {
        self.rows.iter().filter(|row| row.result == result).count()
    }

    fn is_sound(&self) -> bool {
        self.rows.iter().all(|row| row.wrong.is_empty())
    }
}

impl Report for IssueReport {
    const KIND: &'static str = "CertificateIssue";

    fn document(&self) -> impl Serialize {
        let rows = self.rows.iter();
        v1::CertificateIssue {
            ca: self.ca.as_ref().map(|(path, result, facts)| v1::IssuedCa {
                path: path.display().to_string(),
                result,
                subject: facts.subject.text.clone(),
                not_after: facts.not_after.to_string(),
            }),
            certificates: rows
                .map(|row| v1::IssuedCertificate {
                    node: row.node.clone(),
                    path: row.path.display().to_string(),
                    result: row.result,
                    not_after: row.facts.as_ref().map(|facts| facts.not_after.to_string()),
                    names: row.facts.as_ref().map(names).unwrap_or_default(),
                    wrong: row.wrong.clone(),
                })
                .collect(),
            notes: self.notes.clone(),
        }
    }

    fn page(&self, page: &mut Page) {
        if let Some((path, result, facts)) = &self.ca {
            let days = facts.days_left(self.now);
            page.line(format!(
                "CA  {}  {result}  {}, expires in {days}d",
                path.display(),
                facts.subject.text
            ));
            page.blank();
        }
        let mut table = Table::new(["NODE", "FILE", "RESULT", "NOT AFTER", "NAMES"]);
        for row in &self.rows {
            table.row([
                row.node.clone(),
                row.path.display().to_string(),
                match row.wrong.is_empty() {
                    true => row.result.to_owned(),
                    false => Tone::Bad.paint(row.result),
                },
                row.facts.as_ref().map(date).unwrap_or_default(),
                row.facts
                    .as_ref()
                    .map(|facts| names(facts).join(" "))
                    .unwrap_or_default(),
            ]);
        }
        page.table(&table);
        page.blank();
        for row in &self.rows {
            for why in &row.wrong {
                let label = Tone::Warn.paint("warning:");
                page.line(format!(
                    "{label} {} {}: {why}",
                    row.node,
                    row.path.display()
                ));
            }
        }
        for note in &self.notes {
            page.line(format!("{} {note}", Tone::Warn.paint("note:")));
        }
        let wrong = self.rows.iter().filter(|row| !row.wrong.is_empty());
        let (kept, new): (Vec<&Row>, Vec<&Row>) = wrong.partition(|row| row.result == "kept");
        if !kept.is_empty() {
            page.hint("fix: --replace issues those anew, with new keys");
        }
        if !new.is_empty() {
            page.hint(
                "fix: correct the profile or the request in the templates, then run it with --replace",
            );
        }
        let (kept, issued, renewed) = (
            self.count("kept"),
            self.count("issued"),
            self.count("renewed"),
        );
        let counts = [(kept, "kept"), (issued, "issued"), (renewed, "renewed")];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        page.line(format!(
            "{}. Keys (0600) are {}.",
            counts.join(", "),
            self.place
        ));
    }
}

pub(super) fn date(facts: &CertificateFacts) -> String {
    facts.not_after.strftime("%Y-%m-%d").to_string()
}

pub(super) fn names(facts: &CertificateFacts) -> Vec<String> {
    facts.extensions.names.iter().collect()
}

/// A mistake in a template is wrong input, like one in the cluster file.
pub(super) fn issuing_error(error: IssuingError) -> CliError {
    match error {
        IssuingError::File(error) => CliError::from(error),
        mistake => CliError::usage(mistake.to_string()),
    }
}

/// Why looking at what is there failed.
pub(super) fn look_error(error: GenError) -> CliError {
    match error {
        GenError::File(error) => CliError::from(error),
        GenError::Issuing(error) => issuing_error(error),
    }
}

/// Members that were named and are not in the cluster file are a mistake.
pub(super) fn known_nodes(nodes: &[NodeName], spec: &ClusterSpec) -> Result<(), CliError> {
    match nodes.iter().find(|name| spec.member(name).is_none()) {
        None => Ok(()),
        Some(unknown) => {
            let known: Vec<_> = spec.members.iter().map(|m| m.name.to_string()).collect();
            Err(
                CliError::usage(format!("{unknown} is not in the cluster file"))
                    .expected(format!("one of {}", known.join(", "))),
            )
        }
    }
}

/// Makes the paths of the operator's side absolute, so that a plan means the same everywhere.
pub(super) fn absolute(mut spec: ClusterSpec) -> ClusterSpec {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    spec.pki.dir = absolute(&spec.pki.dir);
    if let Some(ca) = &mut spec.pki.ca {
        ca.cert = absolute(&ca.cert);
        ca.key = absolute(&ca.key);
    }
    spec
}

/// Looks, plans, applies, and shows what is there then.
pub(super) fn run(issue: &Issue<'_>, output: &Output) -> Outcome {
    let now = Timestamp::now();
    let looked = observe(&issue.request, now).map_err(look_error)?;
    let plan = plan(&issue.request, &looked.observed).map_err(CliError::refusal)?;
    for warning in &looked.observed.warnings {
        output.warn(warning);
    }
    let results = results(&looked, &plan);
    let made_ca = plan
        .steps
        .iter()
        .any(|step| matches!(step.action, Action::MakeCa(_)));
    let changed = block_on(apply(issue, looked, plan, output))??;
    let notes = match &changed {
        Changed::DryRun => return Ok(ExitCode::Done),
        Changed::Nothing => Vec::new(),
        Changed::Applied(applied) => notes(applied),
    };
    let report = report(&issue.request, &results, made_ca, notes, now)?;
    output.emit(&report)?;
    Ok(if report.is_sound() {
        ExitCode::Done
    } else {
        ExitCode::Problems
    })
}

async fn apply(
    issue: &Issue<'_>,
    looked: Looked,
    plan: Plan,
    output: &Output,
) -> Result<Changed, CliError> {
    let world = World {
        nodes: looked.world_nodes,
        authority: looked.authority,
        ..World::default()
    };
    let replaces = plan.steps.iter().any(|step| match &step.action {
        Action::MakeLeaves { leaves } => leaves.iter().any(|leaf| leaf.replace),
        _ => false,
    });
    let change = Change {
        plan,
        args: issue.change,
        state: &issue.state.dir(),
        lock: "certs".to_owned(),
    };
    match replaces || issue.change.dry_run {
        true => change.run(world, output).await,
        // Only new files: there is nothing that a person would want to be asked about.
        false => change.run_unasked(world, output).await,
    }
}

/// What becomes of each pair, by node and certificate path: hosts have the same paths.
type Results = BTreeMap<(String, PathBuf), &'static str>;

fn results(looked: &Looked, plan: &Plan) -> Results {
    let kept = |node: &NodePlace| {
        let leaves = node
            .leaves
            .iter()
            .filter(|leaf| leaf.state != PairState::Missing);
        leaves
            .map(|leaf| ((node.name.to_string(), leaf.paths.cert.clone()), "kept"))
            .collect::<Vec<_>>()
    };
    let mut results: Results = looked.observed.nodes.iter().flat_map(kept).collect();
    for step in &plan.steps {
        if let Action::MakeLeaves { leaves } = &step.action {
            for leaf in leaves {
                let result = if leaf.replace { "renewed" } else { "issued" };
                results.insert((leaf.node.clone(), leaf.cert_path.clone()), result);
            }
        }
    }
    results
}

fn notes(applied: &Applied) -> Vec<String> {
    let outcomes = applied.outcomes.iter();
    let notes = outcomes.filter_map(|outcome| match outcome {
        StepOutcome::CreatedFiles { notes, .. } => Some(notes.clone()),
        _ => None,
    });
    notes.flatten().collect()
}

/// Reads everything anew: the report says what is in the files, not what was meant to be.
fn report(
    request: &CertsRequest,
    results: &Results,
    made_ca: bool,
    notes: Vec<String>,
    now: Timestamp,
) -> Result<IssueReport, CliError> {
    let looked = observe(request, now).map_err(look_error)?;
    let ca = looked.authority.as_ref().and_then(|authority| {
        let facts = CertificateFacts::from_der(authority.certificate_der()).ok()?;
        let result = if made_ca { "made" } else { "adopted" };
        Some((looked.observed.ca_files.cert.clone(), result, facts))
    });
    let mut rows = Vec::new();
    for node in &looked.observed.nodes {
        let reach = looked
            .world_nodes
            .iter()
            .find(|reach| reach.name.as_str() == node.on);
        for leaf in &node.leaves {
            let pair = (node.name.to_string(), leaf.paths.cert.clone());
            let Some(result) = results.get(&pair) else {
                continue;
            };
            let bytes = reach.and_then(|reach| reach.read(&leaf.paths.cert).ok().flatten());
            rows.push(Row {
                node: node.name.to_string(),
                path: leaf
                    .paths
                    .cert
                    .strip_prefix(&node.directory)
                    .unwrap_or(&leaf.paths.cert)
                    .into(),
                result,
                facts: bytes.and_then(|bytes| inspect::first_certificate(&bytes).ok()),
                wrong: match &leaf.state {
                    PairState::Invalid(wrong) => wrong.clone(),
                    PairState::Missing => vec!["it is missing".to_owned()],
                    PairState::Valid => Vec::new(),
                },
            });
        }
    }
    let place = match &request.place {
        crate::ops::certs_gen::Place::Operator { directory } => {
            format!("in {}", directory.join("nodes/NAME").display())
        }
        crate::ops::certs_gen::Place::Hosts => {
            format!("in {} on each host", request.spec.pki.host_dir.display())
        }
    };
    Ok(IssueReport {
        ca,
        rows,
        notes,
        now,
        place,
    })
}
