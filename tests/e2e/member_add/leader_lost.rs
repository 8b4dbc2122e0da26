//! The old leader dies between the two promotions, when both voters are needed for everything.

use etcdha_testbed::EtcdRelease;

use super::run::Run;
use crate::cluster::Cluster;
use crate::support::{PATIENCE, bed, start_kubelet};

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_lost_between_two_votes_stops_the_growth_and_its_return_lets_it_finish() {
    let bed = bed(["m1", "m2", "m3"]);
    let cluster = Cluster::without_kubelet_on(bed, EtcdRelease::V3_5, &["m3"]).await;
    let mut writes = cluster.load(500).await;
    let writer = cluster.writer().await;
    let grow = [
        "member",
        "add",
        "m2",
        "m3",
        "--yes",
        "--wait=4s",
        "--timeout=1s",
    ];

    let mut run = Run::start(&cluster, &grow);
    run.wait_for(true, &["wait until started", "m3"]);
    cluster.host("m1").kill_all();
    let (status, text) = run.end();
    assert_eq!(status.code(), Some(4), "{text}");
    for part in [
        "the start of m3 did not happen within 4 s",
        "still in effect: step ",
        "receipt: ",
        "fix: ",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    // What m3 needs stays, for nobody can tell whether it votes.
    assert!(cluster.host("m3").manifest_path("etcd.yaml").exists());
    assert!(cluster.host("m2").manifest_path("etcd.yaml").exists());
    let refused = cluster.run_expecting(3, &grow);
    assert!(refused.stderr.contains("[no-quorum]"), "{}", refused.stderr);

    cluster.host("m1").start().unwrap();
    start_kubelet(cluster.host("m3"), EtcdRelease::V3_5);
    writer.wait_for(10, PATIENCE).await.unwrap();
    cluster.run_expecting(0, &["member", "add", "m2", "m3", "--yes", "--wait=20s"]);
    writes.extend(writer.stop().acked);
    assert_eq!(cluster.roles(), ["m1:voter", "m2:voter", "m3:voter"]);
    cluster.prove(&["m1", "m2", "m3"], &writes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_whose_answer_is_lost_takes_nothing_from_the_member() {
    let cluster = Cluster::single(EtcdRelease::V3_5).await;
    let mut writes = cluster.load(500).await;
    let writer = cluster.writer().await;
    let mut run = Run::start(
        &cluster,
        &[
            "member",
            "add",
            "m2",
            "m3",
            "--yes",
            "--wait=4s",
            "--timeout=1s",
        ],
    );
    // Whether m1 has still heard of it or not, m2 may be half of the quorum now.
    run.wait_for(true, &["promote m2"]);
    cluster.host("m1").kill_all();
    let (status, text) = run.end();
    assert_eq!(status.code(), Some(4), "{text}");
    assert!(cluster.host("m2").manifest_path("etcd.yaml").exists());

    cluster.host("m1").start().unwrap();
    writer.wait_for(10, PATIENCE).await.unwrap();
    cluster.run_expecting(0, &["member", "add", "m2", "m3", "--yes", "--wait=20s"]);
    writes.extend(writer.stop().acked);
    assert_eq!(cluster.roles(), ["m1:voter", "m2:voter", "m3:voter"]);
    cluster.prove(&["m1", "m2", "m3"], &writes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_that_never_starts_is_taken_back_and_the_first_keeps_its_vote() {
    let bed = bed(["m1", "m2", "m3"]);
    let cluster = Cluster::without_kubelet_on(bed, EtcdRelease::V3_5, &["m3"]).await;
    let writer = cluster.writer().await;
    let grow = ["member", "add", "m2", "m3", "--yes", "--wait=3s"];

    let failed = cluster.run_expecting(4, &grow);
    for part in [
        "the start of m3 did not happen within 3 s",
        "still in effect: step ",
        "fix: ",
    ] {
        assert!(failed.stderr.contains(part), "{part}:\n{}", failed.stderr);
    }
    assert_eq!(cluster.roles(), ["m1:voter", "m2:voter"]);
    assert!(!cluster.host("m3").manifest_path("etcd.yaml").exists());
    start_kubelet(cluster.host("m3"), EtcdRelease::V3_5);
    cluster.run_expecting(0, &["member", "add", "m2", "m3", "--yes", "--wait=20s"]);
    let report = writer.stop();
    assert_eq!(report.failed, [""; 0]);
    cluster.prove(&["m1", "m2", "m3"], &report.acked).await;
}
