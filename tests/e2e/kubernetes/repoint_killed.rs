//! etcdha is killed at every step of a repoint and of a rollback: the manifest is whole at any time,
//! and running the command again finishes it, or `undo` takes it back.

use super::masters::{Masters, READY};

/// The beginning and the end of each step of a plan for one node: manifest, wait, proof. The end of
/// the last may coincide with the end of the run.
const MARKS: usize = 5;

#[test]
fn a_roll_that_is_killed_at_any_step_is_finished_by_the_next_run() {
    let masters = Masters::single(["m1"]);
    let old = masters.manifest("m1");
    masters.run_expecting(0, &["apiserver", "repoint", "--yes"]);
    let new = masters.manifest("m1");
    // Back and forth in turn: each way is killed at each mark of one parity first, of the other then.
    for round in 0..=MARKS {
        let (command, before, after) = match round % 2 {
            0 => ("rollback", &new, &old),
            _ => ("repoint", &old, &new),
        };
        let kill_after = round % MARKS + 1;
        let mut run = masters.start(&["apiserver", command, "--yes"]);
        let marks = (0..kill_after).map_while(|_| run.next()).count();
        run.kill();
        assert_eq!(
            marks, kill_after,
            "{command} ended before it could be killed"
        );
        let between = masters.manifest("m1");
        assert!(
            [before, after].contains(&&between),
            "half written:\n{between}"
        );

        masters.run_expecting(0, &["apiserver", command, "--yes"]);
        assert_eq!(masters.manifest("m1"), *after);
        assert_eq!(masters.leftovers("m1"), Vec::<String>::new());
        let again = masters.run_expecting(0, &["apiserver", command, "--yes"]);
        assert!(again.stdout.contains("Nothing to do"), "{}", again.stdout);
    }
}

#[test]
fn a_repoint_that_was_killed_can_be_taken_back() {
    let masters = Masters::single(["m1"]);
    let old = masters.manifest("m1");
    let mut run = masters.start(&["apiserver", "repoint", "--yes"]);
    run.wait_for(true, &["wait until"]);
    run.kill();
    assert_ne!(masters.manifest("m1"), old);
    masters.run_expecting(0, &["undo", "--yes"]);
    assert_eq!(masters.manifest("m1"), old);
    masters.kubectl("m1").wait_ready(READY).unwrap();
}
