//! Snapshots that are compressed, encrypted and put into a real S3-compatible server; the server, or
//! etcdha, dies on the way.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use etcdha_testbed::{Binaries, EtcdRelease, Output, capture, run};
use serde_json::Value;

use super::store_server::StoreServer;
use crate::cluster::Cluster;
use crate::support::PATIENCE;

const PREFIX: &str = "s3://etcd/prod";
const VALUE_BYTES: usize = 8 << 10;

/// A cluster of one with some data, and a store.
struct Stage {
    cluster: Cluster,
    store: StoreServer,
    scratch: PathBuf,
    identity: PathBuf,
    recipient: String,
}

impl Stage {
    async fn with(values: usize) -> Self {
        let cluster = Cluster::single(EtcdRelease::V3_5).await;
        let endpoint = cluster.endpoints(&["m1"]).remove(0);
        let load = etcdha_testbed::etcd::load;
        load(&endpoint, Some(&cluster.tls), "/big/", values, VALUE_BYTES)
            .await
            .unwrap();
        let store = StoreServer::start(&cluster.dir);
        let scratch = cluster.dir.join("scratch");
        fs::create_dir(&scratch).unwrap();
        let (identity, recipient) = key(&cluster.dir, "operator");
        Self {
            cluster,
            store,
            scratch,
            identity,
            recipient,
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.cluster.etcdha(words);
        command
            .envs(self.store.variables())
            .env("ETCDHA_SCRATCH", &self.scratch);
        command
    }

    fn expect(&self, code: i32, words: &[&str]) -> Output {
        demand(code, capture(&mut self.command(words)).unwrap())
    }

    fn save(&self, more: &[&str]) -> Value {
        let words = [&["snapshot", "save", PREFIX, "-o", "json"], more].concat();
        json(&self.expect(0, &words))
    }

    fn spawn(&self, words: &[&str]) -> Child {
        let mut command = self.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Waits until the store has so many bytes more.
    fn wait_for(&self, bytes: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.store.bytes() < bytes {
            assert!(Instant::now() < deadline, "the upload never began");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

fn demand(code: i32, output: Output) -> Output {
    let shown = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.status.code(), Some(code), "{shown}");
    output
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap()
}

/// A key pair that age's own program made.
pub(super) fn key(directory: &Path, name: &str) -> (PathBuf, String) {
    let path = directory.join(format!("{name}.key"));
    run(Command::new("age-keygen").arg("-o").arg(&path)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let public = run(Command::new("age-keygen").arg("-y").arg(&path)).unwrap();
    (path, public.stdout.trim().to_owned())
}

fn end(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    Output {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packed_snapshot_goes_to_a_store_and_comes_back_as_a_member() {
    let stage = Stage::with(3_000).await;
    let local = stage.cluster.dir.join("backups");
    fs::create_dir(&local).unwrap();
    let to = local.to_str().unwrap();
    let packed = ["--compress", "zstd", "--recipient", &stage.recipient];
    let saved = stage.save(&[&packed[..], &["--to", to]].concat());
    assert_eq!(saved["proven"], true, "{saved}");
    let stored = &saved["record"]["stored"];
    assert_eq!(stored["compression"], "zstd:3", "{saved}");
    assert_eq!(stored["recipients"], serde_json::json!([stage.recipient]));
    let place = saved["path"].as_str().unwrap().to_owned();
    let copy = saved["copies"][0].as_str().unwrap().to_owned();
    assert!(place.ends_with(".db.zst.age"), "{place}");
    let key = place.strip_prefix("s3://etcd/").unwrap().to_owned();
    let object = stage.store.object(&key);
    assert_eq!(fs::read(&object).unwrap(), fs::read(&copy).unwrap());

    // age's and zstd's own programs read it, and what they give is a snapshot.
    let plain = stage.cluster.dir.join("plain.db");
    let script = "age -d -i \"$1\" \"$2\" | zstd -dq > \"$3\"";
    let mut shell = Command::new("sh");
    shell.args(["-euc", script, "sh"]).arg(&stage.identity);
    run(shell.arg(&copy).arg(&plain)).unwrap();
    let identity = stage.identity.to_str().unwrap().to_owned();
    let expected = stage.expect(0, &["snapshot", "status", plain.to_str().unwrap()]);
    for place in [&place, &copy] {
        let words = ["snapshot", "status", place, "--identity", &identity];
        assert_eq!(stage.expect(0, &words).stdout, expected.stdout);
        let words = ["snapshot", "verify", place, "--identity", &identity];
        stage.expect(0, &words);
    }

    drilled(&stage, &place, &identity, &saved);
    restored_and_pruned(&stage, &place, &identity, &saved);
    damage_is_told(&stage, &place, &identity, &object);
    strangers_are_told(&stage, &place);
    assert!(
        is_empty(&stage.scratch),
        "nothing is left of what was unpacked"
    );
}

/// The newest snapshot of the store boots, and so does the one that is named.
fn drilled(stage: &Stage, place: &str, identity: &str, saved: &Value) {
    let etcd = Binaries::find().etcd(EtcdRelease::V3_5).unwrap();
    for source in [PREFIX, place] {
        let words = [
            "snapshot",
            "drill",
            source,
            "-o",
            "json",
            "--identity",
            identity,
        ];
        let more = ["--etcd", etcd.to_str().unwrap()];
        let drill = json(&stage.expect(0, &[&words[..], &more].concat()));
        assert_eq!(drill["proven"], true, "{drill}");
        assert_eq!(drill["snapshot"], place, "{drill}");
        assert_eq!(drill["revision"], saved["record"]["revision"], "{drill}");
    }
    let words = [
        "snapshot",
        "drill",
        PREFIX,
        "--etcd",
        etcd.to_str().unwrap(),
    ];
    let refused = stage.expect(1, &words);
    assert!(refused.stderr.contains("--identity"), "{}", refused.stderr);
}

fn restored_and_pruned(stage: &Stage, place: &str, identity: &str, saved: &Value) {
    let data = stage.cluster.dir.join("restored");
    let data = data.to_str().unwrap();
    let words = [
        "snapshot",
        "restore",
        place,
        "--identity",
        identity,
        "--yes",
    ];
    let more = [
        "--name",
        "spare",
        "--initial-cluster",
        "spare=https://10.0.0.1:2380",
        "--data-dir",
        data,
    ];
    let words = [&words[..], &more].concat();
    stage.expect(0, &words);
    let database = format!("{data}/member/snap/db");
    let words = ["snapshot", "hashkv", &database, "-o", "json"];
    let found = json(&stage.expect(0, &words));
    assert_eq!(found["hash"], saved["record"]["hashKv"]["hash"], "{found}");

    thread::sleep(Duration::from_millis(1100));
    stage.save(&["--compress", "gzip:1"]);
    let list = json(&stage.expect(0, &["snapshot", "list", PREFIX, "-o", "json"]));
    assert_eq!(list["snapshots"].as_array().unwrap().len(), 2, "{list}");
    assert_eq!(list["snapshots"][1]["state"], "proven", "{list}");
    let newest = list["snapshots"][1]["path"].as_str().unwrap();
    // The first is kept for what follows: the newer one goes by hand, and then a prune keeps the last.
    let key = newest.strip_prefix("s3://etcd/").unwrap();
    fs::remove_file(stage.store.object(key)).unwrap();
    let prune = ["snapshot", "prune", PREFIX, "--keep-last", "1", "--yes"];
    let told = stage.expect(0, &prune);
    assert!(told.stdout.contains("kept: last"), "{}", told.stdout);
    assert_eq!(
        stage.store.keys("prod").len(),
        2,
        "and the orphaned record is gone"
    );
}

fn damage_is_told(stage: &Stage, place: &str, identity: &str, object: &Path) {
    let whole = fs::read(object).unwrap();
    let file = fs::OpenOptions::new().write(true).open(object).unwrap();
    let at = whole.len() as u64 / 2;
    file.write_all_at(&[!whole[whole.len() / 2]], at).unwrap();
    let words = ["snapshot", "verify", place, "--identity", identity];
    let told = stage.expect(5, &words);
    assert!(
        told.stderr.contains("is not what was saved"),
        "{}",
        told.stderr
    );
    // Without its record, age itself tells; a restore writes nothing.
    let record = object.with_file_name(format!(
        "{}.json",
        object.file_name().unwrap().to_str().unwrap()
    ));
    let kept = fs::read(&record).unwrap();
    fs::remove_file(&record).unwrap();
    let told = stage.expect(5, &words);
    assert!(
        told.stderr.contains("age: the contents were changed"),
        "{}",
        told.stderr
    );
    let data = stage.cluster.dir.join("never");
    let words = [
        "snapshot",
        "restore",
        place,
        "--identity",
        identity,
        "--name",
        "spare",
        "--initial-cluster",
        "spare=https://10.0.0.1:2380",
        "--data-dir",
        data.to_str().unwrap(),
        "--yes",
    ];
    stage.expect(5, &words);
    assert!(!data.exists());
    etcdha::sys::files::write_atomic(&record, &kept, 0o600).unwrap();
    etcdha::sys::files::write_atomic(object, &whole, 0o600).unwrap();
    stage.expect(0, &["snapshot", "verify", place, "--identity", identity]);
}

fn strangers_are_told(stage: &Stage, place: &str) {
    let (other, _) = key(&stage.cluster.dir, "stranger");
    let words = [
        "snapshot",
        "status",
        place,
        "--identity",
        other.to_str().unwrap(),
    ];
    let told = stage.expect(1, &words);
    assert!(
        told.stderr.contains("encrypted to others"),
        "{}",
        told.stderr
    );
    assert!(told.stderr.contains(&stage.recipient), "{}", told.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_or_dies_leaves_nothing_and_the_next_run_succeeds() {
    let mut stage = Stage::with(6_000).await;
    let words = ["snapshot", "save", PREFIX];
    let mut command = stage.command(&words);
    command.env("AWS_SECRET_ACCESS_KEY", "another");
    let told = demand(1, capture(&mut command).unwrap());
    assert!(
        told.stderr.contains("403 SignatureDoesNotMatch"),
        "{}",
        told.stderr
    );
    assert!(!told.stderr.contains("another"), "{}", told.stderr);
    let mut command = stage.command(&words);
    command.env_remove("AWS_SECRET_ACCESS_KEY");
    let told = demand(2, capture(&mut command).unwrap());
    assert!(told.stderr.contains("AWS_ACCESS_KEY_ID"), "{}", told.stderr);
    let told = stage.expect(1, &["snapshot", "save", "s3://nobody/prod"]);
    assert!(told.stderr.contains("NoSuchBucket"), "{}", told.stderr);

    // The server dies in the middle of the upload.
    let saving = stage.spawn(&words);
    stage.wait_for(9 << 20);
    stage.store.kill();
    let output = demand(1, end(saving));
    assert!(
        output.stderr.contains("put s3://etcd/prod/"),
        "{}",
        output.stderr
    );
    stage.store.start_again();
    assert!(stage.store.keys("prod").is_empty());

    // A signal ends it: the parts are removed with it.
    let before = stage.store.bytes();
    let saving = stage.spawn(&words);
    stage.wait_for(before + (9 << 20));
    signal("-TERM", &saving);
    demand(130, end(saving));
    assert!(stage.store.bytes() <= before, "its parts are gone");

    // It is killed: the next run is none the wiser.
    let saving = stage.spawn(&words);
    stage.wait_for(before + (9 << 20));
    signal("-KILL", &saving);
    assert_eq!(end(saving).status.code(), None);
    assert!(stage.store.keys("prod").is_empty());
    thread::sleep(Duration::from_millis(1100));
    stage.save(&[]);
    assert_eq!(stage.store.keys("prod").len(), 2);
    let list = stage.expect(0, &["snapshot", "list", PREFIX, "-o", "json"]);
    assert_eq!(json(&list)["snapshots"][0]["state"], "proven");
    assert!(is_empty(&stage.scratch));

    // A copy that fails is told; the snapshot itself is there.
    stage.store.kill();
    let local = stage.cluster.dir.join("kept");
    fs::create_dir(&local).unwrap();
    let words = ["snapshot", "save", local.to_str().unwrap(), "--to", PREFIX];
    let told = stage.expect(1, &words);
    assert!(told.stderr.contains("127.0.0.1"), "{}", told.stderr);
}

fn signal(signal: &str, child: &Child) {
    let pid = child.id().to_string();
    run(Command::new("kill").args([signal, &pid])).unwrap();
}
