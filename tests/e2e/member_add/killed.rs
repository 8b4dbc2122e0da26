//! etcdha is killed at the beginning and at the end of every step; the same command, run again,
//! finishes the job.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use etcdha_testbed::etcd::Acked;
use etcdha_testbed::{EtcdRelease, KubeadmPki, Writer};

use super::hosts::{half_pairs, leftovers};
use super::run::{Mark, Run};
use crate::cluster::Cluster;
use crate::support::{PATIENCE, bed};

const GROW: [&str; 6] = ["member", "add", "m2", "m3", "--wait=30s", "--yes"];

/// What every step of the plan is called, as its lines on stderr say.
fn steps(cluster: &Cluster) -> Vec<String> {
    let mut dry = GROW[..5].to_vec();
    dry.extend(["--dry-run", "-o", "json"]);
    let dry = cluster.run_expecting(0, &dry);
    let plan: serde_json::Value = serde_json::from_str(&dry.stdout).unwrap();
    let steps = plan["steps"].as_array().unwrap().iter();
    steps
        .map(|step| {
            let text = |field: &str| step[field].as_str().unwrap().to_owned();
            format!("{} {}", text("what"), text("on"))
        })
        .collect()
}

/// An adopted learner is the same step.
fn normal(step: &str) -> String {
    step.replace("take over learner", "add learner")
}

/// Runs until a mark of the wished kind comes that no run was killed at before, and kills there.
/// False once the run came to its end.
fn run_and_kill(cluster: &Cluster, at_start: bool, killed_at: &mut BTreeSet<String>) -> bool {
    let mut run = Run::start(cluster, &GROW);
    while let Some(mark) = run.next() {
        let step = match (mark, at_start) {
            (Mark::Started(step), true) | (Mark::Done(step), false) => normal(&step),
            _ => continue,
        };
        if killed_at.insert(step) {
            run.kill();
            return true;
        }
    }
    let (status, text) = run.end();
    assert_eq!(status.code(), Some(0), "{text}");
    false
}

/// A cluster that grows while a writer writes.
struct Growth {
    cluster: Cluster,
    writes: Vec<Acked>,
    writer: Writer,
}

impl Growth {
    async fn start(release: EtcdRelease) -> Growth {
        let cluster = Cluster::single(release).await;
        Growth {
            writes: cluster.load(500).await,
            writer: cluster.writer().await,
            cluster,
        }
    }

    /// After a kill, no certificate is there without its key.
    fn has_no_half_pair(&self) {
        for name in ["m2", "m3"] {
            assert_eq!(half_pairs(self.cluster.host(name)), [""; 0]);
        }
    }

    /// Three members vote and hold every write; the killed runs left receipts and nothing else.
    async fn has_ended_well(mut self, fewest_receipts: usize) {
        self.writer.wait_for(20, PATIENCE).await.unwrap();
        let report = self.writer.stop();
        self.writes.extend(report.acked);
        let cluster = &self.cluster;
        cluster.prove(&["m1", "m2", "m3"], &self.writes).await;
        assert_eq!(cluster.roles(), ["m1:voter", "m2:voter", "m3:voter"]);
        let again = cluster.run_expecting(0, &GROW);
        assert!(again.stdout.contains("Nothing to do"), "{}", again.stdout);
        assert_eq!(report.failed, [""; 0], "no write is refused");
        for name in ["m2", "m3"] {
            assert_eq!(leftovers(&cluster.host(name).root()), [""; 0]);
        }
        let state = cluster.dir.join("state");
        assert_eq!(leftovers(&state), [""; 0]);
        let receipts = fs::read_dir(state.join("receipts")).unwrap().count();
        assert!(receipts >= fewest_receipts, "{receipts} receipts");
    }
}

async fn killed_at_every_step(release: EtcdRelease, at_start: bool) {
    let growth = Growth::start(release).await;
    let expected: BTreeSet<String> = steps(&growth.cluster)
        .iter()
        .map(|step| normal(step))
        .collect();
    let mut killed_at = BTreeSet::new();
    while run_and_kill(&growth.cluster, at_start, &mut killed_at) {
        growth.has_no_half_pair();
    }
    let mut missed: Vec<_> = expected.difference(&killed_at).collect();
    // Killed at the end of the last promotion, the next run has nothing to do but this proof.
    missed.retain(|step| at_start || !step.starts_with("verify"));
    assert_eq!(missed, [""; 0], "every step was killed at");
    growth.has_ended_well(killed_at.len()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_as_any_step_begins_is_finished_by_the_next() {
    killed_at_every_step(EtcdRelease::V3_5, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_as_any_step_begins_is_finished_by_the_next_on_3_4() {
    killed_at_every_step(EtcdRelease::V3_4, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_as_any_step_ends_is_finished_by_the_next() {
    killed_at_every_step(EtcdRelease::V3_5, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_killed_at_any_moment_are_finished_by_the_last() {
    let growth = Growth::start(EtcdRelease::V3_4).await;
    // The first kills find it looking, the later ones at work.
    for run in 0..25 {
        let killed = Run::start(&growth.cluster, &GROW);
        tokio::time::sleep(Duration::from_millis(60 + 13 * run)).await;
        killed.kill();
        growth.has_no_half_pair();
    }
    growth.cluster.run_expecting(0, &GROW);
    growth.has_ended_well(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_cas_are_exchanged_a_new_host_gets_both_and_a_killed_run_is_finished() {
    let cluster = Cluster::on(bed(["m1", "m2"]), EtcdRelease::V3_5).await;
    let other = KubeadmPki::create(&cluster.dir.join("other")).unwrap();
    let bundle = cluster.dir.join("both.crt");
    let both = [&cluster.tls.ca, &other.ca()].map(|path| fs::read_to_string(path).unwrap());
    fs::write(&bundle, both.concat()).unwrap();
    let trust = format!("--cacert={}", bundle.display());
    let grow = [
        "member",
        "add",
        "m2",
        "--allow-two",
        "--yes",
        "--wait=20s",
        &trust,
    ];

    let mut run = Run::start(&cluster, &grow);
    run.wait_for(false, &["write the CA certificate", "m2"]);
    run.kill();
    cluster.run_expecting(0, &grow);
    let installed = cluster.host("m2").path("/etc/kubernetes/pki/etcd/ca.crt");
    assert_eq!(fs::read_to_string(installed).unwrap(), both.concat());
}
