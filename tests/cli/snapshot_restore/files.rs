//! What a restore writes, where, and whose it is; that it is taken back, and not done twice.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use super::{THREE, data, names, sandbox};
use crate::harness::expect;

const FILES: [&str; 3] = [
    "member/snap/0000000000000001-0000000000000003.snap",
    "member/snap/db",
    "member/wal/0000000000000000-0000000000000000.wal",
];

#[test]
fn the_files_are_those_of_etcdutl_and_nobody_elses_to_read() {
    for version in ["3.4", "3.5", "3.6"] {
        let sandbox = sandbox(&format!("etcd-{version}-compact44tomb.snapshot.db"));
        let words = format!(
            "snapshot restore s.db --yes --name m1 --initial-cluster {THREE} \
             --initial-advertise-peer-urls http://127.0.0.1:7380 --initial-cluster-token newtok \
             --data-dir lib/etcd -o json"
        );
        let run = expect(0, sandbox.run(&words));
        assert!(
            run.stdout.contains(r#""memberId": "bdd9228d0ad6358c""#),
            "{}",
            run.stdout
        );
        assert!(
            run.stdout.contains(r#""clusterId": "2619acb4877e7ec8""#),
            "{}",
            run.stdout
        );
        assert_eq!(
            sandbox.files_below("lib"),
            FILES.map(|file| format!("etcd/{file}"))
        );
        for file in FILES {
            assert_eq!(sandbox.mode(&format!("lib/etcd/{file}")), 0o600, "{file}");
        }
        for dir in ["", "member", "member/snap", "member/wal"] {
            assert_eq!(sandbox.mode(&format!("lib/etcd/{dir}")), 0o700, "{dir}");
        }
        let read = |file: &str| fs::read(sandbox.path().join("lib/etcd").join(file)).unwrap();
        let snap = match version {
            // 3.6 counts one failed read more.
            "3.6" => "3.5",
            same => same,
        };
        let expected = fs::read(data(&format!("restores/restore-{snap}.snap"))).unwrap();
        assert_eq!(read(FILES[0]), expected, "{version}");
        let segment = read(FILES[2]);
        assert_eq!(segment.len(), 64_000_000);
        let head = fs::read(data("restores/restore-3.5.wal.head")).unwrap();
        assert_eq!(segment[..head.len()], head);
        assert!(segment[head.len()..].iter().all(|byte| *byte == 0));
        // Without its digest, and with nothing behind the last page.
        assert_eq!(read(FILES[1]).len() % 4096, 0);
    }
}

#[test]
fn a_second_run_changes_nothing_and_undo_takes_it_back() {
    let sandbox = sandbox("etcd-3.5-auth.snapshot.db");
    let words = "snapshot restore s.db --yes --data-dir etcd";
    expect(0, sandbox.run(words));
    let before = fs::metadata(sandbox.path().join("etcd")).unwrap().ino();
    let again = expect(0, sandbox.run(words));
    assert!(
        again.stdout.contains("Restored before, and not used since"),
        "{}",
        again.stdout
    );
    assert_eq!(
        fs::metadata(sandbox.path().join("etcd")).unwrap().ino(),
        before
    );
    // Another bump is another restore.
    let bumped = format!("{words} --bump-revision 1000 --mark-compacted");
    expect(3, sandbox.run(&bumped));
    expect(0, sandbox.run("undo --yes"));
    assert_eq!(names(&sandbox), [""; 0]);
    expect(0, sandbox.run(&bumped));
}

#[test]
fn data_that_etcd_has_worked_on_is_not_taken_back() {
    let sandbox = sandbox("etcd-3.5-auth.snapshot.db");
    expect(
        0,
        sandbox.run("snapshot restore s.db --yes --data-dir etcd"),
    );
    let segment = sandbox
        .path()
        .join("etcd/member/wal/0000000000000000-0000000000000000.wal");
    let mut bytes = fs::read(&segment).unwrap();
    let used = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .unwrap()
        .next_multiple_of(8);
    bytes[used] = 24;
    etcdha::sys::files::write_atomic(&segment, &bytes, 0o600).unwrap();
    let run = expect(4, sandbox.run("undo --yes"));
    assert!(run.stderr.contains("etcd has worked on"), "{}", run.stderr);
    assert!(sandbox.has("etcd/member/snap/db"));
}

#[test]
fn directories_that_are_there_keep_what_they_are() {
    let sandbox = sandbox("etcd-3.5-auth.snapshot.db");
    let disk = sandbox.path().join("disk");
    fs::create_dir_all(disk.join("lost+found")).unwrap();
    symlink("disk", sandbox.path().join("etcd")).unwrap();
    fs::create_dir(sandbox.path().join("fast")).unwrap();
    symlink("fast", sandbox.path().join("wal")).unwrap();
    let before = fs::metadata(&disk).unwrap().ino();
    let mode = sandbox.mode("disk");
    expect(
        0,
        sandbox.run("snapshot restore s.db --yes --data-dir etcd --wal-dir wal"),
    );
    let files = [
        "disk/member/snap/0000000000000001-0000000000000001.snap",
        "disk/member/snap/db",
    ];
    assert!(files.iter().all(|file| sandbox.has(file)));
    assert!(sandbox.has("fast/0000000000000000-0000000000000000.wal"));
    assert!(!sandbox.has("disk/member/wal"));
    assert_eq!(
        etcdha::sys::files::list(&disk).unwrap(),
        ["lost+found", "member"]
    );
    assert_eq!(fs::metadata(&disk).unwrap().ino(), before);
    assert_eq!(sandbox.mode("disk"), 0o700);
    expect(0, sandbox.run("undo --yes"));
    assert_eq!(etcdha::sys::files::list(&disk).unwrap(), ["lost+found"]);
    assert_eq!(sandbox.mode("disk"), mode);
    assert_eq!(names(&sandbox), ["disk", "etcd", "fast", "wal"]);
}

#[test]
fn members_restored_from_different_files_or_bumps_are_of_different_clusters() {
    let sandbox = sandbox("etcd-3.5-compact30.snapshot.db");
    let other = fs::read(data("snapshots/etcd-3.5-compactlast.snapshot.db")).unwrap();
    super::place(&sandbox, "other.db", &other);
    let cluster = |words: &str| {
        let run = expect(
            0,
            sandbox.run(&format!("{words} --initial-cluster {THREE} --yes -o json")),
        );
        let mut documents = serde_json::Deserializer::from_str(&run.stdout).into_iter();
        let last: serde_json::Value = documents.by_ref().map(Result::unwrap).last().unwrap();
        last["clusterId"].to_string()
    };
    let first = cluster("snapshot restore s.db --name m1 --data-dir d1");
    assert_eq!(
        cluster("snapshot restore s.db --name m2 --data-dir d2"),
        first
    );
    assert_ne!(
        cluster("snapshot restore other.db --name m3 --data-dir d3"),
        first
    );
    let bump = "snapshot restore s.db --name m3 --data-dir d4 --bump-revision 5 --mark-compacted";
    assert_ne!(cluster(bump), first);
}
