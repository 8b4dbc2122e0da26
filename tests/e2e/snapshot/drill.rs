//! `etcdha snapshot drill` with the real etcd: what it proves, what it finds, and that nobody else gets at
//! what it boots.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use etcdha::snapshot::{RecordedCluster, RecordedHash, SnapshotRecord, record_path};
use etcdha_testbed::{BedConfig, Binaries, EtcdRelease, HostConfig, Output, capture};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::restore::source;
use super::stage::Stage;
use crate::support::{PATIENCE, PROGRAM};

/// A place to drill in, and what is drilled there.
struct Drill {
    snapshot: PathBuf,
    scratch: PathBuf,
    dir: PathBuf,
}

impl Drill {
    fn of(snapshot: &Path, dir: &Path) -> Self {
        let scratch = dir.join("scratch");
        fs::create_dir_all(&scratch).unwrap();
        Self {
            snapshot: snapshot.to_owned(),
            scratch,
            dir: dir.to_owned(),
        }
    }

    /// A snapshot that a real server wrote once.
    fn recorded(dir: &Path) -> Self {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/snapshots");
        Self::of(&data.join("etcd-3.5-auth.snapshot.db"), dir)
    }

    fn command(&self, release: EtcdRelease, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcdha"));
        command
            .args(["snapshot", "drill", "-o", "json"])
            .arg(&self.snapshot)
            .arg("--etcd")
            .arg(Binaries::find().etcd(release).unwrap())
            .arg("--scratch")
            .arg(&self.scratch)
            .args(more)
            .env_clear()
            // None of the drill's etcd's business.
            .env("ETCD_NAME", "other")
            .env("ETCD_LISTEN_METRICS_URLS", "http://0.0.0.0:9999")
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, release: EtcdRelease, more: &[&str]) -> Output {
        let output = capture(&mut self.command(release, more)).unwrap();
        assert_eq!(self.left(), [""; 0], "{}", output.stderr);
        output
    }

    fn left(&self) -> Vec<String> {
        etcdha::sys::files::list(&self.scratch).unwrap()
    }

    fn start(&self) -> Child {
        let mut command = self.command(EtcdRelease::V3_5, &[]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// The etcd of a drill that runs, and its words.
    fn etcd(&self) -> (u32, Vec<String>) {
        let wanted = format!("--data-dir={}/", self.scratch.display());
        let deadline = Instant::now() + PATIENCE;
        loop {
            for entry in fs::read_dir("/proc").unwrap().flatten() {
                let Ok(pid) = entry.file_name().to_string_lossy().parse() else {
                    continue;
                };
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                let words: Vec<String> = line
                    .split(|byte| *byte == 0)
                    .map(|word| String::from_utf8_lossy(word).into_owned())
                    .collect();
                // Not etcdha on its way to become it.
                if words[0].ends_with("/etcd") && words.iter().any(|w| w.starts_with(&wanted)) {
                    return (pid, words);
                }
            }
            assert!(Instant::now() < deadline, "no etcd was started");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap()
}

fn digest(value: &str) -> String {
    let digest = Sha256::digest(value);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn is_proven_by(written_by: EtcdRelease, booted: &[EtcdRelease]) {
    let stage = Stage::new(["m1"]);
    let source = source(&stage, written_by).await;
    let drill = Drill::of(&source.snapshot, &stage.dir);
    let often = format!("/often=sha256:{}", digest("29"));
    let metrics = stage.dir.join("drill.prom");
    let keys = [
        "--spot-key",
        &often,
        "--spot-key",
        "/leased",
        "--spot-key",
        "/kept/",
        "--metrics-file",
        metrics.to_str().unwrap(),
    ];
    for release in booted {
        let output = drill.run(*release, &keys);
        assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
        let found = json(&output);
        assert_eq!(found["proven"], true, "{found}");
        assert_eq!(found["hashKv"], source.hash);
        assert_eq!(found["revision"], source.revision);
        // Those of the load, and /often and /leased.
        assert_eq!(found["keys"], source.acked.len() + 2);
        let check = |what: &str| {
            let checks = found["checks"].as_array().unwrap();
            checks.iter().find(|check| check["what"] == what).unwrap()["server"].clone()
        };
        assert_eq!(check("HashKV"), source.hash.to_string());
        for what in ["leases", "users", "roles"] {
            assert_eq!(check(what), "1", "{found}");
        }
        assert!(found["recoverySeconds"].as_f64().unwrap() > 0.0);
        let written = fs::read_to_string(&metrics).unwrap();
        assert!(written.contains("drill_success 1\n"), "{written}");
        assert!(!output.stdout.contains(&digest("29")), "no value's digest");
    }

    let other = format!("/often=sha256:{}", digest("30"));
    let keys = [
        "--spot-key",
        &other,
        "--spot-key",
        "/gone/",
        "--spot-key",
        "/leased",
        "--metrics-file",
        metrics.to_str().unwrap(),
    ];
    let output = drill.run(booted[0], &keys);
    assert_eq!(output.status.code(), Some(5), "{}", output.stderr);
    let found = json(&output);
    let right = |number: usize| found["spotKeys"][number]["right"].clone();
    assert_eq!([right(0), right(1), right(2)], [false, false, true]);
    let written = fs::read_to_string(&metrics).unwrap();
    assert!(written.contains("drill_success 0\n"), "{written}");
    assert!(written.contains("drill_keys 505\n"), "{written}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_3_4_is_proven_by_3_4_and_3_5() {
    is_proven_by(EtcdRelease::V3_4, &EtcdRelease::ALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_3_5_is_proven_by_3_5() {
    is_proven_by(EtcdRelease::V3_5, &[EtcdRelease::V3_5]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authentication_keeps_nobody_from_a_drill() {
    for release in EtcdRelease::ALL {
        let stage = Stage::new(["m1"]);
        let server = stage.start("m1", release, &stage.dir.join("source"), &["m1"], &[]);
        stage.healthy(&server).await;
        stage.etcdctl(&server, &["put", "/secret", "hush"]);
        stage.etcdctl(&server, &["user", "add", "root:hush"]);
        stage.etcdctl(&server, &["user", "add", "ada:hush"]);
        stage.etcdctl(&server, &["auth", "enable"]);
        let snapshot = stage.dir.join("auth.db");
        let path = snapshot.display().to_string();
        stage.etcdctl(&server, &["--user=root:hush", "snapshot", "save", &path]);
        let drill = Drill::of(&snapshot, &stage.dir);
        let output = drill.run(release, &["--spot-key", "/secret"]);
        assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
        let found = json(&output);
        let checks = found["checks"].as_array().unwrap();
        let users = checks.iter().find(|check| check["what"] == "users");
        assert_eq!(users.unwrap()["server"], "2", "{found}");
        assert!(!output.stdout.contains("hush"));
    }
}

/// True where a client without a certificate of the drill's CA gets an answer.
fn strangers_are_answered(port: &str) -> bool {
    let etcdctl = Binaries::find().etcdctl(EtcdRelease::V3_5).unwrap();
    ["https", "http"].into_iter().any(|scheme| {
        let mut command = Command::new(&etcdctl);
        command
            .env("ETCDCTL_API", "3")
            .arg(format!("--endpoints={scheme}://127.0.0.1:{port}"))
            .args(["--insecure-skip-tls-verify", "--command-timeout=1s"])
            .args(["get", "--prefix", ""]);
        capture(&mut command).unwrap().status.success()
    })
}

fn port_of(words: &[String], flag: &str) -> String {
    let start = format!("--{flag}=https://127.0.0.1:");
    let port = words.iter().find_map(|word| word.strip_prefix(&start));
    port.unwrap().to_owned()
}

fn wait_until_it_listens(port: &str) {
    let deadline = Instant::now() + PATIENCE;
    let port: u16 = port.parse().unwrap();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "it never listened");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn nobody_else_reaches_its_etcd_and_that_dies_with_a_killed_drill() {
    let dir = tempfile::tempdir().unwrap();
    let drill = Drill::recorded(dir.path());
    let mut run = drill.start();
    let (etcd, words) = drill.etcd();
    let target = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(target, rustix::process::Signal::STOP).unwrap();
    let port = port_of(&words, "listen-client-urls");
    wait_until_it_listens(&port);
    assert!(!strangers_are_answered(&port));
    assert!(!strangers_are_answered(&port_of(
        &words,
        "listen-peer-urls"
    )));
    let environment = fs::read(format!("/proc/{etcd}/environ")).unwrap();
    assert!(environment.is_empty(), "{environment:?}");

    let scratch = drill.scratch.join(&drill.left()[0]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&scratch), 0o700);
    for file in ["pki/server.key", "etcd-1.log", "etcd/member/snap/db"] {
        assert_eq!(mode(&scratch.join("contents").join(file)), 0o600, "{file}");
    }

    run.kill().unwrap();
    assert_eq!(run.wait().unwrap().signal(), Some(9));
    let deadline = Instant::now() + PATIENCE;
    while Path::new(&format!("/proc/{etcd}")).exists() {
        let stat = fs::read_to_string(format!("/proc/{etcd}/stat")).unwrap_or_default();
        // Without its parent it waits for nobody but the first process.
        if stat.contains(") Z ") {
            break;
        }
        assert!(Instant::now() < deadline, "etcd outlives the drill");
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(drill.left().len(), 1);
    let output = drill.run(EtcdRelease::V3_5, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
    assert!(
        output.stderr.contains("a killed drill had left"),
        "{}",
        output.stderr
    );
}

#[test]
fn two_drills_at_once_are_two_drills() {
    let dir = tempfile::tempdir().unwrap();
    let drill = Drill::recorded(dir.path());
    let runs = [(); 2].map(|()| drill.start());
    for mut run in runs {
        assert_eq!(run.wait().unwrap().code(), Some(0));
    }
    assert_eq!(drill.left(), [""; 0]);
}

/// A copy with a record that says that the members answered something else when it was saved.
fn recorded_otherwise(snapshot: &Path, dir: &Path) -> PathBuf {
    let copy = dir.join("saved.db");
    fs::copy(snapshot, &copy).unwrap();
    let bytes = fs::read(&copy).unwrap();
    let digest = &bytes[bytes.len() - 32..];
    let (api_version, kind) = SnapshotRecord::identity();
    let record = SnapshotRecord {
        api_version,
        kind,
        taken_at: "2026-02-03T04:05:06Z".parse().unwrap(),
        cluster: RecordedCluster {
            name: None,
            id: "cdf818194e3a8c32".into(),
            members: Vec::new(),
        },
        member: "m1".into(),
        etcd_version: "3.5.30".into(),
        storage_version: "3.5".into(),
        revision: 50,
        size_bytes: bytes.len() as u64,
        sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        hash_kv: RecordedHash {
            revision: 50,
            compact_revision: 49,
            hash: 1,
        },
        stored: None,
        equal_to: vec!["m1".into()],
    };
    fs::write(record_path(&copy), record.to_json().unwrap()).unwrap();
    copy
}

#[test]
fn another_release_a_stale_record_and_a_small_disk_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let drill = Drill::recorded(dir.path());
    let output = drill.run(EtcdRelease::V3_4, &[]);
    assert_eq!(output.status.code(), Some(3), "{}", output.stderr);
    assert!(
        output.stderr.contains("[snapshot-newer]"),
        "{}",
        output.stderr
    );
    assert!(
        !output.stderr.contains("--allow-newer"),
        "{}",
        output.stderr
    );

    let saved = Drill::of(&recorded_otherwise(&drill.snapshot, dir.path()), dir.path());
    let output = saved.run(EtcdRelease::V3_5, &[]);
    assert_eq!(output.status.code(), Some(5), "{}", output.stderr);
    let found = json(&output);
    let checks = found["checks"].as_array().unwrap().iter();
    let different: Vec<_> = checks.filter(|check| check["equal"] == false).collect();
    assert_eq!(different.len(), 1, "{found}");
    assert_eq!(different[0]["what"], "HashKV when saved");

    let bed = BedConfig::new(PROGRAM).host(HostConfig::named("m1").disk(100 << 20));
    let bed = etcdha_testbed::Bed::new(bed).unwrap();
    let small = Drill {
        scratch: bed.host("m1").path("/var/lib/etcd/scratch"),
        ..Drill::recorded(dir.path())
    };
    fs::create_dir(&small.scratch).unwrap();
    let output = small.run(EtcdRelease::V3_5, &[]);
    assert_eq!(output.status.code(), Some(3), "{}", output.stderr);
    assert!(output.stderr.contains("[disk-space]"), "{}", output.stderr);
}
