//! The data was moved to another cluster on purpose: the apiserver follows when nothing would be lost.

use std::process::Command;

use anyhow::ensure;
use etcdha_testbed::{Binaries, Daemon, run, wait};

use super::masters::{ETCD, Masters, READY};

/// Takes a snapshot of m1's etcd and serves it on m2 as another cluster.
fn copy(masters: &Masters, number: u32) -> Daemon {
    let snapshot = masters.file(&format!("snapshot-{number}.db"));
    let file = snapshot.display().to_string();
    masters.etcdctl(&masters.urls(&["m1"]), &["snapshot", "save", &file]);
    let data_dir = format!("/var/lib/etcd/copy-{number}");
    let mut restore = Command::new(Binaries::find().etcdctl(ETCD).unwrap());
    restore
        .env("ETCDCTL_API", "3")
        .args(["snapshot", "restore", &file, "--data-dir"])
        .arg(masters.host("m2").path(&data_dir));
    run(&mut restore).unwrap();
    masters.foreign_etcd("m2", &data_dir)
}

#[test]
fn an_apiserver_follows_its_data_to_another_cluster() {
    let masters = Masters::single(["m1", "m2"]);
    masters.declare("stacked", &[("m1", "")]);
    let m1 = masters.kubectl("m1");
    let kept = ["create", "configmap", "kept", "--from-literal=word=here"];
    m1.run(&kept).unwrap();
    let (old, target) = (masters.manifest("m1"), masters.urls(&["m2"]));
    let servers = format!("--servers={target}");
    let migrate = ["apiserver", "repoint", "--yes", "--migrate", &servers];
    let refusal = || masters.run_expecting(3, &migrate).stderr;

    // A change that the copy does not have would be lost.
    let mut daemon = copy(&masters, 0);
    m1.run(&["create", "configmap", "later"]).unwrap();
    let told = refusal();
    assert!(told.contains("[migration-differs]"), "{told}");
    assert!(told.contains("lost would be"), "{told}");
    daemon.kill().unwrap();

    // One key differs.
    let mut daemon = copy(&masters, 1);
    masters.etcdctl(
        &target,
        &["put", "/registry/configmaps/default/kept", "other"],
    );
    let told = refusal();
    assert!(told.contains("hold different data at revision"), "{told}");
    daemon.kill().unwrap();
    assert_eq!(masters.manifest("m1"), old);

    // A new control plane writes for a while what nobody asked for; then the copy is faithful.
    let mut number = 1;
    let mut current = None;
    wait::until("a faithful copy", READY, || {
        number += 1;
        current = None;
        let copied = Copied(copy(&masters, number));
        let plain = masters.run_expecting(3, &["apiserver", "repoint", "--yes", &servers]);
        ensure!(plain.stderr.contains("[foreign-etcd]"), "{}", plain.stderr);
        masters.run_quietly(&migrate)?;
        current = Some(copied);
        Ok(())
    })
    .unwrap();
    assert_eq!(masters.servers("m1"), target);
    let word = m1.get_json(&["configmap", "kept"]).unwrap();
    assert_eq!(word["data"]["word"], "here");
    m1.run(&["create", "configmap", "after"]).unwrap();
    let stored = |url: &str| {
        let key = "/registry/configmaps/default/after";
        let found = masters.etcdctl(url, &["get", "--keys-only", key]);
        found.stdout.contains(key)
    };
    assert!(stored(&target) && !stored(&masters.urls(&["m1"])));
}

/// A copy that ends with its value.
struct Copied(Daemon);

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}
