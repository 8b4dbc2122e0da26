//! Accidents of a new member while it copies the data of the others.

use std::fs::{self, File};
use std::io::Write;

use etcdha_testbed::etcd::{Acked, load};
use etcdha_testbed::{Bed, BedConfig, EtcdRelease, Host, HostConfig, wait};

use super::hosts::{data_bytes, tree};
use super::run::Run;
use crate::cluster::Cluster;
use crate::support::{PATIENCE, PROGRAM, bed, start_kubelet};

/// Values of this size fill a page of a thousand keys to what a client accepts in one answer.
const VALUE_BYTES: usize = 4000;
const MIB: u64 = 1 << 20;

async fn load_mib(cluster: &Cluster, mib: usize) -> Vec<Acked> {
    let endpoint = &cluster.endpoints(&["m1"])[0];
    let count = mib * 1_048_576 / VALUE_BYTES;
    load(endpoint, Some(&cluster.tls), "big/", count, VALUE_BYTES)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_killed_while_it_catches_up_is_started_again_and_gets_its_vote() {
    let cluster = Cluster::on(bed(["m1", "m2"]), EtcdRelease::V3_5).await;
    let mut writes = load_mib(&cluster, 200).await;
    let writer = cluster.writer().await;
    let m2 = cluster.host("m2");

    let grow = ["member", "add", "m2", "--allow-two", "--yes", "--wait=30s"];
    let mut run = Run::start(&cluster, &grow);
    run.wait_for(true, &["wait until started", "m2"]);
    wait::until_true("some of the data to be there", PATIENCE, || {
        data_bytes(m2) > 10 * MIB
    })
    .unwrap();
    let caught = data_bytes(m2);
    let pid = m2.pod("etcd").unwrap().unwrap().containers[0].pid.unwrap();
    m2.run(&["kill", "-9", &pid.to_string()]).unwrap();
    assert!(caught < 150 * MIB, "it was killed too late: {caught}");

    let (status, text) = run.end();
    assert_eq!(status.code(), Some(0), "{text}");
    assert_eq!(m2.pod("etcd").unwrap().unwrap().containers[0].starts, 2);
    let report = writer.stop();
    assert_eq!(report.failed, [""; 0], "no write is refused");
    writes.extend(report.acked);
    assert_eq!(cluster.roles(), ["m1:voter", "m2:voter"]);
    cluster.prove(&["m1", "m2"], &writes).await;
}

/// Leaves only so many bytes of a host's disk.
fn leave_room(host: &Host, bytes: u64) -> std::path::PathBuf {
    let path = host.path("/var/lib/etcd/ballast");
    let mut file = File::create(&path).unwrap();
    let block = vec![0_u8; 1 << 20];
    let free = || {
        let output = host.run(&["stat", "-f", "-c", "%a %S", "/var/lib/etcd"]);
        let text = output.unwrap().stdout;
        let numbers: Vec<u64> = text
            .split_whitespace()
            .map(|n| n.parse().unwrap())
            .collect();
        numbers[0] * numbers[1]
    };
    let surplus = free().saturating_sub(bytes) / MIB;
    for _ in 0..surplus {
        file.write_all(&block).unwrap();
    }
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_while_the_member_catches_up_is_undone_and_room_lets_it_join() {
    let disk = HostConfig::named("m2").disk(720 * MIB);
    let bed = BedConfig::new(PROGRAM).hosts(["m1"]).host(disk);
    let bed = Bed::new(bed.hosts(["m3"])).unwrap();
    let cluster = Cluster::without_kubelet_on(bed, EtcdRelease::V3_5, &["m2"]).await;
    let mut writes = load_mib(&cluster, 60).await;
    let writer = cluster.writer().await;
    let (m2, before) = (cluster.host("m2"), cluster.identities());

    let mut run = Run::start(
        &cluster,
        &["member", "add", "m2", "m3", "--yes", "--wait=6s"],
    );
    run.wait_for(true, &["wait until started", "m2"]);
    // Room for the two segments of the log that etcd sets aside, and for some of the data.
    let ballast = leave_room(m2, 140 * MIB);
    start_kubelet(m2, EtcdRelease::V3_5);
    let (status, text) = run.end();
    assert_eq!(status.code(), Some(1), "{text}");
    assert!(text.contains("everything is as before"), "{text}");
    assert!(
        m2.log("etcd").contains("no space left on device"),
        "{}",
        m2.log("etcd")
    );
    assert_eq!(cluster.identities(), before);
    let kept: Vec<_> = tree([m2]).into_keys().collect();
    assert_eq!(kept, [ballast.display().to_string()]);

    fs::remove_file(ballast).unwrap();
    cluster.run_expecting(0, &["member", "add", "m2", "m3", "--yes", "--wait=30s"]);
    let report = writer.stop();
    assert_eq!(report.failed, [""; 0], "no write is refused");
    writes.extend(report.acked);
    cluster.prove(&["m1", "m2", "m3"], &writes).await;
}
