//! Which snapshots of a directory go: pure, but for the question whether a file is good, which reads it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::model::SnapshotPlace;
use crate::ops::Refusal;
use crate::ops::node_files::OPERATOR;
use crate::plan::{Action, Plan, RemoveSnapshot, RemoveUpload, Step};
use crate::snapshot::{Reason, Retention};

use super::look::{Directory, State, Stored};

/// What the operator wants.
#[derive(Clone, Debug)]
pub struct PruneRequest {
    /// The directory, or the prefix of a store.
    pub directory: SnapshotPlace,
    /// What is kept.
    pub retention: Retention,
    /// Age from which an upload that has not ended is taken for dead.
    pub upload_age: SignedDuration,
    /// The present.
    pub now: Timestamp,
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
pub async fn plan(
    request: &PruneRequest,
    found: Directory,
    is_good: impl AsyncFnMut(&Stored) -> bool,
) -> Result<Pruning, Refusal> {
    if request.retention.is_empty() {
        return Err(Refusal::new(
            "nothing-to-keep",
            "no rule says what to keep, so every snapshot would go",
            "say how many to keep: --keep-last 7 --keep-daily 14 --keep-weekly 8",
        ));
    }
    let judged = judge(request.retention, found.snapshots, is_good).await;
    let going: Vec<_> = judged
        .iter()
        .filter(|one| one.is_ours && one.reasons.is_empty())
        .collect();
    let headline = format!(
        "remove {} of {} snapshots in {}",
        going.len(),
        judged.len(),
        request.directory
    );
    let going = going
        .iter()
        .map(|one| (one.stored.place.clone(), one.stored.taken_at));
    let removals = found.orphans.into_iter().chain(going);
    let removals =
        removals.map(|(path, taken_at)| Action::RemoveSnapshot(RemoveSnapshot { path, taken_at }));
    let dead = found.uploads.into_iter();
    let dead = dead.filter(|upload| request.now.duration_since(upload.begun) >= request.upload_age);
    let sweeps = dead.map(|upload| {
        Action::RemoveUpload(RemoveUpload {
            path: upload.place,
            id: upload.id,
            begun: upload.begun,
        })
    });
    let steps = removals.chain(sweeps).map(|action| Step {
        on: OPERATOR.to_owned(),
        action,
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
async fn judge(
    retention: Retention,
    found: Vec<Stored>,
    mut is_good: impl AsyncFnMut(&Stored) -> bool,
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
        let goes = |place: &usize| judged[*place].reasons.is_empty();
        // Where nothing goes, nothing needs to be read.
        if places.iter().any(goes) {
            keep_a_good_one(&mut judged, &places, &mut is_good).await;
        }
    }
    judged
}

/// Keeps the newest good one, whatever the rules say of it.
async fn keep_a_good_one(
    judged: &mut [Judged],
    places: &[usize],
    is_good: &mut impl AsyncFnMut(&Stored) -> bool,
) {
    for place in places.iter().rev() {
        if is_good(&judged[*place].stored).await {
            if judged[*place].reasons.is_empty() {
                judged[*place].reasons.push(Reason::LastGood);
            }
            return;
        }
    }
}

fn notes(judged: &[Judged]) -> Vec<String> {
    let mut notes = Vec::new();
    for one in judged.iter().filter(|one| !one.is_ours) {
        let path = &one.stored.place;
        notes.push(format!("{path} is left alone: {}", one.stored.state));
    }
    for one in judged {
        if one.reasons.contains(&Reason::LastGood) {
            let path = &one.stored.place;
            notes.push(format!("{path} is kept: none of the newer ones is good"));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use crate::ops::snapshot_store::StoredUpload;
    use crate::snapshot::record_for_tests as record;

    use super::*;

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(work)
    }

    fn stored(day: i8, cluster: &str) -> Stored {
        let taken_at: Timestamp = format!("2026-02-{day:02}T00:00:00Z").parse().unwrap();
        let mut record = record();
        record.taken_at = taken_at;
        cluster.clone_into(&mut record.cluster.id);
        Stored {
            place: SnapshotPlace::Path(format!("/backups/{cluster}-{day:02}.db").into()),
            size: record.stored_bytes(),
            taken_at,
            record: Some(record),
            state: State::Proven,
        }
    }

    fn request() -> PruneRequest {
        PruneRequest {
            directory: SnapshotPlace::Path("/backups".into()),
            retention: Retention::default(),
            upload_age: SignedDuration::from_hours(24),
            now: "2026-03-01T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn an_upload_goes_once_it_is_old() {
        let upload = |begun: &str| StoredUpload {
            place: SnapshotPlace::parse("s3://etcd/x.db".as_ref()).unwrap(),
            id: begun.to_owned(),
            begun: begun.parse().unwrap(),
        };
        let found = Directory {
            uploads: vec![
                upload("2026-02-28T00:00:00Z"),
                upload("2026-02-28T00:00:01Z"),
            ],
            ..Directory::default()
        };
        let request = PruneRequest {
            retention: Retention {
                last: 1,
                ..Retention::default()
            },
            ..request()
        };
        let pruning = block_on(plan(&request, found, async |_: &Stored| true)).unwrap();
        let steps: Vec<_> = pruning.plan.steps.iter().collect();
        assert_eq!(steps.len(), 1);
        assert_eq!(
            steps[0].action.to_string(),
            "remove the unfinished upload to s3://etcd/x.db of 2026-02-28T00:00:00Z"
        );
    }

    fn removed(
        found: Vec<Stored>,
        last: usize,
        mut is_good: impl FnMut(&Stored) -> bool,
    ) -> Vec<String> {
        let request = PruneRequest {
            retention: Retention {
                last,
                ..Retention::default()
            },
            ..request()
        };
        let found = Directory {
            snapshots: found,
            ..Directory::default()
        };
        let pruning = block_on(plan(&request, found, async |one: &Stored| is_good(one))).unwrap();
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
            one.place.name() == "a-02.db"
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
        let found = Directory {
            snapshots: vec![stored(1, "a")],
            ..Directory::default()
        };
        assert_eq!(
            block_on(plan(&request(), found, async |_: &Stored| true))
                .unwrap_err()
                .id,
            "nothing-to-keep"
        );
    }
}
