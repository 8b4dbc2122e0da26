//! `etcdha snapshot prune` and `list`, on files.

use std::fs;

use crate::harness::{Sandbox, expect};

const SNAPSHOT: &[u8] = include_bytes!("../data/snapshots/etcd-3.5-auth.snapshot.db");
const RECORD: &str = include_str!("../../fuzz/corpus/snapshot_record/proven.json");

/// A snapshot of this day with its record.
fn save(sandbox: &Sandbox, day: u32, bytes: &[u8]) {
    let record = RECORD
        .replace(
            "2026-02-03T04:05:06Z",
            &format!("2026-02-{day:02}T00:00:00Z"),
        )
        .replace("24608", &bytes.len().to_string());
    sandbox.file(&format!("b/prod-{day:02}.db.json"), &record);
    let path = sandbox.path().join(format!("b/prod-{day:02}.db"));
    etcdha::sys::files::write_atomic(&path, bytes, 0o600).unwrap();
}

fn snapshots(sandbox: &Sandbox) -> Vec<String> {
    let mut names = sandbox.files_below("b");
    names.retain(|name| !name.ends_with(".json"));
    names
}

#[test]
fn old_ones_go_with_their_records_and_the_newest_good_one_stays() {
    let sandbox = Sandbox::with_state();
    let mut damaged = SNAPSHOT.to_vec();
    damaged[20_000] ^= 1;
    for day in 1..=4 {
        save(&sandbox, day, SNAPSHOT);
    }
    save(&sandbox, 5, &damaged);
    sandbox.file("b/foreign.db", "not ours");

    let refused = expect(3, sandbox.run("snapshot prune b --yes"));
    assert!(
        refused.stderr.contains("[nothing-to-keep]"),
        "{}",
        refused.stderr
    );
    let dry = expect(0, sandbox.run("snapshot prune b --keep-last 1 --dry-run"));
    assert!(dry.stdout.contains("prod-01.db"), "{}", dry.stdout);
    assert_eq!(snapshots(&sandbox).len(), 6);

    // The newest has a flipped bit: the one before it stays, too.
    expect(0, sandbox.run("snapshot prune b --keep-last 1 --yes"));
    let left = ["foreign.db", "prod-04.db", "prod-05.db"];
    assert_eq!(snapshots(&sandbox), left);
    assert_eq!(sandbox.files_below("b").len(), 5);
    expect(0, sandbox.run("snapshot prune b --keep-last 1 --yes"));
    assert_eq!(snapshots(&sandbox), left);
}

#[test]
fn what_a_killed_run_left_is_finished_and_a_list_tells_what_is_damaged() {
    let sandbox = Sandbox::with_state();
    save(&sandbox, 1, SNAPSHOT);
    save(&sandbox, 2, SNAPSHOT);
    expect(0, sandbox.run("snapshot list b"));
    fs::remove_file(sandbox.path().join("b/prod-01.db")).unwrap();
    expect(0, sandbox.run("snapshot prune b --keep-last 1 --yes"));
    assert_eq!(sandbox.files_below("b"), ["prod-02.db", "prod-02.db.json"]);

    let cut = &SNAPSHOT[..SNAPSHOT.len() / 2];
    let path = sandbox.path().join("b/prod-02.db");
    etcdha::sys::files::write_atomic(&path, cut, 0o600).unwrap();
    let list = expect(5, sandbox.run("snapshot list b"));
    assert!(list.stdout.contains("damaged"), "{}", list.stdout);
}
