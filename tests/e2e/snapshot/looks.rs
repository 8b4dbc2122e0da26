//! After any work load, what etcdha reads from a snapshot is what etcd's own tools read, and its HashKV is
//! what the server answers.

use std::path::{Path, PathBuf};
use std::process::Command;

use etcd_client::{
    Client, CompactionOptions, DeleteOptions, LeaseGrantOptions, PutOptions, Txn, TxnOp,
};
use etcdha_testbed::etcd::connect;
use etcdha_testbed::{Bed, Binaries, EtcdRelease, capture};

use crate::support::{Member, PATIENCE, bed};

const ROUNDS: u64 = 6;
const OPERATIONS: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_of_3_4_read_as_its_tools_and_server_do() {
    reads_as_etcd_does(EtcdRelease::V3_4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_of_3_5_read_as_its_tools_and_server_do() {
    reads_as_etcd_does(EtcdRelease::V3_5).await;
}

#[expect(
    clippy::print_stderr,
    reason = "shown where the test fails, so that it can be repeated"
)]
async fn reads_as_etcd_does(release: EtcdRelease) {
    let seed = std::env::var("ETCDHA_SEED").ok();
    let seed = seed.map_or_else(random_seed, |seed| seed.parse().unwrap());
    eprintln!("the work load is repeated with ETCDHA_SEED={seed}");
    let bed = bed(["m1"]);
    let member = Member::start(bed.host("m1"), release).await;
    let mut load = Load {
        client: connect(&member.endpoint, Some(&member.tls), PATIENCE)
            .await
            .unwrap(),
        random: Random(seed | 1),
        leases: Vec::new(),
        revision: 1,
        compacted: 0,
    };
    for round in 0..ROUNDS {
        for _ in 0..OPERATIONS {
            load.step().await;
        }
        load.housekeeping(round).await;
        let look = Look::save(&bed, &member, release, round);
        look.status_is_that_of_etcds_tool();
        look.hash_is_that_of_the_server(&mut load).await;
    }
}

fn random_seed() -> u64 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    now.as_nanos() as u64
}

/// Xorshift: the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// A client that does anything that changes a database.
struct Load {
    client: Client,
    random: Random,
    leases: Vec<i64>,
    revision: i64,
    compacted: i64,
}

impl Load {
    fn key(&mut self) -> String {
        format!("/registry/things/{:02}", self.random.below(40))
    }

    fn value(&mut self) -> Vec<u8> {
        // Now and then one of several pages.
        let length = match self.random.below(8) {
            0 => self.random.below(20_000),
            _ => self.random.below(200),
        };
        (0..length).map(|byte| (byte % 251) as u8).collect()
    }

    async fn step(&mut self) {
        let (key, value) = (self.key(), self.value());
        let header = match self.random.below(10) {
            0..=4 => {
                let options = self.lease_for_some();
                let answer = self.client.put(key, value, options).await.unwrap();
                answer.header().cloned()
            }
            5 | 6 => {
                let answer = self.client.delete(key, None).await.unwrap();
                answer.header().cloned()
            }
            7 => {
                let end = self.key();
                let options = DeleteOptions::new().with_range(end);
                let answer = self.client.delete(key, Some(options)).await;
                // A range that ends before it begins is none.
                answer.ok().and_then(|answer| answer.header().cloned())
            }
            8 => {
                let others: Vec<_> = (0..4).map(|n| format!("/txn/{n}")).collect();
                let mut operations: Vec<_> = others
                    .iter()
                    .map(|other| TxnOp::put(other.as_str(), value.clone(), None))
                    .collect();
                operations.push(TxnOp::delete(key, None));
                let txn = Txn::new().and_then(operations);
                let answer = self.client.txn(txn).await.unwrap();
                answer.header().cloned()
            }
            _ => {
                let id = 1000 + self.random.below(1 << 40).cast_signed();
                let options = LeaseGrantOptions::new().with_id(id);
                let granted = self.client.lease_grant(3600, Some(options)).await.unwrap();
                self.leases.push(granted.id());
                None
            }
        };
        if let Some(header) = header {
            self.revision = self.revision.max(header.revision());
        }
    }

    fn lease_for_some(&mut self) -> Option<PutOptions> {
        let count = self.leases.len() as u64;
        if count == 0 || self.random.below(3) > 0 {
            return None;
        }
        let lease = self.leases[self.random.below(count) as usize];
        Some(PutOptions::new().with_lease(lease))
    }

    /// What an operator does: compactions, defragmentation, users.
    async fn housekeeping(&mut self, round: u64) {
        if round == 0 {
            self.client.role_add("reader").await.unwrap();
            self.client.user_add("ann", "secret", None).await.unwrap();
            // The first snapshot is of a store that was never compacted.
            return;
        }
        let span = (self.revision - self.compacted).cast_unsigned();
        let at = match round % 3 {
            // At the last revision, which is a delete.
            0 => {
                let key = self.key();
                self.client.put(key.clone(), "x", None).await.unwrap();
                let deleted = self.client.delete(key, None).await.unwrap();
                self.revision = deleted.header().unwrap().revision();
                self.revision
            }
            _ => self.compacted + 1 + self.random.below(span).cast_signed(),
        };
        let options = CompactionOptions::new().with_physical();
        self.client.compact(at, Some(options)).await.unwrap();
        self.compacted = at;
        if round.is_multiple_of(2) {
            self.client.defragment().await.unwrap();
        }
    }
}

/// A snapshot and the tools to look at it.
struct Look {
    snapshot: PathBuf,
    release: EtcdRelease,
}

impl Look {
    fn save(bed: &Bed, member: &Member, release: EtcdRelease, round: u64) -> Self {
        let snapshot = bed.scratch().unwrap().join(format!("{round}.db"));
        let mut command = Command::new(Binaries::find().etcdctl(release).unwrap());
        command
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &member.endpoint])
            .arg("--cacert")
            .arg(&member.tls.ca)
            .arg("--cert")
            .arg(&member.tls.cert)
            .arg("--key")
            .arg(&member.tls.key)
            .args(["snapshot", "save"])
            .arg(&snapshot);
        etcdha_testbed::run(&mut command).unwrap();
        Self { snapshot, release }
    }

    fn status_is_that_of_etcds_tool(&self) {
        let binaries = Binaries::find();
        let tool = match self.release {
            EtcdRelease::V3_4 => binaries.etcdctl(self.release).unwrap(),
            EtcdRelease::V3_5 => binaries.etcdutl().unwrap(),
        };
        let mut command = Command::new(tool);
        command
            .env("ETCDCTL_API", "3")
            .args(["snapshot", "status", "-w", "json"])
            .arg(&self.snapshot);
        let theirs = json(&etcdha_testbed::run(&mut command).unwrap().stdout);
        let ours = self.etcdha(&["status"]);
        for (field, value) in theirs.as_object().unwrap() {
            assert_eq!(
                ours[field],
                *value,
                "{field} of {}",
                self.snapshot.display()
            );
        }
    }

    async fn hash_is_that_of_the_server(&self, load: &mut Load) {
        let verified = self.etcdha(&["verify"]);
        assert_eq!(verified["restorable"], true, "{verified}");
        assert_eq!(verified["findings"], serde_json::json!([]), "{verified}");
        assert_eq!(verified["revision"], load.revision);
        // A revision that was just compacted is answered from a cache, and 3.4 refuses it.
        let history = (load.revision - load.compacted).cast_unsigned();
        let mut revisions = vec![0];
        if history > 1 {
            revisions.push(load.compacted + 1 + load.random.below(history - 1).cast_signed());
        }
        for revision in revisions {
            let live = load.client.hash_kv(revision).await.unwrap();
            let rev = revision.to_string();
            let ours = match revision {
                0 => self.etcdha(&["hashkv"]),
                _ => self.etcdha(&["hashkv", "--rev", &rev]),
            };
            assert_eq!(ours["hash"], live.hash(), "revision {revision}: {ours}");
            assert_eq!(ours["compactRevision"], live.compact_version(), "{ours}");
            if revision == 0 {
                assert_eq!(verified["hashKv"], ours_without_envelope(&ours));
            }
        }
    }

    fn etcdha(&self, arguments: &[&str]) -> serde_json::Value {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_etcdha")));
        let (name, flags) = arguments.split_first().unwrap();
        command
            .args(["snapshot", name])
            .arg(&self.snapshot)
            .args(flags)
            .args(["-o", "json"])
            .env_clear();
        let output = capture(&mut command).unwrap();
        assert!(output.status.success(), "{output:?}");
        json(&output.stdout)
    }
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

fn ours_without_envelope(document: &serde_json::Value) -> serde_json::Value {
    let fields = document.as_object().unwrap().iter();
    let fields = fields.filter(|(name, _)| !matches!(name.as_str(), "apiVersion" | "kind"));
    fields
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
