//! `etcdha snapshot schedule run`: metrics, two at once, a missed time, the end by a signal.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use etcdha_testbed::{EtcdRelease, run};

use crate::cluster::Cluster;
use crate::support::PATIENCE;

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn snapshots(directory: &Path) -> usize {
    let names = names(directory);
    names
        .iter()
        .filter(|name| name.ends_with(".db.zst"))
        .count()
}

fn value(metrics: &str, name: &str) -> Option<f64> {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(&format!("etcdha_snapshot_{name} ")));
    line.map(|text| text.parse().unwrap())
}

fn get(address: &str, path: &str) -> String {
    let url = format!("http://{address}{path}");
    let asked = run(Command::new("curl").args(["-sS", "--max-time", "5", &url]));
    asked.map(|output| output.stdout).unwrap_or_default()
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

fn end(mut child: Child, signal: &str) -> Option<i32> {
    let pid = child.id().to_string();
    run(Command::new("kill").args([signal, &pid])).unwrap();
    child.wait().unwrap().code()
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_taken_when_it_is_time_and_monitoring_is_told() {
    let cluster = Cluster::single(EtcdRelease::V3_5).await;
    cluster.load(200).await;
    let directory = cluster.dir.join("backups");
    fs::create_dir(&directory).unwrap();
    let place = directory.to_str().unwrap();
    let file = cluster.dir.join("etcdha.prom");
    let words = [
        "snapshot",
        "schedule",
        "run",
        place,
        "--every",
        "24h",
        "--compress",
        "zstd",
        "--keep-last",
        "2",
        "--metrics-file",
        file.to_str().unwrap(),
    ];

    for runs in 1..=3 {
        cluster.run_expecting(0, &[&words[..], &["--once"]].concat());
        let metrics = fs::read_to_string(&file).unwrap();
        assert_eq!(value(&metrics, "runs_total"), Some(f64::from(runs)));
        assert_eq!(value(&metrics, "failures_total"), Some(0.0));
        assert_eq!(value(&metrics, "last_proven"), Some(1.0), "{metrics}");
        assert!(value(&metrics, "last_revision") > Some(1.0), "{metrics}");
        thread::sleep(Duration::from_millis(1100));
    }
    assert_eq!(snapshots(&directory), 2, "the first is pruned");

    // With etcd gone a run fails and says so; what is known of the last success stays.
    cluster.host("m1").kill_all();
    cluster.run_expecting(1, &[&words[..], &["--once"]].concat());
    let metrics = fs::read_to_string(&file).unwrap();
    assert_eq!(value(&metrics, "failures_total"), Some(1.0), "{metrics}");
    assert_eq!(value(&metrics, "last_run_succeeded"), Some(0.0));
    assert!(value(&metrics, "last_success_timestamp_seconds").is_some());
    cluster.host("m1").start().unwrap();
    let again = || cluster.run(&["snapshot", "save", "--dry-run", place]);
    wait("etcd is back", || again().status.code() == Some(0));

    it_stays(&cluster, &directory, &words);
}

fn it_stays(cluster: &Cluster, directory: &Path, words: &[&str]) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let start = || {
        let words = [words, &["--metrics-listen", &address]].concat();
        let mut command = cluster.etcdha(&words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };

    // Today's was taken: there is nothing to do but to be there.
    let first = start();
    wait("it serves", || get(&address, "/healthz") == "ok\n");
    let refused = cluster.run_expecting(3, &[words, &["--once"]].concat());
    assert!(refused.stderr.contains("[locked]"), "{}", refused.stderr);
    assert_eq!(snapshots(directory), 2);
    assert_eq!(end(first, "-TERM"), Some(130));

    // Yesterday's were not: it makes up for them at once.
    for name in names(directory) {
        fs::remove_file(directory.join(name)).unwrap();
    }
    let second = start();
    wait("the missed one is taken", || snapshots(directory) == 1);
    wait("it is told", || {
        value(&get(&address, "/metrics"), "last_run_succeeded") == Some(1.0)
    });
    assert_eq!(end(second, "-TERM"), Some(130));
    let left = names(directory);
    assert_eq!(left.len(), 2, "a snapshot and its record: {left:?}");
}
