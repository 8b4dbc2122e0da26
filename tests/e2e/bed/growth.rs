//! A cluster grown by hand on the bed, as the measure for what etcdha does by itself.

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context;
use etcdha_testbed::etcd::connect;
use etcdha_testbed::{EtcdRelease, Host, Writer, WriterConfig, etcd, manifest, verify, wait};

use crate::support::{Member, PATIENCE, bed, start_kubelet};

/// Gives a host the authority of the first one, and certificates of its own.
fn share_authority(from: &Host, to: &Host) {
    let pki = "/etc/kubernetes/pki";
    fs::create_dir_all(to.path(pki).join("etcd")).unwrap();
    for file in ["etcd/ca.crt", "etcd/ca.key"] {
        fs::copy(from.path(pki).join(file), to.path(pki).join(file)).unwrap();
    }
    etcdha_testbed::KubeadmPki::adopt(&to.path(pki))
        .issue_node(to.name(), &[IpAddr::from(to.address())])
        .unwrap();
}

/// Adds a host as a learner, starts it, and promotes it as soon as etcd allows.
async fn grow(
    first: &Member,
    host: &Host,
    release: EtcdRelease,
    members: &mut Vec<(String, String)>,
) {
    let peer = format!("https://{}:2380", host.address());
    members.push((host.name().to_owned(), peer.clone()));
    let client = connect(&first.endpoint, Some(&first.tls), PATIENCE)
        .await
        .unwrap();
    // For five seconds after a promotion etcd takes the cluster for unhealthy and refuses.
    let id = wait::until_async("the learner to be added", PATIENCE, || {
        let (mut client, peer) = (client.clone(), peer.clone());
        async move {
            let options = etcd_client::MemberAddOptions::new().with_is_learner();
            let answer = client.member_add([peer], Some(options)).await?;
            answer
                .member()
                .map(etcd_client::Member::id)
                .context("no member in the answer")
        }
    })
    .await
    .unwrap();
    start_kubelet(host, release);
    let text = manifest::kubeadm_etcd_joining(host, release, members);
    host.write_manifest("etcd.yaml", &text).unwrap();
    wait::until_async("the learner to be promoted", PATIENCE, || {
        let mut client = client.clone();
        async move {
            client.member_promote(id).await?;
            Ok(())
        }
    })
    .await
    .unwrap();
}

async fn grows_by_hand(release: EtcdRelease) {
    let bed = bed(["m1", "m2", "m3"]);
    let first = Member::start(bed.host("m1"), release).await;
    let tls = Some(&first.tls);
    let mut written = etcd::load(&first.endpoint, tls, "/before/", 1000, 256)
        .await
        .unwrap();
    let writer = Writer::start(WriterConfig::new(
        vec![first.endpoint.clone()],
        Some(first.tls.clone()),
    ))
    .await
    .unwrap();
    let mut members = vec![(
        "m1".to_owned(),
        format!("https://{}:2380", bed.host("m1").address()),
    )];
    for name in ["m2", "m3"] {
        share_authority(bed.host("m1"), bed.host(name));
        grow(&first, bed.host(name), release, &mut members).await;
    }
    writer.wait_for(50, PATIENCE).await.unwrap();
    let endpoints: Vec<String> = bed
        .hosts()
        .iter()
        .map(|host| format!("https://{}:2379", host.address()))
        .collect();
    writer.set_endpoints(endpoints.clone());
    // The cluster outlives any one member; the writer goes on with another.
    bed.host("m1").kill_all();
    writer.wait_for(50, PATIENCE).await.unwrap();
    bed.host("m1").start().unwrap();
    first.healthy().await;
    let report = writer.stop();
    assert!(
        report.longest_gap < Duration::from_secs(20),
        "{:?}",
        report.longest_gap
    );
    written.extend(report.acked);
    let proof = verify::acked(&endpoints, tls, &written).await.unwrap();
    assert_eq!(proof.keys, written.len());
}

#[tokio::test]
async fn a_cluster_of_3_4_grows_by_hand_and_outlives_its_first_member() {
    grows_by_hand(EtcdRelease::V3_4).await;
}

#[tokio::test]
async fn a_cluster_of_3_5_grows_by_hand_and_outlives_its_first_member() {
    grows_by_hand(EtcdRelease::V3_5).await;
}

#[tokio::test]
async fn a_lost_write_and_a_different_member_are_found_out() {
    let (one, two) = (bed(["m1"]), bed(["m1"]));
    let here = Member::start(one.host("m1"), EtcdRelease::V3_5).await;
    let there = Member::start(two.host("m1"), EtcdRelease::V3_5).await;
    let written = etcd::load(&here.endpoint, Some(&here.tls), "/key/", 10, 16)
        .await
        .unwrap();
    let other = etcd::load(&there.endpoint, Some(&there.tls), "/key/", 10, 17)
        .await
        .unwrap();
    let judge = async |member: &Member, writes| {
        verify::acked(
            std::slice::from_ref(&member.endpoint),
            Some(&member.tls),
            writes,
        )
        .await
    };
    assert!(judge(&here, &written).await.is_ok());
    assert!(judge(&there, &written).await.is_err());
    assert!(judge(&there, &other).await.is_ok());
    let mut missing = written.clone();
    missing[3].key.push('x');
    let error = judge(&here, &missing).await.unwrap_err();
    assert!(
        format!("{error:#}").contains("1 of 10 acknowledged writes are lost"),
        "{error:#}"
    );
}
