//! Places that can't be written to, ends by signal, and two runs at once.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::{names, sandbox};
use crate::harness::expect;

#[test]
fn a_run_that_fails_leaves_nothing() {
    let sandbox = sandbox("etcd-3.5-auth.snapshot.db");
    // A file where a directory would have to be.
    sandbox.file("lib", "x");
    let run = expect(
        1,
        sandbox.run("snapshot restore s.db --yes --data-dir lib/etcd"),
    );
    assert!(run.stderr.contains("[DIR]/lib"), "{}", run.stderr);
    assert_eq!(names(&sandbox), ["lib"]);
    expect(1, sandbox.run("snapshot restore none.db --yes"));
    expect(1, sandbox.run("snapshot restore lib/ --yes"));
}

#[test]
fn files_are_given_to_their_owner() {
    let sandbox = sandbox("etcd-3.5-auth.snapshot.db");
    let is_root = rustix::process::geteuid().is_root();
    let words = "snapshot restore s.db --yes --data-dir etcd --owner nobody";
    if !is_root {
        let run = expect(3, sandbox.run(words));
        assert!(run.stderr.contains("[owner-needs-root]"), "{}", run.stderr);
        return;
    }
    expect(0, sandbox.run(words));
    let nobody = etcdha::node::LocalNode {
        name: "here".parse().unwrap(),
        root: "/".into(),
    };
    let nobody = nobody.account("nobody").unwrap().unwrap();
    for path in ["", "member", "member/snap", "member/snap/db", "member/wal"] {
        use std::os::unix::fs::MetadataExt;
        let about = fs::metadata(sandbox.path().join("etcd").join(path)).unwrap();
        assert_eq!(
            (about.uid(), about.gid()),
            (nobody.uid, nobody.gid),
            "{path}"
        );
    }
}

#[test]
fn what_a_killed_run_left_is_swept_and_what_is_not_ours_stays() {
    let sandbox = sandbox("etcd-3.5-auth.snapshot.db");
    let left = sandbox.path().join("etcd.part-dead01");
    fs::create_dir_all(left.join("contents/member")).unwrap();
    sandbox.file("etcd.part-dead01/etcdha-restore", "");
    sandbox.file("etcd.part-mine/notes", "x");
    fs::set_permissions(&left, Permissions::from_mode(0o700)).unwrap();
    expect(
        0,
        sandbox.run("snapshot restore s.db --yes --data-dir etcd"),
    );
    assert_eq!(names(&sandbox), ["etcd", "etcd.part-mine"]);
}
