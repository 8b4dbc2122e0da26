//! One plan out of two. Pure: facts in, plan or refusal out.
//!
//! The apiservers' turn comes when the new members vote and are proven to hold the data. What was
//! promoted has no way back, so a failure behind it leaves the members and the apiservers that work.

use crate::cluster::ClusterView;
use crate::model::{ClusterSpec, Topology};
use crate::ops::Refusal;
use crate::ops::apiserver_repoint::{self, Observed as ObservedApiservers};
use crate::ops::member_add::{self, Observed as ObservedMembers};
use crate::plan::{Action, Plan, Step};

use super::TopologyMoveRequest;

/// Plans the move, or refuses it.
///
/// # Errors
/// A [`Refusal`] of `member add` or of `apiserver repoint`.
pub fn plan(
    request: &TopologyMoveRequest,
    members: &ObservedMembers,
    apiservers: &ObservedApiservers,
) -> Result<Plan, Refusal> {
    let add = member_add::plan(&request.add, members)?;
    let repoint = apiserver_repoint::plan(&request.repoint, apiservers)?;
    let spec = &request.add.spec;
    let left = still_voting(spec, &members.view);
    Ok(joined(spec, add, repoint, &left))
}

pub(super) fn joined(spec: &ClusterSpec, add: Plan, repoint: Plan, left: &[String]) -> Plan {
    let headline = headline(spec, &add, &repoint);
    let mut checked = Vec::new();
    for part in [&add, &repoint].into_iter().filter(|part| !part.is_empty()) {
        checked.extend(part.checked.iter().cloned());
    }
    let mut notes = add.notes;
    notes.extend(repoint.notes);
    notes.extend(remaining_note(left));
    let mut steps = add.steps;
    // Apiservers change nothing about who votes.
    let voters = steps.last().and_then(|step| step.voters);
    steps.extend(
        repoint
            .steps
            .into_iter()
            .map(|step| Step { voters, ..step }),
    );
    Plan {
        command: "topology move".into(),
        headline,
        steps,
        checked,
        notes,
    }
}

/// The members on their way out that vote yet, in the file's order.
pub fn still_voting(spec: &ClusterSpec, view: &ClusterView) -> Vec<String> {
    let votes = |url| {
        view.voters()
            .any(|voter| voter.info.peer_urls.contains(&url))
    };
    let leaving = spec.leaving_members();
    let voting = leaving.filter(|member| votes(spec.peer_url(member)));
    voting.map(|member| member.name.to_string()).collect()
}

fn remaining_note(left: &[String]) -> Option<String> {
    let (verb, removed) = match left.len() {
        0 => return None,
        1 => ("votes", "it is removed"),
        _ => ("vote", "they are removed"),
    };
    let names = left.join(", ");
    Some(format!(
        "The plan ends there: {names} {verb} on until {removed} by hand (docs/topology.md)."
    ))
}

fn headline(spec: &ClusterSpec, add: &Plan, repoint: &Plan) -> String {
    let count = |plan: &Plan, wanted: fn(&Action) -> bool| {
        plan.steps
            .iter()
            .filter(|step| wanted(&step.action))
            .count()
    };
    let plural = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    };
    let added = count(add, |action| matches!(action, Action::Promote { .. }));
    let pointed = count(repoint, |action| {
        matches!(action, Action::RepointApiserver(_))
    });
    let place = match spec.topology {
        Topology::Stacked => "the control plane nodes",
        Topology::External => "hosts of its own",
    };
    format!(
        "move etcd of cluster {} to {place}: add {}, point {} at them",
        spec.name,
        plural(added, "member"),
        plural(pointed, "apiserver"),
    )
}
