//! Members under systemd: a person stops and starts them, etcdha waits and sees.

use std::fs;

use etcdha_testbed::etcd::{load, wait_healthy};
use etcdha_testbed::verify;

use crate::member_add::external::single;
use crate::member_add::run::Run;
use crate::member_add::services::{ETCD, UNIT};
use crate::support::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_stops_and_starts_the_service_of_a_member() {
    use std::os::unix::fs::MetadataExt;

    let (cluster, mut e1) = single().await;
    let mut writes = cluster.load(200).await;
    cluster.run_expecting(0, &["snapshot", "save", "etcd.db"]);
    let endpoint = cluster.endpoints(&["e1"]).remove(0);
    let later = load(&endpoint, Some(&cluster.tls), "later/", 5, 10)
        .await
        .unwrap();

    let words = [
        "snapshot",
        "restore",
        "--cluster",
        "etcd.db",
        "--yes",
        "--without",
        "e2,e3",
        "--replace-living",
    ];
    let mut run = Run::of(cluster.etcdha(&words), PATIENCE);
    run.wait_for(true, &["wait until no etcd runs"]);
    // `systemctl stop` ends the program; the harness's service would start it again.
    e1.signal(rustix::process::Signal::KILL);
    cluster.host("e1").kill_all();
    let _ = e1.wait();
    cluster.host("e1").start().unwrap();
    run.wait_for(true, &["wait until 1 member of the new cluster"]);
    let _e1 = cluster.host("e1").start_service(UNIT).unwrap();
    let (status, told) = run.end();
    assert!(status.success(), "{told}");
    assert!(
        told.contains("now run on e1 as root: systemctl stop etcd"),
        "{told}"
    );
    assert!(
        told.contains("now run on e1 as root: systemctl start etcd"),
        "{told}"
    );

    wait_healthy(&endpoint, Some(&cluster.tls), PATIENCE)
        .await
        .unwrap();
    // Reads at the revision of a write need one that was not compacted by the restore.
    let after = load(&endpoint, Some(&cluster.tls), "after/", 1, 10).await;
    writes.extend(after.unwrap());
    let endpoints = [endpoint.clone()];
    verify::acked(&endpoints, Some(&cluster.tls), &writes)
        .await
        .unwrap();
    let found = etcdha_testbed::etcd::connect(&endpoint, Some(&cluster.tls), PATIENCE).await;
    let answer = found
        .unwrap()
        .get(later[0].key.as_str(), None)
        .await
        .unwrap();
    assert_eq!(answer.count(), 0);
    let db = cluster.host("e1").path("/var/lib/etcd/member/snap/db");
    assert_eq!(fs::metadata(db).unwrap().uid(), ETCD);
}
