//! Members that `etcdha snapshot restore` makes of real snapshots: what boots from them, and what
//! they hold then.

use std::path::{Path, PathBuf};
use std::process::Command;

use etcd_client::{Client, DeleteOptions, GetOptions, PutOptions, WatchOptions};
use etcdha_testbed::etcd::{Acked, connect, load};
use etcdha_testbed::{Binaries, EtcdRelease, run, verify};

use super::stage::{Server, Stage};
use crate::support::PATIENCE;

const LEASE: i64 = 0x7a5e;
const LEASED_SECONDS: i64 = 36_000;

/// What a server held when its snapshot was taken.
pub(super) struct Source {
    pub(super) snapshot: PathBuf,
    pub(super) acked: Vec<Acked>,
    pub(super) revision: i64,
    pub(super) hash: u32,
}

async fn client(stage: &Stage, server: &Server) -> Client {
    connect(&server.endpoint, Some(&stage.tls), PATIENCE)
        .await
        .unwrap()
}

/// A server with keys, deletes, a lease, a user, a role and a compaction behind it; its snapshot.
pub(super) async fn source(stage: &Stage, release: EtcdRelease) -> Source {
    let data = stage.dir.join("source");
    let server = stage.start("m1", release, &data, &["m1"], &[]);
    stage.healthy(&server).await;
    let tls = Some(&stage.tls);
    let mut client = client(stage, &server).await;
    load(&server.endpoint, tls, "/gone/", 40, 300)
        .await
        .unwrap();
    let deleting = DeleteOptions::new().with_prefix();
    client.delete("/gone/", Some(deleting)).await.unwrap();
    for number in 0..30 {
        client
            .put("/often", format!("{number}"), None)
            .await
            .unwrap();
    }
    let leasing = etcd_client::LeaseGrantOptions::new().with_id(LEASE);
    client
        .lease_grant(LEASED_SECONDS, Some(leasing))
        .await
        .unwrap();
    let leased = PutOptions::new().with_lease(LEASE);
    let answer = client.put("/leased", "x", Some(leased)).await.unwrap();
    let revision = answer.header().unwrap().revision();
    client.compact(revision - 10, None).await.unwrap();
    client.role_add("reader").await.unwrap();
    client.user_add("ada", "hush", None).await.unwrap();
    client.user_grant_role("ada", "reader").await.unwrap();
    let mut acked = load(&server.endpoint, tls, "/kept/", 500, 200)
        .await
        .unwrap();
    acked.extend(
        load(&server.endpoint, tls, "/large/", 3, 400_000)
            .await
            .unwrap(),
    );
    let snapshot = stage.dir.join("snapshot.db");
    let path = snapshot.display().to_string();
    stage.etcdctl(&server, &["snapshot", "save", &path]);
    let hashed = client.hash_kv(0).await.unwrap();
    let revision = hashed.header().unwrap().revision();
    Source {
        snapshot,
        acked,
        revision,
        hash: hashed.hash(),
    }
}

/// Everything that was there is there.
async fn holds_everything(stage: &Stage, server: &Server, source: &Source) {
    let mut client = client(stage, server).await;
    // At the newest revision: a bump counts the older ones as compacted.
    for write in &source.acked {
        let answer = client.get(write.key.as_str(), None).await.unwrap();
        let found = answer.kvs().first();
        let found = found.map(|pair| (pair.value(), pair.mod_revision()));
        let expected = (write.value.as_bytes(), write.revision);
        assert!(found == Some(expected), "{}", write.key);
    }
    let often = client.get("/often", None).await.unwrap();
    assert_eq!(often.kvs()[0].value(), b"29");
    assert_eq!(often.kvs()[0].version(), 30);
    let gone = GetOptions::new().with_prefix().with_count_only();
    assert_eq!(client.get("/gone/", Some(gone)).await.unwrap().count(), 0);
    let leased = client.lease_time_to_live(LEASE, None).await.unwrap();
    assert_eq!(leased.granted_ttl(), LEASED_SECONDS);
    assert_eq!(
        client.get("/leased", None).await.unwrap().kvs()[0].lease(),
        LEASE
    );
    let user = client.user_get("ada").await.unwrap();
    assert_eq!(user.roles(), ["reader"]);
}

fn etcdutl_takes(data: &Path) {
    let etcdutl = Binaries::find().etcdutl().unwrap();
    let db = data.join("member/snap/db");
    let mut command = Command::new(etcdutl);
    let status = run(command.args(["snapshot", "status", "-w", "json"]).arg(db)).unwrap();
    assert!(status.stdout.contains("totalKey"), "{}", status.stdout);
}

/// Restores a single member and boots it under each of these releases, one after the other.
async fn boots_under(source_release: EtcdRelease, releases: &[EtcdRelease]) {
    let stage = Stage::new(["m1"]);
    let source = source(&stage, source_release).await;
    let (data, restored) = stage.restored(&source.snapshot, "m1", &["m1"], &[]);
    assert_eq!(restored["revision"], source.revision);
    assert_eq!(restored["hashKv"], source.hash);
    etcdutl_takes(&data);
    for release in releases {
        let server = stage.start("m1", *release, &data, &["m1"], &[]);
        stage.healthy(&server).await;
        let mut client = client(&stage, &server).await;
        let hashed = client.hash_kv(source.revision).await.unwrap();
        assert_eq!(hashed.hash(), source.hash, "{release:?}");
        let members = client.member_list().await.unwrap();
        let id = format!("{:x}", members.members()[0].id());
        assert_eq!(
            (members.members().len(), restored["memberId"].as_str()),
            (1, Some(id.as_str()))
        );
        holds_everything(&stage, &server, &source).await;
        client.put("/after", "x", None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_3_4_boots_under_3_4_and_then_3_5() {
    boots_under(EtcdRelease::V3_4, &EtcdRelease::ALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_3_4_boots_under_3_5_at_once() {
    boots_under(EtcdRelease::V3_4, &[EtcdRelease::V3_5]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_3_5_boots_under_3_5_again_and_again() {
    boots_under(EtcdRelease::V3_5, &[EtcdRelease::V3_5, EtcdRelease::V3_5]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_members_of_one_file_reach_quorum_and_old_watches_fail() {
    const NAMES: [&str; 3] = ["m1", "m2", "m3"];
    let stage = Stage::new(NAMES);
    let source = source(&stage, EtcdRelease::V3_5).await;
    let bump = ["--bump-revision", "1000000", "--mark-compacted"];
    let mut servers = Vec::new();
    let mut clusters = Vec::new();
    for name in NAMES {
        let (data, restored) = stage.restored(&source.snapshot, name, &NAMES, &bump);
        assert_eq!(restored["revision"], source.revision + 1_000_000);
        clusters.push(restored["clusterId"].clone());
        servers.push(stage.start(name, EtcdRelease::V3_5, &data, &NAMES, &[]));
    }
    assert!(clusters.iter().all(|id| *id == clusters[0]), "{clusters:?}");
    for server in &servers {
        stage.healthy(server).await;
        holds_everything(&stage, server, &source).await;
    }
    let tls = Some(&stage.tls);
    let acked = load(&servers[1].endpoint, tls, "/after/", 100, 100)
        .await
        .unwrap();
    let endpoints: Vec<_> = servers.iter().map(|s| s.endpoint.clone()).collect();
    let newest = acked.iter().map(|write| write.revision).max().unwrap();
    assert!(newest > source.revision + 1_000_000);
    verify::same_hash(&endpoints, tls, newest).await.unwrap();
    let mut client = client(&stage, &servers[0]).await;
    assert_eq!(client.member_list().await.unwrap().members().len(), 3);
    let old = WatchOptions::new().with_start_revision(source.revision);
    let mut watch = client.watch("/kept/", Some(old)).await.unwrap();
    let answer = loop {
        let answer = watch.message().await.unwrap().unwrap();
        if answer.canceled() {
            break answer;
        }
        assert!(answer.created() && answer.events().is_empty(), "{answer:?}");
    };
    assert_eq!(answer.compact_revision(), source.revision + 1_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_may_have_a_directory_of_its_own_behind_a_link() {
    let stage = Stage::new(["m1"]);
    let source = source(&stage, EtcdRelease::V3_5).await;
    let fast = stage.dir.join("fast");
    std::fs::create_dir(&fast).unwrap();
    std::os::unix::fs::symlink(&fast, stage.dir.join("wal")).unwrap();
    let wal = stage.dir.join("wal").display().to_string();
    let (data, _) = stage.restored(&source.snapshot, "m1", &["m1"], &["--wal-dir", &wal]);
    assert!(fast.join("0000000000000000-0000000000000000.wal").is_file());
    assert!(!data.join("member/wal").exists());
    let flag = format!("--wal-dir={wal}");
    let server = stage.start("m1", EtcdRelease::V3_5, &data, &["m1"], &[&flag]);
    stage.healthy(&server).await;
    holds_everything(&stage, &server, &source).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_of_its_own_is_filled_from_within_and_a_small_one_refused() {
    let disk = |bytes| {
        let host = etcdha_testbed::HostConfig::named("m1").disk(bytes);
        Stage::on(etcdha_testbed::BedConfig::new(crate::support::PROGRAM).host(host))
    };
    let stage = disk(160 << 20);
    let source = source(&stage, EtcdRelease::V3_5).await;
    let mounted = stage.host("m1").path("/var/lib/etcd");
    let place = mounted.display().to_string();
    let cluster = stage.initial_cluster(&["m1"]);
    let words = [
        "--name",
        "m1",
        "--initial-cluster",
        &cluster,
        "--data-dir",
        &place,
    ];
    let output = stage.restore(&source.snapshot, &words);
    assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
    let mut names = etcdha::sys::files::list(&mounted).unwrap();
    names.retain(|name| name != "lost+found");
    assert_eq!(names, ["member"]);
    let server = stage.start("m1", EtcdRelease::V3_5, &mounted, &["m1"], &[]);
    stage.healthy(&server).await;
    holds_everything(&stage, &server, &source).await;

    let small = disk(40 << 20);
    let place = small.host("m1").path("/var/lib/etcd").display().to_string();
    let words = [
        "--name",
        "m1",
        "--initial-cluster",
        &cluster,
        "--data-dir",
        &place,
    ];
    let output = small.restore(&source.snapshot, &words);
    assert_eq!(output.status.code(), Some(3), "{}", output.stderr);
    assert!(output.stderr.contains("[disk-space]"), "{}", output.stderr);
}
