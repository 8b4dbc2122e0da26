//! Killed as it enters any call that changes the disk: what was there before is untouched, the new
//! directory is there whole or not at all, and the next run finishes.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use etcdha_testbed::{Call, strike};

use super::{names, sandbox};
use crate::harness::{Sandbox, expect};

/// Longer than a run that lives may take to lock what it has made.
const SETTLED: Duration = Duration::from_millis(210);

const SEGMENT: &str = "0000000000000000-0000000000000000.wal";

/// No run makes so many calls of one kind.
const MOST_CALLS: usize = 200;

struct Case {
    words: &'static str,
    wal: &'static str,
    /// Directories that are there before, empty.
    there: &'static [&'static str],
    calls: &'static [Call],
    expected: &'static [&'static str],
}

/// A directory of another member, which no restore may touch.
fn place_old(sandbox: &Sandbox) {
    sandbox.file("old/member/snap/db", "old data");
}

fn clear(sandbox: &Sandbox, case: &Case) {
    for name in names(sandbox).iter().filter(|name| *name != "old") {
        fs::remove_dir_all(sandbox.path().join(name)).unwrap();
    }
    for name in case.there {
        fs::create_dir(sandbox.path().join(name)).unwrap();
    }
}

fn staged_below(sandbox: &Sandbox, directory: &str) -> Vec<String> {
    let mut files = sandbox.files_below(directory);
    files.retain(|name| name.contains(".etcdha-"));
    files
}

/// The database where the directory is there; then its log is, too.
fn whole_or_nothing(sandbox: &Sandbox, case: &Case, when: &str) -> Option<Vec<u8>> {
    assert_eq!(sandbox.read("old/member/snap/db"), "old data", "{when}");
    let segment = Path::new(case.wal).join(SEGMENT);
    if !sandbox.has("etcd/member") {
        return None;
    }
    let about = fs::metadata(sandbox.path().join(segment)).expect(when);
    assert_eq!(about.len(), 64_000_000, "{when}");
    Some(fs::read(sandbox.path().join("etcd/member/snap/db")).expect(when))
}

fn killed_everywhere(case: &Case) {
    let sandbox = sandbox("etcd-3.5-auth.snapshot.db");
    place_old(&sandbox);
    clear(&sandbox, case);
    let words: Vec<&str> = case.words.split(' ').collect();
    expect(0, sandbox.run(case.words));
    let expected = whole_or_nothing(&sandbox, case, "first").unwrap();
    let (mut kills, mut unfinished) = (0, 0);
    for call in case.calls {
        for number in 1.. {
            assert!(number < MOST_CALLS, "{call:?} never ends");
            clear(&sandbox, case);
            let when = format!("{call:?} {number}");
            if let Some(output) = strike(&sandbox.plain_command(&words), *call, number).unwrap() {
                assert_eq!(output.status.code(), Some(0), "{when}: {}", output.stderr);
                break;
            }
            kills += 1;
            let found = whole_or_nothing(&sandbox, case, &when);
            assert!(found.is_none_or(|found| found == expected), "{when}");
            unfinished += usize::from(!sandbox.has("etcd/member"));
            thread::sleep(SETTLED);
            let again = expect(0, sandbox.run(case.words));
            let found = whole_or_nothing(&sandbox, case, &when);
            assert!(found == Some(expected.clone()), "{when}: {}", again.all());
            assert_eq!(names(&sandbox), case.expected, "{when}");
            for directory in case.expected.iter().filter(|name| **name != "old") {
                let left = staged_below(&sandbox, directory);
                assert!(left.is_empty(), "{when}: {left:?}");
            }
        }
    }
    assert!(kills > 15 && unfinished > 10, "{kills} {unfinished}");
    // What the killed runs had begun to write of their receipts was swept by those after them.
    expect(0, sandbox.run(case.words));
    let left = staged_below(&sandbox, "state");
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn killed_at_any_call_with_a_log_of_its_own() {
    killed_everywhere(&Case {
        words: "snapshot restore s.db --yes --data-dir etcd --wal-dir wal",
        wal: "wal",
        there: &[],
        calls: &[
            Call::MKDIR,
            Call::CHMOD,
            Call::FALLOCATE,
            Call::SYNC,
            Call::RENAME,
            Call::UNLINK,
        ],
        expected: &["etcd", "old", "wal"],
    });
}

#[test]
fn killed_at_any_call_within_a_directory_that_is_there() {
    killed_everywhere(&Case {
        words: "snapshot restore s.db --yes --data-dir etcd",
        wal: "etcd/member/wal",
        there: &["etcd"],
        calls: &[Call::MKDIR, Call::SYNC, Call::RENAME, Call::UNLINK],
        expected: &["etcd", "old"],
    });
}
