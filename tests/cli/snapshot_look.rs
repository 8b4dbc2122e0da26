//! Snapshots that etcd has written, and damaged ones, as a person and a script see them.

use std::fs;
use std::path::Path;

use crate::harness::{Run, Sandbox, expect};

type Damage = dyn Fn(&mut Vec<u8>);

/// A sandbox with a snapshot of the examples in it, changed.
fn sandbox(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Sandbox {
    let sandbox = Sandbox::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/snapshots");
    let mut bytes = fs::read(examples.join(name)).unwrap();
    change(&mut bytes);
    fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .open(sandbox.path().join("backup.db"))
        .and_then(|mut file| std::io::Write::write_all(&mut file, &bytes))
        .unwrap();
    sandbox
}

fn json(run: &Run) -> serde_json::Value {
    serde_json::from_str(&run.stdout).unwrap()
}

const AUTH_3_5: &str = "etcd-3.5-auth.snapshot.db";
const AUTH_3_6: &str = "etcd-3.6-auth.snapshot.db";
/// The last change is a delete that was compacted away.
const LAST_3_4: &str = "etcd-3.4-compactlast.snapshot.db";

#[test]
fn status_has_the_fields_of_etcdutl() {
    for (name, version) in [(AUTH_3_5, None), (AUTH_3_6, Some("3.6.0"))] {
        let sandbox = sandbox(name, |_| ());
        let found = json(&expect(0, sandbox.run("snapshot status backup.db -o json")));
        let list = include_str!("../data/snapshots/snapshots.json");
        let list: Vec<serde_json::Value> = serde_json::from_str(list).unwrap();
        let official = list.iter().find(|facts| facts["file"] == name).unwrap();
        for (field, value) in official["official_status"].as_object().unwrap() {
            assert_eq!(found[field], *value, "{field}");
        }
        assert_eq!(found.get("version").and_then(|v| v.as_str()), version);
    }
}

#[test]
fn pages_for_a_person() {
    let sandbox = sandbox(LAST_3_4, |_| ());
    insta::assert_snapshot!(
        "snapshot_status",
        sandbox.run("snapshot status backup.db").all()
    );
    insta::assert_snapshot!(
        "snapshot_hashkv",
        sandbox.run("snapshot hashkv backup.db").all()
    );
    insta::assert_snapshot!(
        "snapshot_verify",
        sandbox.run("snapshot verify backup.db").all()
    );
    insta::assert_snapshot!(
        "snapshot_inspect",
        sandbox.run("snapshot inspect backup.db --largest 2").all()
    );
}

#[test]
fn a_hash_at_a_revision_that_is_not_there_says_which_are() {
    let sandbox = sandbox(AUTH_3_5, |_| ());
    let compacted = expect(1, sandbox.run("snapshot hashkv backup.db --rev 3"));
    assert!(
        compacted.stderr.contains("history begins at 49"),
        "{}",
        compacted.stderr
    );
    let future = expect(1, sandbox.run("snapshot hashkv backup.db --rev 51"));
    assert!(future.stderr.contains("ends at 50"), "{}", future.stderr);
    let found = json(&expect(
        0,
        sandbox.run("snapshot hashkv backup.db --rev 50 -o json"),
    ));
    assert_eq!(found["hash"], 793_991_921);
    assert_eq!(found["compactRevision"], 49);
}

#[test]
fn a_damaged_file_ends_with_5_whatever_is_asked() {
    let half = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
    let empty = |bytes: &mut Vec<u8>| bytes.clear();
    let text = |bytes: &mut Vec<u8>| *bytes = b"no database\n".repeat(1000);
    let no_metas = |bytes: &mut Vec<u8>| bytes[..8192].fill(0);
    let changes: [&Damage; 4] = [&half, &empty, &text, &no_metas];
    for change in changes {
        let sandbox = sandbox(AUTH_3_5, change);
        for command in ["status", "hashkv", "inspect", "verify"] {
            let run = expect(5, sandbox.run(&format!("snapshot {command} backup.db")));
            assert!(run.all().contains("backup.db"), "{}", run.all());
        }
    }
}

#[test]
fn verify_names_the_offset_and_the_way_on() {
    let flipped = sandbox(AUTH_3_5, |bytes| {
        let value = bytes.windows(64).position(|bytes| bytes == [b'A'; 64]);
        bytes[value.unwrap() + 5] ^= 1;
    });
    // etcdutl's own status accepts it, and so does ours, which has its meaning.
    expect(0, flipped.run("snapshot status backup.db"));
    insta::assert_snapshot!(
        "snapshot_verify_flipped",
        expect(5, flipped.run("snapshot verify backup.db")).all()
    );
    let copy = sandbox(AUTH_3_5, |bytes| bytes.truncate(bytes.len() - 32));
    insta::assert_snapshot!(
        "snapshot_verify_without_digest",
        expect(5, copy.run("snapshot verify backup.db")).all()
    );
    let run = expect(
        0,
        copy.run("snapshot verify backup.db --skip-hash-check -o json"),
    );
    let found = json(&run);
    assert_eq!(found["restorable"], true);
    assert_eq!(found["findings"][0]["rule"], "S005");
    assert_eq!(found["hashKv"]["hash"], 793_991_921);
}

#[test]
fn a_file_that_cannot_be_read_is_no_damage() {
    let sandbox = Sandbox::new();
    let run = expect(1, sandbox.run("snapshot verify backup.db"));
    assert!(run.stderr.contains("read backup.db"), "{}", run.stderr);
    let run = expect(1, sandbox.run("snapshot status ."));
    assert!(run.stderr.contains("directory"), "{}", run.stderr);
}
