//! What is not restored, in whose words, and that nothing is left of the attempt.

use std::fs;

use super::{data, names, place, sandbox};
use crate::harness::{Run, Sandbox, expect};

fn refused(sandbox: &Sandbox, id: &str, more: &str) -> Run {
    refused_with(3, sandbox, id, more)
}

fn refused_with(code: i32, sandbox: &Sandbox, id: &str, more: &str) -> Run {
    let run = expect(
        code,
        sandbox.run(&format!(
            "snapshot restore s.db --yes --data-dir etcd {more}"
        )),
    );
    assert!(run.stderr.contains(&format!("[{id}]")), "{}", run.stderr);
    assert!(run.stderr.contains("fix: "), "{}", run.stderr);
    assert!(!sandbox.has("etcd/member"));
    run
}

#[test]
fn damaged_files_are_named_and_nothing_is_written() {
    let whole = fs::read(data("snapshots/etcd-3.5-auth.snapshot.db")).unwrap();
    let sandbox = Sandbox::with_state();
    let run = whole.windows(64).position(|run| run == [b'A'; 64]).unwrap();
    let flipped = |place: usize| {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        bytes
    };
    let image = whole.len() - 32;
    for (bytes, id, word) in [
        (
            flipped(run + 9),
            "digest-mismatch",
            "not those the server sent",
        ),
        (
            flipped(image + 3),
            "digest-mismatch",
            "not those the server sent",
        ),
        (flipped(2 * 4096 + 9), "snapshot-damaged", "page"),
        (
            whole[..image].to_vec(),
            "digest-missing",
            "ends without a digest",
        ),
        (whole[..image / 2].to_vec(), "snapshot-damaged", "truncated"),
        (
            whole[..image / 4096 / 2 * 4096 + 32].to_vec(),
            "snapshot-damaged",
            "truncated",
        ),
        (Vec::new(), "snapshot-damaged", "empty"),
        (vec![0; 70_000], "snapshot-damaged", "no bbolt database"),
        (
            [whole.as_slice(), b"more"].concat(),
            "digest-missing",
            "follow the pages",
        ),
    ] {
        place(&sandbox, "s.db", &bytes);
        let run = refused_with(5, &sandbox, id, "");
        assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
        assert_eq!(names(&sandbox), [""; 0]);
    }
    // A copy of a database file has no digest; a second meta page takes the first one's place.
    let mut copy = whole[..image].to_vec();
    copy[..4096].fill(0);
    place(&sandbox, "s.db", &copy);
    let words = "snapshot restore s.db --yes --data-dir etcd --skip-hash-check";
    let run = expect(0, sandbox.run(words));
    assert!(
        run.stdout.contains("Nothing vouches for the values"),
        "{}",
        run.stdout
    );
    assert!(sandbox.has("etcd/member/snap/db"));
}

#[test]
fn somebody_elses_directory_is_left_alone() {
    let sandbox = sandbox("etcd-3.6-auth.snapshot.db");
    sandbox.file("etcd/mine", "x");
    refused(&sandbox, "data-dir-occupied", "");
    assert_eq!(sandbox.files_below("etcd"), ["mine"]);
    fs::remove_dir_all(sandbox.path().join("etcd")).unwrap();
    sandbox.file("wal/old.wal", "x");
    let run = refused(&sandbox, "data-dir-occupied", "--wal-dir wal");
    assert!(run.stderr.contains("WAL directory"), "{}", run.stderr);
    assert_eq!(names(&sandbox), ["wal"]);
}

#[test]
fn newer_snapshots_large_bumps_and_unknown_owners_are_refused() {
    let sandbox = sandbox("etcd-3.6-auth.snapshot.db");
    let run = refused(&sandbox, "snapshot-newer", "--etcd-version 3.5.16");
    assert!(
        run.stderr.contains("of etcd 3.6.0, and etcd 3.5.16"),
        "{}",
        run.stderr
    );
    let bump = "--bump-revision 9223372036854775807 --mark-compacted";
    refused(&sandbox, "revision-overflow", bump);
    refused(&sandbox, "user-unknown", "--owner nobody-of-this-name");
    refused(&sandbox, "user-unknown", "--owner root:nobody-of-this-name");
    assert_eq!(names(&sandbox), [""; 0]);
    let words = "snapshot restore s.db --yes --data-dir etcd --etcd-version 3.5.16 --allow-newer";
    expect(0, sandbox.run(words));
}

#[test]
fn flags_that_contradict_each_other_are_wrong_usage() {
    let sandbox = sandbox("etcd-3.5-auth.snapshot.db");
    for (more, word) in [
        ("--bump-revision 5", "--mark-compacted"),
        ("--mark-compacted", "--bump-revision"),
        ("--bump-revision 0 --mark-compacted", "0"),
        ("--name m9 --initial-cluster m1=http://a:1", "no member m9"),
        (
            "--name m1 --initial-cluster m1=http://a:1,m2=http://a:1",
            "twice",
        ),
        ("--name m1 --initial-cluster m1=http://a:1/x", "NAME=URL"),
        ("--name m1 --initial-cluster http://a:1", "NAME=URL"),
        (
            "--name m1 --initial-cluster m1=http://a:1 --initial-advertise-peer-urls http://b:1",
            "not those in the initial cluster",
        ),
        ("--data-dir d --wal-dir d/wal", "within the data directory"),
        ("--owner :etcd", "USER:GROUP"),
    ] {
        let run = expect(
            2,
            sandbox.run(&format!("snapshot restore s.db --yes {more}")),
        );
        assert!(run.stderr.contains(word), "{more}: {}", run.stderr);
    }
    assert_eq!(names(&sandbox), [""; 0]);
}

#[test]
fn the_cluster_file_says_what_flags_leave_out() {
    let sandbox = sandbox("etcd-3.6-auth.snapshot.db");
    let root = sandbox.path().display();
    let file = format!(
        "apiVersion: etcdha.dev/v1alpha1\nkind: Cluster\nname: prod\n\
         etcd: {{version: 3.5.16, dataDir: /var/lib/etcd}}\nmembers:\n\
         - {{name: m1, address: 10.0.0.11, root: {root}/m1}}\n\
         - {{name: m2, address: 10.0.0.12, root: {root}/m2}}\n"
    );
    sandbox.file("etcdha.yaml", &file);
    let words = "snapshot restore s.db --yes";
    let run = expect(2, sandbox.run(words));
    assert!(run.stderr.contains("one of m1, m2"), "{}", run.stderr);
    let run = expect(3, sandbox.run(&format!("{words} --name m2")));
    assert!(run.stderr.contains("[snapshot-newer]"), "{}", run.stderr);
    let run = expect(0, sandbox.run(&format!("{words} --name m2 --allow-newer")));
    assert!(run.stdout.contains("of 2 from"), "{}", run.stdout);
    assert!(sandbox.has("m2/var/lib/etcd/member/snap/0000000000000001-0000000000000002.snap"));
    expect(0, sandbox.run("undo --yes"));
    assert!(!sandbox.has("m2/var/lib/etcd"));
}
