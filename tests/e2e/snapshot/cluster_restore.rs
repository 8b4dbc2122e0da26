//! `etcdha snapshot restore --cluster` of real members: after a disaster, after kills, and when it fails.

use std::collections::BTreeSet;
use std::fs;

use etcdha_testbed::{EtcdRelease, wait};
use serde_json::Value;

use super::all_lost::{BUMP, NAMES, Scene};
use crate::member_add::run::Mark;
use crate::support::PATIENCE;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Returns how long it took.
async fn all_lost_comes_back(release: EtcdRelease) -> String {
    let scene = Scene::new(release).await;
    scene.all_is_lost();
    let dry = ["snapshot", "restore", "--cluster", "etcd.db", "--dry-run"];
    let dry = scene.cluster.run_expecting(0, &dry);
    assert!(dry.stdout.contains("clients list anew"), "{}", dry.stdout);
    for name in NAMES {
        assert_eq!(scene.beside(name).len(), 0);
    }

    let restored = scene
        .cluster
        .run_expecting(0, &scene.restore(&["-o", "json"]));
    let report = json(&restored.stdout);
    assert_eq!(report["result"], "restored");
    assert_eq!(report["revision"], scene.revision + BUMP);
    let took = format!(
        "recovery: {} s, down {} s",
        report["recoverySeconds"], report["downSeconds"]
    );
    scene.is_the_snapshots(&NAMES).await;
    scene.old_watches_fail().await;
    assert_eq!(scene.cluster.roles(), ["m1:voter", "m2:voter", "m3:voter"]);

    // What was written since is not restored over.
    let again = scene
        .cluster
        .run_expecting(0, &scene.restore(&["-o", "json"]));
    assert_eq!(json(&again.stdout)["result"], "unchanged");
    let mut client = scene.client("m2").await;
    assert_eq!(client.get("after", None).await.unwrap().count(), 1);

    // One member that lost its data again is not given the snapshot's beside those that went on.
    scene.lose("m3");
    scene.cluster.host("m3").start().unwrap();
    let refused = scene.cluster.run_expecting(3, &scene.restore(&[]));
    assert!(
        refused.stderr.contains("[restored-before]"),
        "{}",
        refused.stderr
    );
    assert_eq!(client.get("after", None).await.unwrap().count(), 1);
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn all_data_is_lost_on_3_4_and_comes_back() {
    let took = all_lost_comes_back(EtcdRelease::V3_4).await;
    println!("{took}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_data_is_lost_on_3_5_and_comes_back() {
    let took = all_lost_comes_back(EtcdRelease::V3_5).await;
    println!("{took}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_lives_is_replaced_on_demand_only_and_its_data_is_kept() {
    let scene = Scene::new(EtcdRelease::V3_5).await;
    let refused = scene.cluster.run_expecting(3, &scene.restore(&[]));
    assert!(
        refused.stderr.contains("[cluster-lives]"),
        "{}",
        refused.stderr
    );
    assert!(
        refused
            .stderr
            .contains("revisions after the snapshot would be lost")
            || refused
                .stderr
                .contains("1 revision after the snapshot would be lost"),
        "{}",
        refused.stderr
    );
    let small = ["--replace-living", "--bump-revision=5", "--mark-compacted"];
    let refused = scene.cluster.run_expecting(3, &scene.restore(&small));
    assert!(
        refused.stderr.contains("[bump-too-small]"),
        "{}",
        refused.stderr
    );
    let refused = scene
        .cluster
        .run_expecting(3, &scene.restore(&["--without=m3"]));
    assert!(
        refused.stderr.contains("[left-out-lives]"),
        "{}",
        refused.stderr
    );
    scene.is_as_before().await;

    let report = scene
        .cluster
        .run_expecting(0, &scene.restore(&["--replace-living", "-o", "json"]));
    let report = json(&report.stdout);
    assert_eq!(report["oldData"].as_array().unwrap().len(), 3, "{report}");
    scene.is_the_snapshots(&NAMES).await;
    for name in NAMES {
        let kept = scene.beside(name);
        assert!(kept[0].join("member/snap/db").is_file(), "{kept:?}");
        assert_eq!(kept.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_lost_for_good_is_left_out() {
    let scene = Scene::new(EtcdRelease::V3_5).await;
    scene.all_is_lost();
    scene.cluster.host("m3").kill_all();
    let restored = scene
        .cluster
        .run_expecting(0, &scene.restore(&["--without", "m3"]));
    assert!(
        restored.stderr.contains("Two members vote")
            || restored.stdout.contains("Two members vote"),
        "{}{}",
        restored.stdout,
        restored.stderr
    );
    scene.is_the_snapshots(&["m1", "m2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_can_not_start_has_everything_put_back() {
    let scene = Scene::new(EtcdRelease::V3_5).await;
    let manifests: Vec<_> = NAMES.map(|name| manifest(&scene, name)).into();
    let cert = scene
        .cluster
        .host("m2")
        .path("/etc/kubernetes/pki/etcd/peer.crt");
    let good = fs::read(&cert).unwrap();
    fs::write(&cert, "no certificate").unwrap();
    let words = ["--replace-living", "--wait=15s"];
    let failed = scene.cluster.run_expecting(1, &scene.restore(&words));
    assert!(
        failed.stderr.contains("everything is as before"),
        "{}",
        failed.stderr
    );
    fs::write(&cert, good).unwrap();
    let now: Vec<_> = NAMES.map(|name| manifest(&scene, name)).into();
    assert_eq!(now, manifests);
    scene.is_as_before().await;
}

fn manifest(scene: &Scene, name: &str) -> String {
    let path = scene.cluster.host(name).manifest_path("etcd.yaml");
    fs::read_to_string(path).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_met_before_anything_stops() {
    let scene = Scene::new(EtcdRelease::V3_5).await;
    scene.cluster.host("m3").fill_disk().unwrap();
    let refused = scene
        .cluster
        .run_expecting(3, &scene.restore(&["--replace-living"]));
    assert!(
        refused.stderr.contains("[disk-space]"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("m3"), "{}", refused.stderr);
    scene.cluster.host("m3").free_disk().unwrap();
    scene.is_as_before().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_can_be_taken_back_before_the_proof_and_not_after() {
    let scene = Scene::new(EtcdRelease::V3_5).await;
    let mut run = scene.start(&["--replace-living"]);
    run.wait_for(true, &["wait until 3 members of the new cluster serve"]);
    run.kill();
    scene.cluster.run_expecting(0, &["undo", "--yes"]);
    scene.is_as_before().await;

    scene
        .cluster
        .run_expecting(0, &scene.restore(&["--replace-living"]));
    scene.is_the_snapshots(&NAMES).await;
    let refused = scene.cluster.run_expecting(3, &["undo", "--yes"]);
    assert!(
        refused.stderr.contains("[no-way-back]"),
        "{}",
        refused.stderr
    );
}

/// What every step of the plan is called, as its lines on stderr say.
fn steps(scene: &Scene) -> BTreeSet<String> {
    let dry = [
        "snapshot",
        "restore",
        "--cluster",
        "etcd.db",
        "--dry-run",
        "-o",
        "json",
    ];
    let plan = json(&scene.cluster.run_expecting(0, &dry).stdout);
    let steps = plan["steps"].as_array().unwrap().iter();
    steps
        .map(|step| {
            let text = |field: &str| step[field].as_str().unwrap().to_owned();
            format!("{} {}", text("what"), text("on"))
        })
        .collect()
}

/// Runs until a mark of the wished kind comes that no run was killed at before, and kills there.
/// False once the run came to its end.
fn run_and_kill(scene: &Scene, at_start: bool, killed_at: &mut BTreeSet<String>) -> bool {
    let mut run = scene.start(&[]);
    while let Some(mark) = run.next() {
        let ((Mark::Started(step), true) | (Mark::Done(step), false)) = (mark, at_start) else {
            continue;
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

async fn killed_at_every_step(release: EtcdRelease, at_start: bool) {
    let scene = Scene::new(release).await;
    scene.all_is_lost();
    let expected = steps(&scene);
    let mut killed_at = BTreeSet::new();
    while run_and_kill(&scene, at_start, &mut killed_at) {}
    let mut missed: Vec<_> = expected.difference(&killed_at).collect();
    // A kill behind the wait finds the members serving: the next run has only the proof to do.
    missed.retain(|step| at_start || !step.starts_with("prove"));
    assert_eq!(missed, [""; 0], "every step was killed at");
    scene.is_the_snapshots(&NAMES).await;
    let again = scene.cluster.run_expecting(0, &scene.restore(&[]));
    assert!(again.stdout.contains("Nothing to do"), "{}", again.stdout);
    for name in NAMES {
        let left = scene.beside(name);
        let is_old = |path: &std::path::PathBuf| path.display().to_string().contains("before-");
        assert!(left.iter().all(is_old), "{left:?}");
        let aside = scene.cluster.host(name).path("/etc/kubernetes/manifests");
        wait::until_true("the manifest", PATIENCE, || {
            aside.join("etcd.yaml").exists()
        })
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_killed_as_any_step_begins_is_finished_by_the_next() {
    killed_at_every_step(EtcdRelease::V3_5, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_killed_as_any_step_ends_is_finished_by_the_next() {
    killed_at_every_step(EtcdRelease::V3_4, false).await;
}
