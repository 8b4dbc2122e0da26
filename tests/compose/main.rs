//! The cluster of `docker-compose.yml` grows and outlives what happens to containers, while a writer
//! and a reader keep books: no acknowledged write is lost, and no read goes back.
//!
//! `scripts/images` makes the images; then `cargo test --test compose` runs this. Needs Docker and
//! docker-compose.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a panic fails the test and shows the logs; tests play the operator, and tell the gaps they measured"
)]

mod compose;

use std::time::Duration;

use etcdha_testbed::etcd::{Acked, connect};
use etcdha_testbed::{EtcdRelease, Registers, Writer, WriterConfig, verify};

use compose::Compose;

/// Longer than anything takes on a machine that is busy with compilers.
const PATIENCE: Duration = Duration::from_secs(90);

const ALL: [&str; 3] = ["m1", "m2", "m3"];

/// A cluster with clients that keep books.
struct Busy {
    cluster: Compose,
    writer: Writer,
    registers: Registers,
}

impl Busy {
    async fn start(release: EtcdRelease) -> Busy {
        let cluster = Compose::up(release).await;
        let config = WriterConfig::new(cluster.endpoints(&ALL), Some(cluster.tls.clone()));
        let writer = Writer::start(config).await.unwrap();
        let registers = Registers::start(cluster.endpoints(&ALL), cluster.tls.clone());
        Busy {
            registers: registers.await.unwrap(),
            writer,
            cluster,
        }
    }

    fn begin(&self) {
        self.writer.forget_gaps();
        self.registers.forget_gaps();
    }

    /// Waits until writes go on, proves everything on these members, and tells the gaps.
    async fn prove(&self, what: &str, names: &[&str]) {
        self.writer.wait_for(40, PATIENCE).await.unwrap();
        let seen = self.registers.report();
        let report = self.writer.report();
        println!(
            "{what}: longest gap between writes {:.0?}, between reads {:.0?}",
            report.longest_gap, seen.longest_read_gap
        );
        let tls = Some(&self.cluster.tls);
        let written: Vec<Acked> = report.acked;
        let proof = verify::acked(&self.cluster.endpoints(names), tls, &written).await;
        proof.unwrap();
        assert_eq!(seen.went_back, [""; 0], "{what}: a read went back");
        assert!(seen.reads > 0 && seen.writes > 0, "{what}: {seen:?}");
    }
}

/// A dead member is taken from the list before its host comes back with nothing: what an operator
/// does with etcdctl.
async fn remove_member(cluster: &Compose, name: &str, via: &str) {
    let members = cluster.members();
    let member = members
        .iter()
        .find(|member| member["name"] == name)
        .unwrap();
    let id = u64::from_str_radix(member["id"].as_str().unwrap(), 16).unwrap();
    let client = connect(&cluster.endpoint(via), Some(&cluster.tls), PATIENCE).await;
    let mut client = client.unwrap().cluster_client();
    client.member_remove(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_containers_grows_and_outlives_what_happens_to_them() {
    let busy = Busy::start(EtcdRelease::V3_5).await;
    let cluster = &busy.cluster;

    busy.begin();
    cluster.etcdha(0, &["member", "add", "m2", "m3", "--yes"]);
    busy.prove("grown from one to three", &ALL).await;
    assert_eq!(busy.writer.report().failed, [""; 0], "no write was refused");

    busy.begin();
    cluster.kill("m2");
    busy.prove("m2 killed", &["m1", "m3"]).await;
    cluster.start("m2");
    cluster.healthy("m2").await;
    busy.prove("m2 back", &ALL).await;

    busy.begin();
    cluster.compose(&["pause", "m3"]);
    busy.prove("m3 paused", &["m1", "m2"]).await;
    cluster.compose(&["unpause", "m3"]);
    cluster.healthy("m3").await;
    busy.prove("m3 goes on", &ALL).await;

    busy.begin();
    let leader = cluster.leader();
    cluster.cut(&leader);
    let others: Vec<&str> = ALL.into_iter().filter(|name| *name != leader).collect();
    busy.prove(&format!("the leader {leader} cut off"), &others)
        .await;
    cluster.heal(&leader);
    cluster.healthy(&leader).await;
    busy.prove(&format!("{leader} healed"), &ALL).await;

    busy.begin();
    cluster.lose("m3");
    busy.prove("m3 lost with its data", &["m1", "m2"]).await;
    remove_member(cluster, "m3", "m1").await;
    cluster.create("m3");
    cluster.etcdha(0, &["member", "add", "m3", "--yes"]);
    busy.prove("m3 joined again", &ALL).await;
    cluster.etcdha(0, &["status"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_3_4_grows_in_containers() {
    let busy = Busy::start(EtcdRelease::V3_4).await;
    busy.cluster
        .etcdha(0, &["member", "add", "m2", "m3", "--yes"]);
    busy.prove("grown from one to three on 3.4", &ALL).await;
    let again = busy
        .cluster
        .etcdha(0, &["member", "add", "m2", "m3", "--yes"]);
    assert!(again.stdout.contains("Nothing to do"), "{}", again.stdout);
}
