//! What may happen to a cluster while it is saved: it compacts and defragments, wants users, loses its
//! quorum, or the member that sent the snapshot dies before it is asked for its hash.

use std::fs;
use std::path::Path;
use std::time::Duration;

use etcd_client::{Client, CompactionOptions};
use etcdha_testbed::EtcdRelease;
use etcdha_testbed::etcd::{connect, load};
use serde_json::Value;

use super::save::{Saving, json};
use crate::cluster::Cluster;
use crate::support::PATIENCE;

async fn client(cluster: &Cluster) -> Client {
    let endpoint = &cluster.endpoints(&["m1"])[0];
    connect(endpoint, Some(&cluster.tls), PATIENCE)
        .await
        .unwrap()
}

async fn large(release: EtcdRelease) -> Cluster {
    let cluster = Cluster::single(release).await;
    let endpoint = cluster.endpoints(&["m1"]).remove(0);
    load(&endpoint, Some(&cluster.tls), "/big/", 3_000, 8 << 10)
        .await
        .unwrap();
    cluster
}

fn is_proven(saved: &Value) {
    assert_eq!(saved["proven"], true, "{saved}");
    assert_eq!(saved["record"]["equalTo"], serde_json::json!(["m1"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn compactions_users_and_a_member_that_dies_late_leave_a_good_snapshot() {
    let cluster = large(EtcdRelease::V3_5).await;
    compacted_and_defragmented_meanwhile(&cluster).await;
    with_users(&cluster).await;
    killed_before_it_is_compared(&cluster);
}

#[tokio::test(flavor = "multi_thread")]
async fn compactions_users_and_a_member_that_dies_late_leave_a_good_snapshot_of_3_4() {
    let cluster = large(EtcdRelease::V3_4).await;
    compacted_and_defragmented_meanwhile(&cluster).await;
    with_users(&cluster).await;
    killed_before_it_is_compared(&cluster);
}

async fn compacted_and_defragmented_meanwhile(cluster: &Cluster) {
    let mut client = client(cluster).await;
    let mut revision = 0;
    for number in 0..50 {
        let put = client.put("/often", format!("{number}"), None).await;
        revision = put.unwrap().header().unwrap().revision();
    }
    let path = cluster.dir.join("meanwhile.db");
    let mut saving = Saving::begin(cluster, &path, &[]);
    assert!(saving.stop_at(1 << 20));
    let physical = CompactionOptions::new().with_physical();
    client.compact(revision - 10, Some(physical)).await.unwrap();
    client.put("/often", "after", None).await.unwrap();
    // etcd defragments once the stream has ended, and until then answers nobody else.
    let mut other = client.clone();
    let defragmented = tokio::spawn(async move { other.defragment().await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    saving.signal("-CONT");
    let saved = saving.end();
    defragmented.await.unwrap().unwrap();
    assert_eq!(saved.status.code(), Some(0), "{}", saved.stderr);
    let saved = json(&saved);
    is_proven(&saved);
    assert_eq!(saved["record"]["revision"], revision);
    assert_eq!(saved["record"]["hashKv"]["compactRevision"], -1);
    cluster.run_expecting(0, &["snapshot", "verify", path.to_str().unwrap()]);
}

async fn with_users(cluster: &Cluster) {
    let mut client = client(cluster).await;
    client.user_add("root", "hush", None).await.unwrap();
    client.user_grant_role("root", "root").await.unwrap();
    client.auth_enable().await.unwrap();
    let path = cluster.dir.join("users.db");
    let path = path.to_str().unwrap();
    let refused = cluster.run(&["snapshot", "save", path]);
    assert_eq!(refused.status.code(), Some(3), "{}", refused.stderr);
    let told = "[user-needed]";
    assert!(refused.stderr.contains(told), "{}", refused.stderr);
    assert!(!Path::new(path).exists());
    let mut saving = cluster.etcdha(&["snapshot", "save", path, "-o", "json"]);
    saving.env("ETCDHA_USER", "root:hush");
    let saved = etcdha_testbed::capture(&mut saving).unwrap();
    assert_eq!(saved.status.code(), Some(0), "{}", saved.stderr);
    is_proven(&json(&saved));
}

fn killed_before_it_is_compared(cluster: &Cluster) {
    let whole = fs::metadata(cluster.dir.join("users.db")).unwrap().len();
    let path = cluster.dir.join("late.db");
    // The environment's user is the flag's.
    let mut saving = Saving::begin(cluster, &path, &["--user", "root:hush"]);
    assert!(saving.stop_at(whole), "it is met while it is verified");
    cluster.host("m1").kill_all();
    saving.signal("-CONT");
    let saved = saving.end();
    assert_eq!(saved.status.code(), Some(0), "{}", saved.stderr);
    let saved = json(&saved);
    assert_eq!(saved["proven"], false, "{saved}");
    assert_eq!(saved["notCompared"][0]["member"], "m1", "{saved}");
    cluster.run_expecting(0, &["snapshot", "verify", path.to_str().unwrap()]);
    let list = json(&cluster.run_expecting(
        0,
        &[
            "snapshot",
            "list",
            cluster.dir.to_str().unwrap(),
            "-o",
            "json",
        ],
    ));
    let listed = list["snapshots"].as_array().unwrap().iter();
    let late = listed
        .filter(|snapshot| snapshot["path"].as_str().unwrap().ends_with("late.db"))
        .map(|snapshot| snapshot["state"].clone());
    assert_eq!(late.collect::<Vec<_>>(), ["unproven"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_member_of_three_can_still_be_saved() {
    let cluster = Cluster::single(EtcdRelease::V3_5).await;
    cluster.load(200).await;
    cluster.run_expecting(0, &["member", "add", "m2", "m3", "--yes"]);
    for name in ["m2", "m3"] {
        cluster.host(name).kill_all();
    }
    // Until the one that is left has noticed.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let path = cluster.dir.join("last.db");
    let path = path.to_str().unwrap();
    let saved = cluster.run(&["snapshot", "save", path, "-o", "json"]);
    assert_eq!(saved.status.code(), Some(0), "{}", saved.stderr);
    let found = json(&saved);
    assert_eq!(found["record"]["member"], "m1");
    let silent = found["notCompared"].as_array().unwrap().iter();
    let silent: Vec<_> = silent.map(|it| it["member"].clone()).collect();
    assert_eq!(silent, ["m2", "m3"], "{found}");
    assert!(saved.stderr.contains("quorum"), "{}", saved.stderr);
    cluster.run_expecting(0, &["snapshot", "verify", path]);
}
