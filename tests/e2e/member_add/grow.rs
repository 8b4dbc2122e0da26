//! From one member to three, data in place, and what is true afterwards.

use std::time::Duration;

use etcdha_testbed::{Binaries, EtcdRelease, capture};

use crate::cluster::Cluster;
use crate::support::PATIENCE;

/// An election on a busy machine; etcd's own timeout is one second.
const ELECTION: Duration = Duration::from_secs(5);

async fn grows_to_three(release: EtcdRelease) {
    let cluster = Cluster::single(release).await;
    let mut writes = cluster.load(2000).await;
    let writer = cluster.writer().await;

    let dry = cluster.run_expecting(0, &["member", "add", "m2", "m3", "--dry-run"]);
    assert!(dry.stdout.contains("promote m3"), "{}", dry.stdout);
    assert_eq!(cluster.roles(), ["m1:voter"], "a dry run changes nothing");

    let grown = cluster.run_expecting(0, &["member", "add", "m2", "m3", "--yes"]);
    assert!(
        grown
            .stdout
            .contains("3 voting members, tolerates 1 failure"),
        "{}",
        grown.stdout
    );
    writer.wait_for(20, PATIENCE).await.unwrap();
    let report = writer.stop();
    assert_eq!(report.failed, Vec::<String>::new(), "no write is refused");
    assert!(report.longest_gap < ELECTION, "{:?}", report.longest_gap);
    writes.extend(report.acked);
    cluster.prove(&["m1", "m2", "m3"], &writes).await;

    let status = cluster.run_expecting(0, &["status"]);
    assert!(
        status.stdout.contains("healthy  tolerates 1 failure"),
        "{}",
        status.stdout
    );
    etcdctl_agrees(&cluster, release);

    let again = cluster.run_expecting(0, &["member", "add", "m2", "m3", "--yes"]);
    assert!(again.stdout.contains("Nothing to do"), "{}", again.stdout);

    // One member may die now.
    cluster.host("m1").kill_all();
    let survivors = cluster.endpoints(&["m2", "m3"]);
    let mut config = etcdha_testbed::WriterConfig::new(survivors, Some(cluster.tls.clone()));
    config.prefix = "after/".to_owned();
    let after = etcdha_testbed::Writer::start(config).await.unwrap();
    after.wait_for(20, PATIENCE).await.unwrap();
    writes.extend(after.stop().acked);
    cluster.prove(&["m2", "m3"], &writes).await;
    let status = cluster.run_expecting(5, &["status", "--timeout", "1s"]);
    assert!(
        status.stdout.contains("m1 is not healthy"),
        "{}",
        status.stdout
    );
}

/// etcd's own tool lists three started members and finds them healthy.
fn etcdctl_agrees(cluster: &Cluster, release: EtcdRelease) {
    let etcdctl = Binaries::find().etcdctl(release).unwrap();
    let endpoints = cluster.all_endpoints().join(",");
    for arguments in [
        &["member", "list"][..],
        &["endpoint", "health"],
        &["endpoint", "hashkv"],
    ] {
        let mut command = std::process::Command::new(&etcdctl);
        command
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &endpoints])
            .arg("--cacert")
            .arg(&cluster.tls.ca)
            .arg("--cert")
            .arg(&cluster.tls.cert)
            .arg("--key")
            .arg(&cluster.tls.key)
            .args(arguments);
        let output = capture(&mut command).unwrap();
        assert!(output.status.success(), "{output:?}");
        if arguments[0] == "member" {
            assert_eq!(
                output.stdout.matches("started").count(),
                3,
                "{}",
                output.stdout
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_member_of_3_4_grows_to_three() {
    grows_to_three(EtcdRelease::V3_4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_member_of_3_5_grows_to_three() {
    grows_to_three(EtcdRelease::V3_5).await;
}
