//! The rule of going back, for a failure at every step. The performer here keeps a set of effects
//! in memory: it stands for no server, only for things that are there or not.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::*;
use crate::plan::action::{Action, FileExpectation, JoinTarget, WriteFile};
use crate::plan::cluster_restore::{RestoredCluster, StartPod, StopPod};
use crate::plan::step::Plan;

#[derive(Default)]
struct Effects {
    present: BTreeSet<String>,
    fail_at: Option<usize>,
    fails_after_effect: bool,
    /// A promotion that failed can't be told from one that took effect.
    in_doubt: bool,
    performed: usize,
}

fn key(step: &Step) -> String {
    step.action.to_string()
}

impl Performer for Effects {
    async fn perform(
        &mut self,
        step: &Step,
        _progress: &dyn Fn(Progress),
    ) -> Result<Outcome, StepError> {
        let fails = self.fail_at == Some(self.performed);
        self.performed += 1;
        if !fails || self.fails_after_effect {
            self.present.insert(key(step));
        }
        if fails {
            Err(StepError::Missing("as told".into()))
        } else {
            Ok(Outcome::Plain)
        }
    }

    async fn undo(&mut self, step: &Step, _outcome: &Outcome) -> Result<(), StepError> {
        if self.in_doubt && matches!(step.action, Action::Promote { .. }) {
            return Err(StepError::Missing("no answer".into()));
        }
        self.present.remove(&key(step));
        Ok(())
    }
}

#[derive(Default)]
struct Log(RefCell<Vec<String>>);

impl Events for Log {
    fn started(&self, index: usize, _step: &Step) {
        self.0.borrow_mut().push(format!("start {}", index + 1));
    }
    fn progress(&self, _index: usize, _progress: Progress) {}
    fn done(&self, index: usize, _step: &Step, _outcome: &Outcome) {
        self.0.borrow_mut().push(format!("done {}", index + 1));
    }
    fn failed(&self, index: usize, _step: &Step, _error: &StepError) {
        self.0.borrow_mut().push(format!("failed {}", index + 1));
    }
    fn undoing(&self, index: usize, _step: &Step) {
        self.0.borrow_mut().push(format!("undo {}", index + 1));
    }
    fn undo_failed(&self, index: usize, _step: &Step, _error: &StepError) {
        self.0
            .borrow_mut()
            .push(format!("undo failed {}", index + 1));
    }
}

fn write(name: &str) -> Action {
    Action::WriteFile(WriteFile {
        what: name.into(),
        path: format!("/{name}").into(),
        mode: 0o600,
        contents: String::new(),
        expect: FileExpectation::Absent,
        starts: None,
    })
}

fn promote() -> Action {
    let member = JoinTarget {
        name: "m2".parse().unwrap(),
        peer_url: "https://10.0.0.2:2380".parse().unwrap(),
        client_url: "https://10.0.0.2:2379".parse().unwrap(),
    };
    Action::Promote {
        member,
        deadline_seconds: 1,
    }
}

/// Three steps that can be undone, one that can't, two more that can.
fn plan() -> Plan {
    let actions = [
        write("a"),
        write("b"),
        write("c"),
        promote(),
        write("d"),
        write("e"),
    ];
    let steps = actions.map(|action| Step {
        on: "m1".into(),
        action,
        voters: None,
    });
    Plan {
        command: "member add".into(),
        headline: String::new(),
        steps: steps.into(),
        checked: vec![],
        notes: vec![],
    }
}

fn run(effects: &mut Effects) -> (Result<Applied, Failure>, Vec<String>, Receipt) {
    run_plan(plan(), effects)
}

fn run_plan(plan: Plan, effects: &mut Effects) -> (Result<Applied, Failure>, Vec<String>, Receipt) {
    let dir = tempfile::tempdir().unwrap();
    let now = Timestamp::UNIX_EPOCH;
    let receipt = Receipt::new(plan, vec!["member".into(), "add".into()], "/".into(), now);
    let path = dir.path().join(receipt.file_name());
    let log = Log::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let result = runtime.block_on(apply(receipt, dir.path(), effects, &log));
    (result, log.0.into_inner(), Receipt::load(&path).unwrap())
}

#[test]
fn a_plan_that_succeeds_leaves_a_finished_receipt() {
    let mut effects = Effects::default();
    let (result, log, receipt) = run(&mut effects);
    assert_eq!(result.unwrap().outcomes.len(), 6);
    assert_eq!(log.len(), 12);
    assert_eq!(receipt.result.as_deref(), Some("done"));
    assert!(
        receipt
            .steps
            .iter()
            .all(|step| step.state == StepState::Done)
    );
}

#[test]
fn a_failure_undoes_in_reverse_down_to_the_last_step_without_a_way_back() {
    for fail_at in 0..6 {
        for fails_after_effect in [false, true] {
            let mut effects = Effects {
                fail_at: Some(fail_at),
                fails_after_effect,
                ..Effects::default()
            };
            let (result, log, receipt) = run(&mut effects);
            let Err(Failure::Step {
                number,
                undone,
                remaining,
                ..
            }) = result
            else {
                panic!("step {fail_at} did not fail")
            };
            assert_eq!(number, fail_at + 1);
            let barrier = if fail_at > 3 { 4 } else { 0 };
            let expected: Vec<usize> = (barrier + 1..=fail_at + 1)
                .rev()
                .filter(|&step| step != 4)
                .collect();
            assert_eq!(undone, expected, "{log:?}");
            assert_eq!(remaining, (1..=barrier).collect::<Vec<_>>());
            let kept: BTreeSet<_> = receipt.plan.steps[..barrier].iter().map(key).collect();
            if !(fails_after_effect && fail_at == 3) {
                assert_eq!(effects.present, kept);
            }
            assert!(!receipt.is_unfinished());
        }
    }
}

/// A restore of a cluster: two pods that are stopped, the proof, two apiservers that come back.
fn restore_plan() -> Plan {
    let pod = |name: &str| {
        Action::StopPod(StopPod {
            path: format!("/{name}.yaml").into(),
            mode: 0o600,
            contents: String::new(),
            old_data: None,
        })
    };
    let start = |name: &str| {
        Action::StartPod(StartPod {
            path: format!("/{name}.yaml").into(),
            mode: 0o600,
            contents: String::new(),
            member: None,
        })
    };
    let proof = Action::ProveRestored(RestoredCluster {
        cluster_id: crate::model::ClusterId(1),
        members: Vec::new(),
        snapshot_sha256: String::new(),
        first_revision: 1,
        hash_kv: 1,
        deadline_seconds: 1,
    });
    let actions = [pod("a"), pod("b"), proof, start("a"), start("b")];
    let mut plan = plan();
    plan.command = "snapshot restore --cluster".into();
    plan.steps = actions
        .map(|action| Step {
            on: "m1".into(),
            action,
            voters: None,
        })
        .into();
    plan
}

#[test]
fn a_restore_is_put_back_up_to_its_proof_and_left_alone_behind_it() {
    for fail_at in 0..5 {
        let mut effects = Effects {
            fail_at: Some(fail_at),
            ..Effects::default()
        };
        let (result, log, _) = run_plan(restore_plan(), &mut effects);
        let Err(Failure::Step {
            undone, remaining, ..
        }) = result
        else {
            panic!("step {fail_at} did not fail")
        };
        let (expected, stay): (Vec<usize>, Vec<usize>) = match fail_at {
            0..=2 => ((1..=2.min(fail_at + 1)).rev().collect(), vec![]),
            _ => (vec![], (1..=fail_at).collect()),
        };
        assert_eq!((undone, remaining), (expected, stay), "{log:?}");
    }
}

#[test]
fn nothing_is_taken_back_before_a_promotion_that_may_have_been_made() {
    let mut effects = Effects {
        fail_at: Some(3),
        fails_after_effect: true,
        in_doubt: true,
        ..Effects::default()
    };
    let (result, log, receipt) = run(&mut effects);
    let Err(Failure::Step {
        undone, remaining, ..
    }) = result
    else {
        panic!("step 4 did not fail")
    };
    assert_eq!((undone, remaining), (vec![], vec![1, 2, 3, 4]));
    assert_eq!(effects.present.len(), 4);
    assert!(log.contains(&"undo failed 4".to_owned()), "{log:?}");
    assert_eq!(receipt.steps[3].state, StepState::Started);
    assert_eq!(receipt.result.as_deref(), Some("failed, partly applied"));
}

#[test]
fn an_unfinished_receipt_can_be_rolled_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut receipt = Receipt::new(plan(), vec![], "/".into(), Timestamp::UNIX_EPOCH);
    receipt.steps[0].state = StepState::Done;
    receipt.steps[1].state = StepState::Started;
    let path = dir.path().join(receipt.file_name());
    let mut effects = Effects::default();
    effects
        .present
        .extend(receipt.plan.steps[..2].iter().map(key));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let outcome = runtime
        .block_on(roll_back(
            receipt,
            path.clone(),
            &mut effects,
            &Log::default(),
        ))
        .unwrap();
    assert_eq!(outcome, (vec![2, 1], vec![]));
    assert!(effects.present.is_empty());
    assert_eq!(
        Receipt::load(&path).unwrap().result.as_deref(),
        Some("undone")
    );
}
