//! Which snapshots of a directory go: pure, but for the question whether a file is good, which reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::ops::Refusal;
use crate::ops::node_files::OPERATOR;
use crate::plan::{Action, Plan, RemoveSnapshot, Step};
use crate::snapshot::{Reason, Retention};

use super::look::{Directory, State, Stored};

/// What the operator wants.
#[derive(Clone, Debug)]
pub struct PruneRequest {
    /// The directory.
    pub directory: PathBuf,
    /// What is kept.
    pub retention: Retention,
}

/// A snapshot and what becomes of it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The snapshot.
    pub stored: Stored,
    /// Why it is kept; none means that it goes.
    pub reasons: Vec<Reason>,
    /// False for one that etcdha did not save, or that is damaged: it is left alone.
    pub is_ours: bool,
}

/// What becomes of a directory.
#[derive(Clone, Debug)]
pub struct Pruning {
    /// Every snapshot, oldest first.
    pub judged: Vec<Judged>,
    /// The plan that removes those that go.
    pub plan: Plan,
}

/// Decides what goes. `is_good` verifies a file: it is asked about as few as will do.
///
/// # Errors
/// No rule was given: everything would go.
pub fn plan(
    request: &PruneRequest,
    found: Directory,
    is_good: impl FnMut(&Stored) -> bool,
) -> Result<Pruning, Refusal> {
    if request.retention.is_empty() {
        return Err(Refusal::new(
            "nothing-to-keep",
            "no rule says what to keep, so every snapshot would go",
            "say how many to keep: --keep-last 7 --keep-daily 14 --keep-weekly 8",
        ));
    }
    let judged = judge(request.retention, found.snapshots, is_good);
    let going: Vec<_> = judged
        .iter()
        .filter(|one| one.is_ours && one.reasons.is_empty())
        .collect();
    let headline = format!(
        "remove {} of {} snapshots in {}",
        going.len(),
        judged.len(),
        request.directory.display()
    );
    let going = going
        .iter()
        .map(|one| (one.stored.path.clone(), one.stored.taken_at));
    let steps = found.orphans.into_iter().chain(going);
    let steps = steps.map(|(path, taken_at)| Step {
        on: OPERATOR.to_owned(),
        action: Action::RemoveSnapshot(RemoveSnapshot { path, taken_at }),
        voters: None,
    });
    let plan = Plan {
        command: "snapshot prune".to_owned(),
        headline,
        steps: steps.collect(),
        checked: Vec::new(),
        notes: notes(&judged),
    };
    Ok(Pruning { judged, plan })
}

/// Judges each cluster's snapshots by themselves, so that a busy one does not push another one's out.
fn judge(
    retention: Retention,
    found: Vec<Stored>,
    mut is_good: impl FnMut(&Stored) -> bool,
) -> Vec<Judged> {
    let mut judged: Vec<Judged> = found
        .into_iter()
        .map(|stored| Judged {
            is_ours: stored.record.is_some() && !matches!(stored.state, State::Damaged(_)),
            stored,
            reasons: Vec::new(),
        })
        .collect();
    let mut clusters: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, one) in judged.iter().enumerate() {
        if let (true, Some(record)) = (one.is_ours, &one.stored.record) {
            let places = clusters.entry(record.cluster.id.clone()).or_default();
            places.push(place);
        }
    }
    for places in clusters.into_values() {
        let times: Vec<Timestamp> = places
            .iter()
            .map(|at| judged[*at].stored.taken_at)
            .collect();
        for (place, reasons) in places.iter().zip(retention.judge(&times)) {
            judged[*place].reasons = reasons;
        }
        keep_a_good_one(&mut judged, &places, &mut is_good);
    }
    judged
}

/// Keeps the newest good one, whatever the rules say of it.
fn keep_a_good_one(
    judged: &mut [Judged],
    places: &[usize],
    is_good: &mut impl FnMut(&Stored) -> bool,
) {
    let mut newest_first = places.iter().rev();
    let good = newest_first.find(|place| is_good(&judged[**place].stored));
    if let Some(place) = good
        && judged[*place].reasons.is_empty()
    {
        judged[*place].reasons.push(Reason::LastGood);
    }
}

fn notes(judged: &[Judged]) -> Vec<String> {
    let mut notes = Vec::new();
    for one in judged.iter().filter(|one| !one.is_ours) {
        let path = one.stored.path.display();
        notes.push(format!("{path} is left alone: {}", one.stored.state));
    }
    for one in judged {
        if one.reasons.contains(&Reason::LastGood) {
            let path = one.stored.path.display();
            notes.push(format!("{path} is kept: none of the newer ones is good"));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use crate::snapshot::record_for_tests as record;

    use super::*;

    fn stored(day: i8, cluster: &str) -> Stored {
        let taken_at: Timestamp = format!("2026-02-{day:02}T00:00:00Z").parse().unwrap();
        let mut record = record();
        record.taken_at = taken_at;
        cluster.clone_into(&mut record.cluster.id);
        Stored {
            path: format!("/backups/{cluster}-{day:02}.db").into(),
            size: record.size_bytes,
            taken_at,
            record: Some(record),
            state: State::Proven,
        }
    }

    fn removed(
        found: Vec<Stored>,
        last: usize,
        is_good: impl FnMut(&Stored) -> bool,
    ) -> Vec<String> {
        let request = PruneRequest {
            directory: "/backups".into(),
            retention: Retention {
                last,
                ..Retention::default()
            },
        };
        let found = Directory {
            snapshots: found,
            orphans: Vec::new(),
        };
        let pruning = plan(&request, found, is_good).unwrap();
        let steps = pruning.plan.steps.iter();
        steps.map(|step| step.action.to_string()).collect()
    }

    #[test]
    fn each_cluster_has_its_own_count() {
        let found = vec![
            stored(1, "a"),
            stored(2, "a"),
            stored(3, "b"),
            stored(4, "a"),
        ];
        let removed = removed(found, 2, |_| true);
        assert_eq!(removed, ["remove snapshot /backups/a-01.db"]);
    }

    #[test]
    fn the_newest_good_one_stays_whatever_the_rules_say() {
        let found = || vec![stored(1, "a"), stored(2, "a"), stored(3, "a")];
        let mut asked = 0;
        let gone = removed(found(), 1, |one| {
            asked += 1;
            one.path.ends_with("a-02.db")
        });
        assert_eq!(gone, ["remove snapshot /backups/a-01.db"]);
        assert_eq!(asked, 2);
        let none_good = removed(found(), 1, |_| false);
        assert_eq!(none_good.len(), 2);
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let mut foreign = stored(1, "a");
        foreign.record = None;
        foreign.state = State::Unrecorded;
        let mut damaged = stored(2, "a");
        damaged.state = State::Damaged("12 bytes".into());
        let found = vec![foreign, damaged, stored(3, "a"), stored(4, "a")];
        let removed = removed(found, 1, |_| true);
        assert_eq!(removed, ["remove snapshot /backups/a-03.db"]);
    }

    #[test]
    fn without_a_rule_nothing_goes() {
        let request = PruneRequest {
            directory: "/backups".into(),
            retention: Retention::default(),
        };
        let found = Directory {
            snapshots: vec![stored(1, "a")],
            orphans: Vec::new(),
        };
        assert_eq!(
            plan(&request, found, |_| true).unwrap_err().id,
            "nothing-to-keep"
        );
    }
}
