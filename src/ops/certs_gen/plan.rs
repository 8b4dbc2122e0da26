//! Which certificates are made, in which order. Pure: facts in, plan or refusal out.

use crate::ops::Refusal;
use crate::ops::host_certificates::PairState;
use crate::ops::issuing::{LeafPlace, ca_issue, leaf_issue};
use crate::plan::{Action, CaTarget, Plan, Step};

use super::observe::{CaState, LeafState, NodePlace, Observed};
use super::{CertsRequest, Existing};

/// Plans what is missing, or refuses.
///
/// # Errors
/// A [`Refusal`] where the CA can't sign what is needed, or where another CA's certificate stands in
/// the way.
pub fn plan(request: &CertsRequest, observed: &Observed) -> Result<Plan, Refusal> {
    let mut steps = Vec::new();
    let mut leaves = Vec::new();
    let mut targets = Vec::new();
    for node in &observed.nodes {
        if !request.existing.only_renews() && node.ca_is_there != Ok(true) {
            targets.push(CaTarget {
                on: node.on.clone(),
                path: node.ca_path.clone(),
            });
        }
        for leaf in &node.leaves {
            if let Some(replace) = wanted(request.existing, leaf) {
                leaves.push(issue(request, observed, node, leaf, replace)?);
            }
        }
    }
    let needs_ca = !leaves.is_empty() || !targets.is_empty();
    for node in &observed.nodes {
        // Where there is nothing to renew with, what the nodes hold is not the matter.
        if observed.ca != CaState::Absent || !request.existing.only_renews() {
            foreign_ca(node, observed)?;
        }
    }
    match &observed.ca {
        CaState::Unusable(why) if needs_ca => {
            let fix = "put certificate and key of the CA in place, give its passphrase in \
                       ETCDHA_CA_PASSPHRASE, or use `certs csr` and `certs sign`";
            return Err(Refusal::new("ca-unusable", why.clone(), fix));
        }
        CaState::Absent if request.existing.only_renews() && needs_ca => {
            let what = format!("there is no CA at {}", observed.ca_files.cert.display());
            return Err(Refusal::new(
                "ca-unusable",
                what,
                "name it: pki.ca in the cluster file",
            ));
        }
        CaState::Absent if !request.existing.only_renews() => {
            let ca = ca_issue(&request.spec, &observed.templates).map_err(unusable)?;
            steps.push(here(Action::MakeCa(ca)));
        }
        CaState::Absent | CaState::Ready | CaState::Unusable(_) => {}
    }
    let count = leaves.len();
    if !leaves.is_empty() {
        steps.push(here(Action::MakeLeaves { leaves }));
    }
    if !targets.is_empty() {
        steps.push(here(Action::InstallCa { targets }));
    }
    let command = if request.existing.only_renews() {
        "certs renew"
    } else {
        "certs gen"
    };
    Ok(Plan {
        command: command.into(),
        headline: format!(
            "issue {count} certificates of cluster {} for {} nodes",
            request.spec.name,
            observed.nodes.len()
        ),
        steps,
        checked: Vec::new(),
        notes: observed.warnings.iter().map(ToString::to_string).collect(),
    })
}

/// A step on the machine this runs on.
pub(in crate::ops) fn here(action: Action) -> Step {
    Step {
        on: "here".into(),
        action,
        voters: None,
    }
}

fn unusable(error: impl std::fmt::Display) -> Refusal {
    let fix = "correct the template or the cluster file";
    Refusal::new("template-unusable", error.to_string(), fix)
}

/// A CA that is about to be made is nowhere yet, so nothing there can be it.
fn foreign_ca(node: &NodePlace, observed: &Observed) -> Result<(), Refusal> {
    match &node.ca_is_there {
        Ok(_) => Ok(()),
        Err(why) => {
            let fix = match observed.ca {
                CaState::Absent => "adopt that CA (pki.ca in the cluster file), or move it away",
                _ => "move it away, or name the CA that signed there under pki.ca",
            };
            Err(Refusal::new(
                "foreign-ca",
                format!("{}: {why}", node.name),
                fix,
            ))
        }
    }
}

/// Whether a pair is issued, and then whether it replaces one.
fn wanted(existing: Existing, leaf: &LeafState) -> Option<bool> {
    match (existing, &leaf.state) {
        (Existing::Renew | Existing::RenewInvalid, PairState::Missing) => None,
        (Existing::Renew, _) => Some(true),
        (_, PairState::Missing) => Some(false),
        (Existing::ReplaceInvalid | Existing::RenewInvalid, PairState::Invalid(_)) => Some(true),
        (_, PairState::Valid | PairState::Invalid(_)) => None,
    }
}

fn issue(
    request: &CertsRequest,
    observed: &Observed,
    node: &NodePlace,
    leaf: &LeafState,
    replace: bool,
) -> Result<crate::plan::LeafIssue, Refusal> {
    let member = request.spec.member(&node.name).ok_or_else(|| {
        let what = format!("{} is not in the cluster file", node.name);
        Refusal::new("unknown-member", what, "add it under members:")
    })?;
    let place = LeafPlace {
        on: &node.on,
        directory: &node.directory,
        replace,
    };
    leaf_issue(&request.spec, &observed.templates, member, leaf.kind, place).map_err(unusable)
}
