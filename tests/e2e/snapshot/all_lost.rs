//! What the tests of `etcdha snapshot restore --cluster` start from: three members with data, a snapshot,
//! changes after it, and a disaster.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use etcd_client::{Client, WatchOptions};
use etcdha_testbed::etcd::{Acked, connect, load, wait_healthy};
use etcdha_testbed::{BedConfig, EtcdRelease, HostConfig, verify};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::member_add::run::Run;
use crate::support::{PATIENCE, PROGRAM};

pub(super) const NAMES: [&str; 3] = ["m1", "m2", "m3"];

/// How far a restore moves revisions on.
pub(super) const BUMP: i64 = 1_000_000_000;

/// Room for etcd's data, the new data beside it, and their logs.
const DISK: u64 = 600 << 20;

/// Three members, their snapshot, and what they held then.
pub(super) struct Scene {
    pub(super) cluster: Cluster,
    pub(super) before: Vec<Acked>,
    pub(super) later: Vec<Acked>,
    /// The revision of the snapshot.
    pub(super) revision: i64,
}

impl Scene {
    /// Grows a cluster, saves a snapshot, and changes more. m3 has a disk of its own.
    pub(super) async fn new(release: EtcdRelease) -> Scene {
        let config = BedConfig::new(PROGRAM).hosts(["m1", "m2"]);
        let config = config.host(HostConfig::named("m3").disk(DISK));
        let bed = etcdha_testbed::Bed::new(config).unwrap();
        let cluster = Cluster::on(bed, release).await;
        cluster.run_expecting(0, &["member", "add", "m2", "m3", "--yes"]);
        let before = cluster.load(500).await;
        let saved = cluster.run_expecting(0, &["snapshot", "save", "etcd.db", "-o", "json"]);
        let saved: Value = serde_json::from_str(&saved.stdout).unwrap();
        let endpoint = &cluster.endpoints(&["m2"])[0];
        let later = load(endpoint, Some(&cluster.tls), "later/", 40, 100).await;
        Scene {
            revision: saved["record"]["revision"].as_i64().unwrap(),
            later: later.unwrap(),
            before,
            cluster,
        }
    }

    pub(super) async fn client(&self, name: &str) -> Client {
        let endpoint = &self.cluster.endpoints(&[name])[0];
        connect(endpoint, Some(&self.cluster.tls), PATIENCE)
            .await
            .unwrap()
    }

    /// Every host loses its power, and all of etcd's data.
    pub(super) fn all_is_lost(&self) {
        for name in NAMES {
            self.lose(name);
        }
        for name in NAMES {
            self.cluster.host(name).start().unwrap();
        }
    }

    pub(super) fn lose(&self, name: &str) {
        let host = self.cluster.host(name);
        host.kill_all();
        let _ = fs::remove_dir_all(host.path("/var/lib/etcd/member"));
    }

    pub(super) fn restore<'a>(&self, more: &[&'a str]) -> Vec<&'a str> {
        let mut words = vec!["snapshot", "restore", "--cluster", "etcd.db", "--yes"];
        words.extend(more);
        words
    }

    pub(super) fn command(&self, more: &[&str]) -> Command {
        self.cluster.etcdha(&self.restore(more))
    }

    pub(super) fn start(&self, more: &[&str]) -> Run {
        Run::of(self.command(more), PATIENCE * 2)
    }

    /// The snapshot's keys are on these members, later ones are not, and all have one hash.
    pub(super) async fn is_the_snapshots(&self, names: &[&str]) {
        let tls = Some(&self.cluster.tls);
        for endpoint in self.cluster.endpoints(names) {
            wait_healthy(&endpoint, tls, PATIENCE).await.unwrap();
        }
        let endpoints = self.cluster.endpoints(names);
        for name in names {
            let mut client = self.client(name).await;
            for write in &self.before {
                let answer = client.get(write.key.as_str(), None).await.unwrap();
                let found = answer.kvs().first();
                let found = found.map(|pair| (pair.value(), pair.mod_revision()));
                let expected = Some((write.value.as_bytes(), write.revision));
                assert!(found == expected, "{} on {name}: {found:?}", write.key);
            }
            let later = client.get(self.later[0].key.as_str(), None).await.unwrap();
            assert_eq!(later.count(), 0, "{name}");
            assert_eq!(
                client.member_list().await.unwrap().members().len(),
                names.len()
            );
        }
        let mut client = self.client(names[0]).await;
        let answer = client.put("after", "x", None).await.unwrap();
        let newest = answer.header().unwrap().revision();
        assert!(newest > self.revision + BUMP, "{newest}");
        verify::same_hash(&endpoints, tls, newest).await.unwrap();
    }

    /// Everything is as before the restore: every key, the later ones, too, and nothing is left.
    pub(super) async fn is_as_before(&self) {
        let tls = Some(&self.cluster.tls);
        for endpoint in self.cluster.endpoints(&NAMES) {
            wait_healthy(&endpoint, tls, PATIENCE).await.unwrap();
        }
        let mut all = self.before.clone();
        all.extend(self.later.iter().cloned());
        self.cluster.prove(&NAMES, &all).await;
        for name in NAMES {
            assert_eq!(self.beside(name), Vec::<PathBuf>::new(), "{name}");
            let aside = self.cluster.host(name).root();
            let aside = aside.join(self.state_dir()).join("backups/set-aside");
            assert_eq!(etcdha::sys::files::list(&aside).unwrap(), [""; 0], "{name}");
        }
    }

    /// The state directory, as the path on every host.
    fn state_dir(&self) -> PathBuf {
        let state = self.cluster.dir.join("state");
        state.strip_prefix("/").unwrap().to_owned()
    }

    /// What etcdha has put beside a member's data, or into its mount.
    pub(super) fn beside(&self, name: &str) -> Vec<PathBuf> {
        let host = self.cluster.host(name);
        let mut found = Vec::new();
        for directory in ["/var/lib", "/var/lib/etcd"] {
            let directory = host.path(directory);
            for name in etcdha::sys::files::list(&directory).unwrap() {
                if name.contains(".etcdha-") || name.contains(".part-") {
                    found.push(directory.join(name));
                }
            }
        }
        found
    }

    /// A watch from the snapshot's revision on, opened anew, is told that it is too old.
    pub(super) async fn old_watches_fail(&self) {
        let mut client = self.client("m1").await;
        let old = WatchOptions::new().with_start_revision(self.revision + 1);
        let mut watch = client.watch("later/", Some(old)).await.unwrap();
        loop {
            let answer = watch.message().await.unwrap().unwrap();
            assert!(answer.events().is_empty(), "{answer:?}");
            if answer.canceled() {
                assert_eq!(answer.compact_revision(), self.revision + BUMP);
                return;
            }
        }
    }
}
