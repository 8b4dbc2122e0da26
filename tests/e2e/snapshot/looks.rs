//! After any work load, what etcdha reads from a snapshot is what etcd's own tools read, and its HashKV is
//! what the server answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use etcd_client::{
    Client, CompactionOptions, DeleteOptions, GetOptions, LeaseGrantOptions, Permission,
    PutOptions, Txn, TxnOp,
};
use etcdha_testbed::etcd::connect;
use etcdha_testbed::{Bed, Binaries, EtcdRelease, capture};

use super::stage::Stage;
use crate::support::{Member, PATIENCE, bed};

const ROUNDS: u64 = 6;
const OPERATIONS: u64 = 60;
/// How many of the last rounds' snapshots are restored and booted.
const RESTORED: u64 = 3;

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
        if round >= ROUNDS - RESTORED {
            let held = Held::by(&mut load.client).await;
            assert_eq!(held.leases.len(), load.leases.len());
            boots_with_all_of_it(&look, &held, load.revision).await;
        }
    }
}

/// Everything that a server holds, as its clients see it.
#[derive(Debug, PartialEq)]
struct Held {
    /// Key, value, create revision, last revision, version, lease.
    keys: Vec<HeldKey>,
    /// Id, and the seconds it was granted for.
    leases: BTreeMap<i64, i64>,
    /// Users with their roles, and roles with their permissions.
    users: BTreeMap<String, Vec<String>>,
    roles: BTreeMap<String, usize>,
}

type HeldKey = (Vec<u8>, Vec<u8>, i64, i64, i64, i64);

impl Held {
    async fn by(client: &mut Client) -> Self {
        let all = GetOptions::new().with_all_keys();
        let keys = client.get("", Some(all)).await.unwrap();
        let keys = keys.kvs().iter().map(|pair| {
            (
                pair.key().to_vec(),
                pair.value().to_vec(),
                pair.create_revision(),
                pair.mod_revision(),
                pair.version(),
                pair.lease(),
            )
        });
        let mut held = Self {
            keys: keys.collect(),
            leases: BTreeMap::new(),
            users: BTreeMap::new(),
            roles: BTreeMap::new(),
        };
        for lease in client.leases().await.unwrap().leases() {
            let about = client.lease_time_to_live(lease.id(), None).await.unwrap();
            held.leases.insert(lease.id(), about.granted_ttl());
        }
        for user in client.user_list().await.unwrap().users() {
            let about = client.user_get(user.as_str()).await.unwrap();
            held.users.insert(user.clone(), about.roles().to_vec());
        }
        for role in client.role_list().await.unwrap().roles() {
            let about = client.role_get(role.as_str()).await.unwrap();
            held.roles.insert(role.clone(), about.permissions().len());
        }
        held
    }
}

/// Members that etcdha restores hold the same, under the same release and the next one.
async fn boots_with_all_of_it(look: &Look, held: &Held, revision: i64) {
    let stage = Stage::new(["m1"]);
    let releases = EtcdRelease::ALL.into_iter();
    for release in releases.skip_while(|release| *release != look.release) {
        let (data, restored) = stage.restored(&look.snapshot, "m1", &["m1"], &[]);
        let server = stage.start("m1", release, &data, &["m1"], &[]);
        stage.healthy(&server).await;
        let tls = Some(&stage.tls);
        let mut client = connect(&server.endpoint, tls, PATIENCE).await.unwrap();
        let hashed = client.hash_kv(0).await.unwrap();
        assert_eq!(hashed.header().unwrap().revision(), revision, "{release:?}");
        assert_eq!(restored["hashKv"], hashed.hash(), "{release:?}");
        let found = Held::by(&mut client).await;
        assert!(found == *held, "{release:?}: {found:?}\n{held:?}");
        drop(server);
        std::fs::remove_dir_all(data).unwrap();
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

    /// Users come, get roles and go; leases are taken back with their keys.
    async fn users(&mut self, round: u64) {
        let (user, role) = (format!("user{round}"), format!("role{round}"));
        let client = &mut self.client;
        client.role_add(role.as_str()).await.unwrap();
        let permission = Permission::read_write("/registry/").with_prefix();
        client
            .role_grant_permission(role.as_str(), permission)
            .await
            .unwrap();
        client.user_add(user.as_str(), "hush", None).await.unwrap();
        client
            .user_grant_role(user.as_str(), role.as_str())
            .await
            .unwrap();
        if round.is_multiple_of(3) {
            client.user_delete("ann").await.ok();
        }
        if !self.leases.is_empty() {
            let at = self.random.below(self.leases.len() as u64) as usize;
            let lease = self.leases.swap_remove(at);
            let revoked = self.client.lease_revoke(lease).await.unwrap();
            self.revision = self.revision.max(revoked.header().unwrap().revision());
        }
    }

    /// What an operator does: compactions, defragmentation, users.
    async fn housekeeping(&mut self, round: u64) {
        if round > 0 {
            self.users(round).await;
        }
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
