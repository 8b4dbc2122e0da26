//! `etcdha snapshot drill` where no etcd boots: what it refuses, and how it ends with programs that are no
//! good. Drills with real servers are in `tests/e2e/snapshot/drill.rs`.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Run, Sandbox, expect};

const SNAPSHOT: &str = "etcd-3.5-auth.snapshot.db";

/// What etcd says to `--version`; behind it what it does otherwise.
const ANSWERS: &str =
    "#!/bin/sh\n[ \"$1\" = --version ] && echo 'etcd Version: 3.5.16' && exit 0\n";

fn place(sandbox: &Sandbox, name: &str, bytes: &[u8], mode: u32) {
    let path = sandbox.path().join(name);
    etcdha::sys::files::ensure_dir(path.parent().unwrap(), 0o755).unwrap();
    etcdha::sys::files::write_atomic(&path, bytes, mode).unwrap();
}

/// A sandbox with a real snapshot in `b`, an empty `scratch`, and a program `etcd` that does this.
fn sandbox(script: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/snapshots");
    place(
        &sandbox,
        "b/s.db",
        &fs::read(data.join(SNAPSHOT)).unwrap(),
        0o600,
    );
    place(
        &sandbox,
        "etcd",
        format!("{ANSWERS}{script}").as_bytes(),
        0o755,
    );
    fs::create_dir(sandbox.path().join("scratch")).unwrap();
    sandbox
}

fn drill(sandbox: &Sandbox, more: &str) -> Run {
    sandbox.run(&format!(
        "snapshot drill b --etcd ./etcd --scratch scratch {more}"
    ))
}

fn left(sandbox: &Sandbox) -> Vec<String> {
    etcdha::sys::files::list(&sandbox.path().join("scratch")).unwrap()
}

#[test]
fn what_is_missing_is_named_with_a_way_to_get_it() {
    let sandbox = sandbox("");
    let run = expect(3, sandbox.run("snapshot drill b --scratch scratch"));
    assert!(run.stderr.contains("[etcd-missing]"), "{}", run.stderr);
    assert!(run.stderr.contains("etcd-server"), "{}", run.stderr);
    let run = expect(3, sandbox.run("snapshot drill b --etcd none"));
    assert!(
        run.stderr.contains("[DIR]/none: no such file"),
        "{}",
        run.stderr
    );
    place(&sandbox, "other", b"#!/bin/sh\necho hello\nexit 7\n", 0o755);
    let run = expect(3, sandbox.run("snapshot drill b --etcd other"));
    assert!(run.stderr.contains("[not-etcd]"), "{}", run.stderr);
    assert!(
        run.stderr.contains("\"hello\" and ended with 7"),
        "{}",
        run.stderr
    );
    place(&sandbox, "no-program", b"etcd", 0o644);
    let run = expect(3, sandbox.run("snapshot drill b --etcd no-program"));
    assert!(run.stderr.contains("Permission denied"), "{}", run.stderr);
    fs::create_dir(sandbox.path().join("empty")).unwrap();
    let run = expect(3, sandbox.run("snapshot drill empty --etcd ./etcd"));
    assert!(run.stderr.contains("[no-snapshot]"), "{}", run.stderr);
    expect(
        1,
        sandbox.run("snapshot drill b --etcd ./etcd --scratch nowhere"),
    );
    expect(1, sandbox.run("snapshot drill none.db --etcd ./etcd"));
    assert!(left(&sandbox).is_empty());
}

#[test]
fn wrong_words_are_usage() {
    let sandbox = sandbox("");
    for (words, expected) in [
        ("--spot-key /a=value", "KEY=sha256:HEX"),
        ("--spot-key /a=sha256:12", "64 hex digits"),
        ("--deadline 0", "more than nothing"),
        ("--deadline soon", "no duration"),
    ] {
        let run = expect(2, drill(&sandbox, words));
        assert!(run.stderr.contains(expected), "{words}: {}", run.stderr);
    }
}

#[test]
fn a_damaged_newest_snapshot_is_the_answer_and_counts() {
    let sandbox = sandbox("exit 1");
    let good = fs::read(sandbox.path().join("b/s.db")).unwrap();
    let damages: [(&str, Vec<u8>); 3] = [
        ("snapshot-damaged", good[..good.len() / 2].to_vec()),
        ("digest-missing", good[..good.len() - 32].to_vec()),
        ("digest-mismatch", {
            let mut bytes = good.clone();
            let value = bytes.windows(64).position(|bytes| bytes == [b'A'; 64]);
            bytes[value.unwrap()] ^= 1;
            bytes
        }),
    ];
    for (number, (id, bytes)) in damages.into_iter().enumerate() {
        // Newer than the good one, which is not drilled instead.
        place(&sandbox, "b/t.db", &bytes, 0o600);
        let run = expect(5, drill(&sandbox, "--metrics-file m.prom"));
        assert!(run.stderr.contains(&format!("[{id}]")), "{}", run.stderr);
        assert!(run.stderr.contains("b/t.db"), "{}", run.stderr);
        assert!(!run.stderr.contains("--skip-hash-check"), "{}", run.stderr);
        let metrics = sandbox.read("m.prom");
        let failures = format!("\netcdha_snapshot_drill_failures_total {}\n", number + 1);
        assert!(metrics.contains(&failures), "{metrics}");
    }
    assert_eq!(sandbox.mode("m.prom"), 0o644);
    assert!(left(&sandbox).is_empty());
    // To look is no drill.
    expect(5, drill(&sandbox, "--metrics-file n.prom --dry-run"));
    assert!(!sandbox.has("n.prom"));
}

#[test]
fn what_would_be_done_is_told() {
    let sandbox = sandbox("exit 1");
    let run = drill(
        &sandbox,
        "--dry-run --spot-key /a -o json --metrics-file n.prom",
    );
    let run = expect(0, run);
    let plan: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(plan["kind"], "SnapshotDrillPlan");
    assert_eq!(plan["etcdVersion"], "3.5.16");
    assert_eq!(plan["revision"], 50);
    assert_eq!(plan["spotKeys"], serde_json::json!(["/a"]));
    assert!(left(&sandbox).is_empty());
    assert!(!sandbox.has("n.prom"));
}

#[test]
fn an_etcd_that_dies_at_once_has_its_last_words() {
    let sandbox = sandbox(
        "echo '{\"level\":\"info\",\"msg\":\"starting\"}' >&2\n\
         echo '{\"level\":\"fatal\",\"msg\":\"no luck\",\"error\":\"today\"}' >&2\nexit 9",
    );
    let run = expect(1, drill(&sandbox, "--metrics-file m.prom"));
    assert!(run.stderr.contains("exit status: 9"), "{}", run.stderr);
    assert!(
        run.stderr.contains("\n  no luck: today\n"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("starting"), "{}", run.stderr);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    assert!(sandbox.read("m.prom").contains("drill_success 0\n"));
    assert!(left(&sandbox).is_empty());
}

/// A program that never answers, and writes down who it is.
fn mute() -> (Sandbox, PathBuf) {
    let sandbox = sandbox("");
    let pid = sandbox.path().join("pid");
    let text = format!(
        "{ANSWERS}echo $$ > {0}.new && mv {0}.new {0}\nexec sleep 600\n",
        pid.display()
    );
    place(&sandbox, "etcd", text.as_bytes(), 0o755);
    (sandbox, pid)
}

fn pid_of(file: &Path) -> u32 {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        if let Ok(text) = fs::read_to_string(file) {
            return text.trim().parse().unwrap();
        }
        assert!(Instant::now() < patience, "it never started");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until the process is gone; a zombie without a parent that waits counts as gone.
fn is_gone(pid: u32) -> bool {
    let patience = Instant::now() + Duration::from_secs(10);
    while Instant::now() < patience {
        match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) if !stat.contains(") Z ") => thread::sleep(Duration::from_millis(5)),
            _ => return true,
        }
    }
    false
}

fn start(sandbox: &Sandbox) -> Child {
    let words = "snapshot drill b --etcd ./etcd --scratch scratch";
    sandbox.start(&words.split(' ').collect::<Vec<_>>())
}

#[test]
fn an_etcd_that_never_answers_is_ended_with_the_deadline() {
    let (sandbox, pid) = mute();
    let run = expect(1, drill(&sandbox, "--deadline 1500ms"));
    assert!(run.stderr.contains("longer than 1.5s"), "{}", run.stderr);
    assert!(run.stderr.contains("--deadline"), "{}", run.stderr);
    assert!(is_gone(pid_of(&pid)));
    assert!(left(&sandbox).is_empty());
}

#[test]
fn a_drill_that_is_interrupted_takes_everything_along() {
    let (sandbox, pid) = mute();
    let mut run = start(&sandbox);
    let etcd = pid_of(&pid);
    let target = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(target, rustix::process::Signal::TERM).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert!(is_gone(etcd));
    assert!(left(&sandbox).is_empty());
}

#[test]
fn a_drill_that_is_killed_leaves_no_etcd_and_the_next_one_sweeps() {
    let (sandbox, pid) = mute();
    let mut run = start(&sandbox);
    let etcd = pid_of(&pid);
    run.kill().unwrap();
    assert_eq!(run.wait().unwrap().signal(), Some(9));
    assert!(is_gone(etcd), "the kernel ends it with its run");
    let scratch = left(&sandbox);
    assert_eq!(scratch.len(), 1, "{scratch:?}");
    assert_eq!(sandbox.mode(&format!("scratch/{}", scratch[0])), 0o700);
    // What is not of a drill stays.
    place(
        &sandbox,
        "scratch/etcdha-drill.part-mine/notes",
        b"x",
        0o600,
    );
    // An etcd that has escaped the kernel.
    let word = format!(
        "--data-dir={}",
        sandbox.path().join("scratch").join(&scratch[0]).display()
    );
    let words = ["-c", "read line", &format!("{word}/contents/etcd")];
    #[expect(clippy::disallowed_methods, reason = "a process that is to be found")]
    let mut escaped = std::process::Command::new("/bin/sh")
        .args(words)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let again = expect(1, drill(&sandbox, "--deadline 500ms"));
    assert!(
        again.stderr.contains("which a killed drill had left"),
        "{}",
        again.stderr
    );
    assert_eq!(escaped.wait().unwrap().signal(), Some(9));
    assert_eq!(left(&sandbox), ["etcdha-drill.part-mine"]);
}

#[test]
fn a_program_is_kept_for_its_own_run_only() {
    let sandbox = sandbox("");
    let run = expect(1, sandbox.run("kept-program 1 -- /bin/echo hello"));
    assert!(run.stderr.contains("has ended"), "{}", run.stderr);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    let me = std::process::id();
    let run = expect(
        0,
        sandbox.run(&format!("kept-program {me} -- /bin/echo --hello -x")),
    );
    assert_eq!(run.stdout, "--hello -x\n");
}
