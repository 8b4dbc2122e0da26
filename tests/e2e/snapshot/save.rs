//! `etcdha snapshot save` of living members, while they are written to, killed, and while the disk fills.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use etcdha_testbed::{Bed, BedConfig, EtcdRelease, HostConfig, Output};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::support::{PATIENCE, PROGRAM};

/// 8 KiB each, so that a transfer takes long enough to be met in its middle.
const VALUES: usize = 12_000;
const VALUE_BYTES: usize = 8 << 10;

/// A save that runs.
pub(super) struct Saving {
    child: Child,
    directory: PathBuf,
}

impl Saving {
    pub(super) fn begin(cluster: &Cluster, path: &Path, more: &[&str]) -> Self {
        let directory = if path.is_dir() {
            path
        } else {
            path.parent().unwrap()
        };
        let directory = directory.to_owned();
        let mut command =
            cluster.etcdha(&["snapshot", "save", path.to_str().unwrap(), "-o", "json"]);
        command.args(more);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        Self { child, directory }
    }

    /// Waits until so many bytes have come, and stops the program there; false where it ended before.
    pub(super) fn stop_at(&mut self, bytes: u64) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while staged_bytes(&self.directory) < bytes {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(Instant::now() < deadline, "{bytes} bytes never came");
            thread::sleep(Duration::from_micros(200));
        }
        self.signal("-STOP");
        true
    }

    pub(super) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    pub(super) fn end(self) -> Output {
        let output = self.child.wait_with_output().unwrap();
        Output {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Bytes of the file that has no name yet.
fn staged_bytes(directory: &Path) -> u64 {
    let staged = names(directory);
    let staged = staged.iter().filter(|name| name.contains(".etcdha-new-"));
    let sizes = staged.filter_map(|name| fs::metadata(directory.join(name)).ok());
    sizes.map(|metadata| metadata.len()).max().unwrap_or(0)
}

pub(super) fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap()
}

/// Every snapshot of the directory is whole, proven, verifies, and has its record; nothing else is there.
fn all_are_good(cluster: &Cluster, directory: &Path) -> usize {
    let list = cluster.run_expecting(
        0,
        &[
            "snapshot",
            "list",
            directory.to_str().unwrap(),
            "-o",
            "json",
        ],
    );
    let list = json(&list);
    let snapshots = list["snapshots"].as_array().unwrap();
    for snapshot in snapshots {
        assert_eq!(snapshot["state"], "proven", "{snapshot}");
        let path = snapshot["path"].as_str().unwrap();
        cluster.run_expecting(0, &["snapshot", "verify", path]);
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o7777,
            0o600
        );
    }
    assert_eq!(names(directory).len(), 2 * snapshots.len());
    snapshots.len()
}

fn backups(cluster: &Cluster) -> PathBuf {
    let directory = cluster.dir.join("backups");
    fs::create_dir(&directory).unwrap();
    directory
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_proven_by_all_members_and_a_sender_that_dies_is_replaced() {
    let cluster = Cluster::single(EtcdRelease::V3_5).await;
    let endpoint = cluster.endpoints(&["m1"]).remove(0);
    let load = etcdha_testbed::etcd::load;
    load(&endpoint, Some(&cluster.tls), "/big/", VALUES, VALUE_BYTES)
        .await
        .unwrap();
    cluster.run_expecting(0, &["member", "add", "m2", "m3", "--yes"]);
    let directory = backups(&cluster);

    let writer = cluster.writer().await;
    writer.wait_for(20, PATIENCE).await.unwrap();
    let saved = Saving::begin(&cluster, &directory, &[]).end();
    assert_eq!(saved.status.code(), Some(0), "{}", saved.stderr);
    let saved = json(&saved);
    assert_eq!(saved["proven"], true, "{saved}");
    assert_eq!(
        saved["record"]["equalTo"],
        serde_json::json!(["m1", "m2", "m3"])
    );
    assert_eq!(saved["record"]["cluster"]["name"], "prod");
    assert_ne!(
        saved["record"]["member"],
        leader(&cluster),
        "the leader is spared"
    );

    let report = writer.stop();
    assert_eq!(report.failed, [""; 0], "a save holds no write up");

    // With nobody writing all have applied as much, so it is known who is asked first.
    a_sender_that_dies_is_replaced(&cluster, &directory);
    killed_anywhere_it_leaves_nothing_half(&cluster, &directory);
}

fn leader(cluster: &Cluster) -> Value {
    let members = cluster.members();
    let leads = |member: &&Value| member["role"] == "leader";
    members.iter().find(leads).unwrap()["name"].clone()
}

fn a_sender_that_dies_is_replaced(cluster: &Cluster, directory: &Path) {
    let path = directory.join("lost.db");
    let plan = cluster.run_expecting(
        0,
        &[
            "snapshot",
            "save",
            "--dry-run",
            "-o",
            "json",
            path.to_str().unwrap(),
        ],
    );
    let plan = json(&plan);
    let first = plan["ask"][0].as_str().unwrap();
    let first = ["m1", "m2", "m3"]
        .into_iter()
        .find(|name| cluster.endpoints(&[name])[0] == first);
    let first = first.unwrap();

    let mut saving = Saving::begin(cluster, &path, &[]);
    assert!(saving.stop_at(1 << 20));
    cluster.host(first).kill_all();
    saving.signal("-CONT");
    let output = saving.end();
    assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
    let saved = json(&output);
    assert_eq!(saved["failed"][0]["member"], first, "{saved}");
    assert_ne!(saved["record"]["member"], first);
    assert_eq!(saved["notCompared"][0]["member"], first);
    assert_eq!(all_are_good(cluster, directory), 2);
    cluster.host(first).start().unwrap();
}

fn killed_anywhere_it_leaves_nothing_half(cluster: &Cluster, directory: &Path) {
    let whole = fs::metadata(directory.join("lost.db")).unwrap().len();
    // Members' files differ a little in size, so the last kill comes short of the whole.
    let places = [1, 1 << 20, whole / 2, whole / 10 * 9];
    for (number, bytes) in places.into_iter().enumerate() {
        let path = directory.join(format!("killed-{number}.db"));
        let mut saving = Saving::begin(cluster, &path, &[]);
        if saving.stop_at(bytes) {
            saving.signal("-KILL");
            assert_eq!(saving.end().status.code(), None);
        }
        if path.exists() {
            cluster.run_expecting(0, &["snapshot", "verify", path.to_str().unwrap()]);
        }
    }
    // What the killed runs left is old enough to be nobody's.
    thread::sleep(Duration::from_millis(200));
    let last = directory.join("last.db");
    cluster.run_expecting(0, &["snapshot", "save", last.to_str().unwrap()]);
    let left = names(directory);
    assert!(left.iter().all(|name| !name.starts_with('.')), "{left:?}");
}

/// One member, and a host with a small disk for the snapshots.
async fn with_a_small_disk(bytes: u64) -> Cluster {
    let config = BedConfig::new(PROGRAM);
    let config = config.host(HostConfig::named("m1"));
    let bed = Bed::new(config.host(HostConfig::named("vault").disk(bytes))).unwrap();
    Cluster::without_kubelet_on(bed, EtcdRelease::V3_5, &["vault"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_or_is_read_only_is_told_and_nothing_is_left() {
    let cluster = with_a_small_disk(96 << 20).await;
    cluster.write_file(
        cluster
            .file(EtcdRelease::V3_5, "")
            .split("- name: vault")
            .next()
            .unwrap(),
    );
    let endpoint = cluster.endpoints(&["m1"]).remove(0);
    let load = etcdha_testbed::etcd::load;
    load(
        &endpoint,
        Some(&cluster.tls),
        "/big/",
        VALUES / 4,
        VALUE_BYTES,
    )
    .await
    .unwrap();
    let vault = cluster.host("vault");
    let directory = vault.path("/var/lib/etcd/backups");
    fs::create_dir(&directory).unwrap();

    let mut saving = Saving::begin(&cluster, &directory, &[]);
    assert!(saving.stop_at(1 << 20));
    vault.fill_disk().unwrap();
    saving.signal("-CONT");
    let output = saving.end();
    assert_eq!(output.status.code(), Some(1), "{}", output.stderr);
    assert!(
        output.stderr.contains("No space left on device"),
        "{}",
        output.stderr
    );
    assert_eq!(names(&directory), [""; 0]);

    let refused = cluster.run_expecting(3, &["snapshot", "save", directory.to_str().unwrap()]);
    assert!(
        refused.stderr.contains("[disk-space]"),
        "{}",
        refused.stderr
    );

    vault.free_disk().unwrap();
    // It fills while the snapshot, which is here by now, is encrypted.
    let (_, recipient) = super::store::key(&cluster.dir, "operator");
    let mut saving = Saving::begin(&cluster, &directory, &["--recipient", &recipient]);
    assert!(saving.stop_at(1 << 20));
    vault.fill_disk().unwrap();
    saving.signal("-CONT");
    let output = saving.end();
    assert_eq!(output.status.code(), Some(1), "{}", output.stderr);
    assert!(
        output.stderr.contains("pack the snapshot"),
        "{}",
        output.stderr
    );
    assert_eq!(names(&directory), [""; 0]);
    vault.free_disk().unwrap();

    cluster.run_expecting(0, &["snapshot", "save", directory.to_str().unwrap()]);
    assert_eq!(all_are_good(&cluster, &directory), 1);

    remount(&vault.path("/var/lib/etcd"), "ro");
    let output = cluster.run_expecting(1, &["snapshot", "save", directory.to_str().unwrap()]);
    assert!(
        output.stderr.contains("Read-only file system"),
        "{}",
        output.stderr
    );
    remount(&vault.path("/var/lib/etcd"), "rw");
    two_at_once_are_one(&cluster, &cluster.dir.join("both.db"));
}

pub(super) fn remount(path: &Path, mode: &str) {
    let options = format!("remount,{mode}");
    let status = Command::new("mount")
        .arg("-o")
        .arg(options)
        .arg(path)
        .status();
    assert!(status.unwrap().success());
}

fn two_at_once_are_one(cluster: &Cluster, path: &Path) {
    let runs = [(); 2].map(|()| Saving::begin(cluster, path, &[]));
    let mut codes: Vec<_> = runs.map(|run| run.end().status.code()).into();
    codes.sort_unstable();
    assert!(
        matches!(codes.as_slice(), [Some(0), Some(1 | 3)]),
        "one of them has the name: {codes:?}"
    );
    cluster.run_expecting(0, &["snapshot", "verify", path.to_str().unwrap()]);
    // A second one of that name is refused before anything is sent.
    let refused = cluster.run_expecting(3, &["snapshot", "save", path.to_str().unwrap()]);
    assert!(
        refused.stderr.contains("[file-exists]"),
        "{}",
        refused.stderr
    );
}
