//! Disks that fill or can't be written to in the midst of a restore, and saves that are killed as they
//! make their file durable and give it its name.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use etcdha::datadir::bolt::Writer;
use etcdha::datadir::schema::RevisionKey;
use etcdha_testbed::{Bed, BedConfig, Call, EtcdRelease, Host, HostConfig, Output, strike};
use sha2::{Digest, Sha256};

use super::save::remount;
use crate::cluster::Cluster;
use crate::support::{PATIENCE, PROGRAM};

/// A snapshot of some 48 MB, so that a restore can be met in its midst.
fn large_snapshot(path: &Path) {
    let mut writer = Writer::new(Cursor::new(Vec::new()), 4096).unwrap();
    writer.bucket(b"key", 0).unwrap();
    let value = vec![0x5a; 200_000];
    for main in 2_i64..242 {
        let key = RevisionKey {
            main,
            sub: 0,
            is_tombstone: false,
        };
        // The fields of a KeyValue: key, both revisions, version, value of 200,000 bytes.
        let mut entry = vec![0x0a, 8];
        entry.extend(main.to_be_bytes());
        // A varint of two bytes.
        let revision = [main as u8 | 0x80, (main >> 7) as u8];
        entry.extend([0x10, 2, 0x18, revision[0], revision[1]]);
        entry.extend([0x20, 1, 0x2a, 0xc0, 0x9a, 0x0c]);
        entry.extend(&value);
        writer.put(&key.encode(), &entry).unwrap();
    }
    writer.bucket(b"meta", 0).unwrap();
    writer.put(b"consistent_index", &[0; 8]).unwrap();
    let mut bytes = writer.finish().unwrap().0.into_inner();
    let digest = Sha256::digest(&bytes);
    bytes.extend(digest);
    fs::write(path, bytes).unwrap();
}

/// A host whose disk is filled, and a snapshot beside it.
struct Disk {
    bed: Bed,
    dir: PathBuf,
}

impl Disk {
    fn new() -> Self {
        let host = HostConfig::named("m1").disk(320 << 20);
        let bed = Bed::new(BedConfig::new(PROGRAM).host(host)).unwrap();
        let dir = bed.scratch().unwrap();
        large_snapshot(&dir.join("s.db"));
        Self { bed, dir }
    }

    fn host(&self) -> &Host {
        self.bed.host("m1")
    }

    fn place(&self) -> PathBuf {
        self.host().path("/var/lib/etcd")
    }

    fn names(&self, directory: &Path) -> Vec<String> {
        let mut names = etcdha::sys::files::list(directory).unwrap();
        names.retain(|name| {
            !matches!(name.as_str(), "lost+found" | "s.db" | "state") && !name.starts_with("fill")
        });
        names
    }

    fn start(&self, words: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcdha"));
        command
            .args(["snapshot", "restore", "s.db", "--yes"])
            .args(words)
            .env_clear()
            .env("ETCDHA_STATE_DIR", self.dir.join("state"))
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    fn run(&self, words: &[&str]) -> Output {
        end(self.start(words))
    }

    /// Fills the disk once the new database has a megabyte, and lets the run go on then.
    fn filled_in_the_midst(&self, directory: &Path, words: &[&str]) -> Output {
        let run = self.start(words);
        let deadline = Instant::now() + PATIENCE;
        while new_database_bytes(directory) < 1 << 20 {
            assert!(Instant::now() < deadline, "it never began to write");
            thread::sleep(Duration::from_micros(200));
        }
        signal(&run, rustix::process::Signal::STOP);
        self.host().fill_disk().unwrap();
        signal(&run, rustix::process::Signal::CONT);
        let output = end(run);
        self.host().free_disk().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", output.stderr);
        let told = "No space left on device";
        assert!(output.stderr.contains(told), "{}", output.stderr);
        assert!(
            output.stderr.contains("fix: make room"),
            "{}",
            output.stderr
        );
        output
    }
}

fn signal(run: &Child, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_child(run), signal).unwrap();
}

fn end(run: Child) -> Output {
    let output = run.wait_with_output().unwrap();
    Output {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Bytes of the database of a directory under construction.
fn new_database_bytes(directory: &Path) -> u64 {
    let parts = fs::read_dir(directory).unwrap().flatten();
    let parts = parts.filter(|entry| entry.file_name().to_string_lossy().contains(".part-"));
    let sizes = parts.filter_map(|part| {
        let database = part.path().join("contents/member/snap/db");
        fs::metadata(database).ok()
    });
    sizes.map(|about| about.len()).max().unwrap_or(0)
}

#[test]
fn a_disk_that_fills_in_the_midst_is_told_and_nothing_is_left() {
    let disk = Disk::new();
    let place = disk.place();
    fs::create_dir_all(place.join("old/member")).unwrap();
    fs::write(place.join("old/member/x"), "old data").unwrap();
    let target = place.join("etcd").display().to_string();
    let words = ["--data-dir", &target];
    disk.filled_in_the_midst(&place, &words);
    assert_eq!(disk.names(&place), ["old"]);

    // Its log on the full disk, its data on another one.
    let wal = place.join("wal").display().to_string();
    let apart = ["--data-dir", "elsewhere", "--wal-dir", &wal];
    let output = disk.filled_in_the_midst(&disk.dir, &apart);
    assert!(output.stderr.contains(".wal"), "{}", output.stderr);
    assert_eq!(disk.names(&place), ["old"]);
    assert!(!disk.dir.join("elsewhere").exists());

    remount(&place, "ro");
    let output = disk.run(&words);
    remount(&place, "rw");
    assert_eq!(output.status.code(), Some(1), "{}", output.stderr);
    let told = "Read-only file system";
    assert!(output.stderr.contains(told), "{}", output.stderr);

    for words in [&words[..], &apart] {
        let output = disk.run(words);
        assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
    }
    assert_eq!(disk.names(&place), ["etcd", "old", "wal"]);
    let old = fs::read_to_string(place.join("old/member/x")).unwrap();
    assert_eq!(old, "old data");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_killed_at_any_call_leaves_a_good_snapshot_or_none() {
    let cluster = Cluster::single(EtcdRelease::V3_5).await;
    cluster.load(300).await;
    let directory = cluster.dir.join("backups");
    fs::create_dir(&directory).unwrap();
    let (mut kills, mut saved) = (0, 0);
    for call in [Call::LOCK, Call::CHMOD, Call::SYNC, Call::RENAME] {
        for number in 1.. {
            assert!(number < 200, "{call:?} never ends");
            let path = directory.join(format!("{kills}.db"));
            let path = path.to_str().unwrap();
            let command = cluster.etcdha(&["snapshot", "save", path]);
            let ended = strike(&command, call, number).unwrap();
            if let Some(output) = ended {
                assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
                for path in [path.to_owned(), format!("{path}.json")] {
                    fs::remove_file(path).unwrap();
                }
                break;
            }
            kills += 1;
            if Path::new(path).exists() {
                saved += 1;
                cluster.run_expecting(0, &["snapshot", "verify", path]);
            } else {
                assert!(
                    !Path::new(&format!("{path}.json")).exists(),
                    "{call:?} {number}"
                );
            }
        }
    }
    assert!(kills >= 6 && saved < kills, "{kills} {saved}");
    // What the killed runs left is old enough to be nobody's.
    thread::sleep(Duration::from_millis(200));
    let last = directory.join("last.db");
    cluster.run_expecting(0, &["snapshot", "save", last.to_str().unwrap()]);
    let names = etcdha::sys::files::list(&directory).unwrap();
    assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
}
