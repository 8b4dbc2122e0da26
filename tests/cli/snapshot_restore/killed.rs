//! Killed at any moment: the directory is not there or whole, and the next run completes.

use std::fs;
use std::io::Cursor;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use etcdha::datadir::bolt::Writer;
use etcdha::datadir::schema::RevisionKey;
use sha2::{Digest, Sha256};

use super::{names, place};
use crate::harness::{Run, Sandbox, expect};

const KILLS: usize = 12;
/// Attempts that ended before their kill; each of them teaches how long a run takes.
const MISSES: usize = 100;

/// A snapshot of some 8 MB.
fn large_snapshot() -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()), 4096).unwrap();
    writer.bucket(b"key", 0).unwrap();
    let value = vec![0x5a; 2000];
    for main in 2..4_000 {
        let key = RevisionKey {
            main,
            sub: 0,
            is_tombstone: false,
        };
        // The fields of a KeyValue: key, both revisions, version, value of 2000 bytes.
        let user_key = main.to_be_bytes();
        let mut entry = vec![0x0a, 8];
        entry.extend(user_key);
        // A varint of two bytes.
        let revision = [main as u8 | 0x80, (main >> 7) as u8];
        entry.extend([0x10, 2, 0x18, revision[0], revision[1]]);
        entry.extend([0x20, 1, 0x2a, 0xd0, 0x0f]);
        entry.extend(&value);
        writer.put(&key.encode(), &entry).unwrap();
    }
    writer.bucket(b"meta", 0).unwrap();
    writer.put(b"consistent_index", &[0; 8]).unwrap();
    let mut bytes = writer.finish().unwrap().0.into_inner();
    let digest = Sha256::digest(&bytes);
    bytes.extend(digest);
    bytes
}

fn words(has_wal: bool) -> Vec<&'static str> {
    let mut words = vec!["snapshot", "restore", "s.db", "--yes", "--data-dir", "etcd"];
    if has_wal {
        words.extend(["--wal-dir", "wal"]);
    }
    words
}

fn run(sandbox: &Sandbox, has_wal: bool) -> Run {
    sandbox.run_words(&words(has_wal))
}

fn start(sandbox: &Sandbox, has_wal: bool) -> Child {
    sandbox.start(&words(has_wal))
}

fn clear(sandbox: &Sandbox) {
    for name in names(sandbox) {
        fs::remove_dir_all(sandbox.path().join(name)).unwrap();
    }
}

fn db(sandbox: &Sandbox) -> Vec<u8> {
    fs::read(sandbox.path().join("etcd/member/snap/db")).unwrap()
}

fn segment(sandbox: &Sandbox, has_wal: bool) -> std::path::PathBuf {
    let place = if has_wal { "wal" } else { "etcd/member/wal" };
    sandbox
        .path()
        .join(place)
        .join("0000000000000000-0000000000000000.wal")
}

/// What is seen under the directory's name is the whole or nothing; never data without its log.
fn is_whole_or_nothing(sandbox: &Sandbox, has_wal: bool, expected: &[u8], when: &str) -> bool {
    let member = sandbox.path().join("etcd/member");
    if !member.exists() {
        return false;
    }
    assert!(db(sandbox) == expected, "{when}");
    let length = fs::metadata(segment(sandbox, has_wal)).unwrap().len();
    assert_eq!(length, 64_000_000, "{when}");
    true
}

/// Waits for the moment; false where the run ended before.
fn is_met(child: &mut Child, moment: Duration) -> bool {
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() >= moment {
            return true;
        }
        thread::sleep(Duration::from_micros(200));
    }
    false
}

#[test]
fn a_killed_run_leaves_the_whole_directory_or_none() {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let sandbox = Sandbox::with_state();
    place(&sandbox, "s.db", &large_snapshot());
    let started = Instant::now();
    expect(0, run(&sandbox, false));
    let mut whole = started.elapsed();
    let expected = db(&sandbox);
    let (mut kills, mut misses, mut finished) = (0, 0, 0);
    while kills < KILLS {
        clear(&sandbox);
        let has_wal = kills % 2 == 1;
        // An empty directory that is there is filled from within.
        if kills % 3 == 2 {
            fs::create_dir(sandbox.path().join("etcd")).unwrap();
        }
        let share = (kills as f64 * GOLDEN).fract();
        let mut child = start(&sandbox, has_wal);
        let started = Instant::now();
        if !is_met(&mut child, whole.mul_f64(share)) {
            whole = (whole + started.elapsed()) / 2;
            misses += 1;
            assert!(misses < MISSES, "no run is slow enough to be killed");
            continue;
        }
        child.kill().unwrap();
        if child.wait().unwrap().signal() != Some(9) {
            continue;
        }
        kills += 1;
        let when = format!("kill {kills} at {share:.3}");
        finished += usize::from(is_whole_or_nothing(&sandbox, has_wal, &expected, &when));
        let again = expect(0, run(&sandbox, has_wal));
        assert!(is_whole_or_nothing(
            &sandbox,
            has_wal,
            &expected,
            &again.all()
        ));
        let expected_names: &[&str] = if has_wal { &["etcd", "wal"] } else { &["etcd"] };
        assert_eq!(names(&sandbox), expected_names, "{when}");
        assert_eq!(
            etcdha::sys::files::list(Path::new(&sandbox.path().join("etcd"))).unwrap(),
            ["member"]
        );
    }
    assert!(finished < KILLS, "no kill came before the end");
}

#[test]
fn a_run_that_is_interrupted_tidies_up() {
    let sandbox = Sandbox::with_state();
    place(&sandbox, "s.db", &large_snapshot());
    for round in 0..4 {
        clear(&sandbox);
        let mut child = start(&sandbox, round % 2 == 1);
        // As soon as it has begun to write.
        let begun = || names(&sandbox).iter().any(|name| name.contains(".part-"));
        while !begun() && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_micros(200));
        }
        let pid = rustix::process::Pid::from_child(&child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        match child.wait().unwrap().code() {
            Some(130) => {
                let left = names(&sandbox);
                let is_clean = left.iter().all(|name| !name.contains(".part-"));
                assert!(is_clean, "{left:?}");
            }
            Some(0) => assert!(sandbox.has("etcd/member/snap/db")),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn of_two_runs_at_once_one_restores() {
    let sandbox = Sandbox::with_state();
    place(&sandbox, "s.db", &large_snapshot());
    for other_state in [false, true] {
        clear(&sandbox);
        let mut first = start(&sandbox, false);
        let state = if other_state { "state/other" } else { "state" };
        let mut second = sandbox.command();
        second
            .args(words(false))
            .env("ETCDHA_STATE_DIR", sandbox.path().join(state));
        let second = second.output().unwrap();
        let first = first.wait().unwrap().code();
        let second = second.status.code();
        assert!([first, second].contains(&Some(0)), "{first:?} {second:?}");
        for code in [first, second] {
            assert!(matches!(code, Some(0 | 1 | 3)), "{code:?}");
        }
        assert_eq!(names(&sandbox), ["etcd"]);
        expect(0, run(&sandbox, false));
    }
}
