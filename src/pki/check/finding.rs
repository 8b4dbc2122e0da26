//! Runs all rules over a request and returns what they found, in a fixed order.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::pairs::Node;
use super::rule::Rule;
use super::tree::CheckRequest;
use super::{across, authority, files, halves, leaf, quality};
use crate::model::NodeName;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It fails, or is unsafe, today.
    Error,
    /// It will fail, or is not how it should be.
    Warning,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule, by id.
    pub rule: Rule,
    /// The rule's name.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The node; absent where a directory was checked by itself.
    pub node: Option<NodeName>,
    /// The file.
    pub path: PathBuf,
    /// The line in it, where one stands out.
    pub line: Option<usize>,
    /// What was found and what was expected.
    pub message: String,
    /// What to do.
    pub fix: String,
}

/// Where a finding belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) node: Option<&'a NodeName>,
    pub(super) path: &'a Path,
    pub(super) line: Option<usize>,
}

/// Collects findings.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn error(&mut self, rule: Rule, at: At<'_>, message: String, fix: String) {
        self.push(Severity::Error, rule, at, message, fix);
    }

    pub(super) fn warning(&mut self, rule: Rule, at: At<'_>, message: String, fix: String) {
        self.push(Severity::Warning, rule, at, message, fix);
    }

    pub(super) fn push(
        &mut self,
        severity: Severity,
        rule: Rule,
        at: At<'_>,
        message: String,
        fix: String,
    ) {
        self.0.push(Finding {
            rule,
            name: rule.name(),
            severity,
            node: at.node.cloned(),
            path: at.path.to_owned(),
            line: at.line,
            message,
            fix,
        });
    }
}

/// Reports every defect. Findings are grouped by node, in the request's order, then sorted by path
/// and rule.
pub fn check(request: &CheckRequest) -> Vec<Finding> {
    let nodes: Vec<Node<'_>> = request.nodes.iter().map(Node::read).collect();
    let mut all = Vec::new();
    let mut across = across::check(&nodes, request);
    for node in &nodes {
        let mut findings = Findings::default();
        files::check(node, &mut findings);
        halves::check(node, &mut findings);
        let trusted = node.trusted(request);
        authority::check(node, &mut findings);
        leaf::check(node, &trusted, &mut findings);
        quality::check(node, request, &mut findings);
        let mut own = findings.0;
        let name = node.tree.node.as_ref();
        own.extend(
            across
                .0
                .extract_if(.., |finding| finding.node.as_ref() == name),
        );
        own.sort_by(|a, b| (&a.path, a.rule, a.line).cmp(&(&b.path, b.rule, b.line)));
        all.extend(own);
    }
    all
}
