//! All masters lose etcd's data; one command brings the cluster back from a snapshot.

use std::fs;
use std::process::{Child, Command, Stdio};

use etcdha_testbed::wait;
use serde_json::Value;

use super::masters::{Masters, READY};

const NAMES: [&str; 3] = ["m1", "m2", "m3"];

fn create(masters: &Masters, name: &str) {
    let words = ["create", "configmap", name, "--from-literal=word=here"];
    masters.kubectl("m1").run(&words).unwrap();
}

/// The version that a list of ConfigMaps has.
fn version(masters: &Masters) -> String {
    // kubectl's own lists have none.
    let path = "/api/v1/namespaces/default/configmaps";
    let raw = masters.kubectl("m1").run(&["get", "--raw", path]).unwrap();
    let list: Value = serde_json::from_str(&raw.stdout).unwrap();
    list["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn watch_path(version: &str) -> String {
    format!(
        "/api/v1/namespaces/default/configmaps?watch=1&resourceVersion={version}&timeoutSeconds=600"
    )
}

/// A watch that is open when the disaster comes.
fn open_watch(masters: &Masters, version: &str) -> Child {
    let path = watch_path(version);
    let kubectl = masters.kubectl("m2");
    let mut command: Command = kubectl.command(&["get", "--raw", &path]).unwrap();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn has(masters: &Masters, master: &str, name: &str) -> bool {
    let words = [
        "get",
        "configmap",
        name,
        "--ignore-not-found",
        "--output=name",
    ];
    let found = masters.kubectl(master).run(&words).unwrap();
    !found.stdout.trim().is_empty()
}

/// Every master loses its power, and etcd's data.
fn all_is_lost(masters: &Masters) {
    for name in NAMES {
        masters.host(name).kill_all();
    }
    for name in NAMES {
        let host = masters.host(name);
        fs::remove_dir_all(host.path("/var/lib/etcd/member")).unwrap();
        host.start().unwrap();
    }
}

#[test]
fn a_cluster_whose_masters_lost_all_data_is_restored_by_one_command() {
    let masters = Masters::grown(NAMES);
    create(&masters, "kept");
    masters.run_expecting(0, &["snapshot", "save", "etcd.db"]);
    create(&masters, "lost");
    let seen = version(&masters);
    let mut watch = open_watch(&masters, &seen);
    all_is_lost(&masters);

    let words = [
        "snapshot",
        "restore",
        "--cluster",
        "etcd.db",
        "--yes",
        "-o",
        "json",
    ];
    let restored = masters.run_expecting(0, &words);
    let report: Value = serde_json::from_str(&restored.stdout).unwrap();
    assert_eq!(report["apiservers"], serde_json::json!(NAMES));
    println!(
        "recovery of three masters: {} s, down {} s",
        report["recoverySeconds"], report["downSeconds"]
    );
    for name in NAMES {
        masters.kubectl(name).wait_ready(READY).unwrap();
        assert!(has(&masters, name, "kept"), "{name}");
        assert!(!has(&masters, name, "lost"), "{name}");
    }

    // The open watch ended, and one that goes on from what it saw is told to list anew.
    watch.wait().unwrap();
    let path = watch_path(&seen);
    let told = masters
        .kubectl("m1")
        .capture(&["get", "--raw", &path])
        .unwrap();
    let told = format!("{}{}", told.stdout, told.stderr);
    assert!(
        told.contains("too old resource version") || told.contains("has been compacted"),
        "{told}"
    );
    controllers_go_on(&masters);

    create(&masters, "after");
    let again = masters.run_expecting(0, &words[..5]);
    assert!(again.stdout.contains("Nothing to do"), "{}", again.stdout);
    assert!(has(&masters, "m3", "after"));
}

/// A new namespace gets its service account from a controller.
fn controllers_go_on(masters: &Masters) {
    let kubectl = masters.kubectl("m1");
    kubectl.run(&["create", "namespace", "fresh"]).unwrap();
    wait::until("the controllers to go on", READY, || {
        let words = ["--namespace=fresh", "get", "serviceaccount", "default"];
        kubectl.run(&words).map(drop)
    })
    .unwrap();
}

#[test]
fn a_restore_that_is_killed_while_apiservers_come_back_is_finished_and_wipes_nothing() {
    let masters = Masters::grown(NAMES);
    create(&masters, "kept");
    masters.run_expecting(0, &["snapshot", "save", "etcd.db"]);
    create(&masters, "lost");
    all_is_lost(&masters);
    let words = ["snapshot", "restore", "--cluster", "etcd.db", "--yes"];
    let mut run = masters.start(&words);
    run.wait_for(true, &["put kube-apiserver.yaml back", "m2"]);
    run.kill();
    // m1 serves by now, and is written to.
    create(&masters, "between");
    masters.run_expecting(0, &words);
    for name in NAMES {
        masters.kubectl(name).wait_ready(READY).unwrap();
        assert!(
            has(&masters, name, "kept") && has(&masters, name, "between"),
            "{name}"
        );
        assert!(!has(&masters, name, "lost"), "{name}");
    }
}

#[test]
fn a_restore_that_fails_before_its_proof_puts_a_living_control_plane_back() {
    let masters = Masters::grown(NAMES);
    masters.run_expecting(0, &["snapshot", "save", "etcd.db"]);
    create(&masters, "later");
    let before = NAMES.map(|name| masters.manifest(name));
    let cert = masters.host("m2").path("/etc/kubernetes/pki/etcd/peer.crt");
    let good = fs::read(&cert).unwrap();
    fs::write(&cert, "no certificate").unwrap();
    let words = [
        "snapshot",
        "restore",
        "--cluster",
        "etcd.db",
        "--yes",
        "--replace-living",
        "--wait=60s",
    ];
    let failed = masters.run_expecting(1, &words);
    assert!(
        failed.stderr.contains("everything is as before"),
        "{}",
        failed.stderr
    );
    fs::write(&cert, good).unwrap();
    assert_eq!(NAMES.map(|name| masters.manifest(name)), before);
    for name in NAMES {
        masters.kubectl(name).wait_ready(READY).unwrap();
        assert!(has(&masters, name, "later"), "{name}");
    }
}
