//! A new member that never starts is taken back, and a retry starts at once.

use etcdha_testbed::{EtcdRelease, Host, Output};

use super::hosts::{squat, tree};
use crate::cluster::Cluster;
use crate::support::{bed, start_kubelet};

fn has_no_files_of_etcdha(host: &Host) {
    let kept: Vec<_> = tree([host]).into_keys().collect();
    assert_eq!(kept, [""; 0], "everything is taken back");
}

fn says_it_is_as_before(failed: &Output) {
    for part in [
        "the start of m2 did not happen within",
        "everything is as before",
        "fix: ",
    ] {
        assert!(failed.stderr.contains(part), "{part}:\n{}", failed.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_kubelet_is_taken_back_and_joins_once_it_has_one() {
    for release in EtcdRelease::ALL {
        joins_once_it_has_a_kubelet(release).await;
    }
}

async fn joins_once_it_has_a_kubelet(release: EtcdRelease) {
    let bed = bed(["m1", "m2", "m3"]);
    let cluster = Cluster::without_kubelet_on(bed, release, &["m2"]).await;
    let writer = cluster.writer().await;
    let before = cluster.identities();

    let failed = cluster.run_expecting(1, &["member", "add", "m2", "m3", "--yes", "--wait=3s"]);
    says_it_is_as_before(&failed);
    assert_eq!(cluster.identities(), before, "the member list is as before");
    has_no_files_of_etcdha(cluster.host("m2"));
    has_no_files_of_etcdha(cluster.host("m3"));

    start_kubelet(cluster.host("m2"), release);
    cluster.run_expecting(0, &["member", "add", "m2", "m3", "--yes", "--wait=20s"]);
    assert_eq!(cluster.roles(), ["m1:voter", "m2:voter", "m3:voter"]);
    let report = writer.stop();
    assert_eq!(report.failed, [""; 0], "the writer saw nothing of it");
    cluster.prove(&["m1", "m2", "m3"], &report.acked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_does_not_wait_for_the_back_off_of_the_member_that_crashed() {
    let cluster = Cluster::single(EtcdRelease::V3_5).await;
    let m2 = cluster.host("m2");
    let before = cluster.identities();
    // etcd starts, writes its log, and ends for want of the port of its metrics.
    let mut squatter = squat(m2, "127.0.0.1:2381");

    let failed = cluster.run_expecting(1, &["member", "add", "m2", "m3", "--yes", "--wait=5s"]);
    says_it_is_as_before(&failed);
    assert!(
        m2.log("etcd").contains("address already in use"),
        "{}",
        m2.log("etcd")
    );
    assert_eq!(cluster.identities(), before, "the member list is as before");
    has_no_files_of_etcdha(m2);

    squatter.kill().unwrap();
    let said_before = m2.log("kubelet").len();
    cluster.run_expecting(0, &["member", "add", "m2", "m3", "--yes", "--wait=20s"]);
    let says = m2.log("kubelet").split_off(said_before);
    assert!(says.contains("etcd started"), "{says}");
    assert!(!says.contains("CrashLoopBackOff"), "it waited:\n{says}");
    let manifest = std::fs::read_to_string(m2.manifest_path("etcd.yaml")).unwrap();
    assert!(manifest.contains("etcdha.dev/attempt: \"2\""), "{manifest}");
    let unhurt = std::fs::read_to_string(cluster.host("m3").manifest_path("etcd.yaml")).unwrap();
    assert!(!unhurt.contains("etcdha.dev/attempt"), "{unhurt}");
}
