//! Members on hosts of their own, under systemd units that a person starts.
//!
//! No systemd runs on the test hosts: the bed runs what the unit says, as the user it names.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use etcdha_testbed::etcd::wait_healthy;
use etcdha_testbed::{Bed, BedConfig, Daemon, EtcdRelease, Host, KubeadmPki, wait};

use super::run::Run;
use super::services::{ETCD, PROGRAM_DIR, UNIT, host_with_etcd, install};
use crate::cluster::Cluster;
use crate::support::{PATIENCE, PROGRAM};

/// Three hosts with etcd installed and nothing running.
fn hosts() -> Bed {
    let config = ["e1", "e2", "e3"].map(host_with_etcd).into_iter();
    let bed = Bed::new(config.fold(BedConfig::new(PROGRAM), BedConfig::host)).unwrap();
    for host in bed.hosts() {
        install(host, EtcdRelease::V3_5);
    }
    bed
}

fn cluster_file(bed: &Bed) -> String {
    let ca = bed.host("e1").path("/etc/kubernetes/pki/etcd");
    let mut text = format!(
        "apiVersion: etcdha.dev/v1alpha1\nkind: Cluster\nname: prod\ntopology: external\n\
         etcd:\n  version: 3.5.16\n  service: {{binary: {PROGRAM_DIR}/etcd}}\n\
         pki:\n  ca: {{cert: {0}/ca.crt, key: {0}/ca.key}}\nmembers:\n",
        ca.display()
    );
    for host in bed.hosts() {
        let (name, address, root) = (host.name(), host.address(), host.root());
        let root = root.display();
        text += &format!("- {{name: {name}, address: {address}, root: {root}}}\n");
    }
    text
}

/// The first member, set up with `manifest systemd` as a person would.
pub(crate) async fn single() -> (Cluster, Daemon) {
    let bed = hosts();
    let e1 = bed.host("e1");
    let pki = KubeadmPki::on(e1).unwrap();
    let tls = pki.client();
    let cluster = Cluster::around(bed, tls);
    cluster.write_file(&cluster_file(&cluster.bed));
    let words = ["manifest", "systemd", "e1", "--initial-members", "e1"];
    cluster.run_expecting(0, &[&words[..], &["--out-dir", "units"]].concat());
    let e1 = cluster.host("e1");
    for (name, path) in [("etcd.service", UNIT), ("etcd.env", "/etc/etcd/etcd.env")] {
        fs::copy(cluster.dir.join("units").join(name), e1.path(path)).unwrap();
    }
    for path in files_below(&e1.path("/etc/kubernetes/pki")) {
        chown(path, Some(ETCD), Some(ETCD)).unwrap();
    }
    chown(e1.path("/var/lib/etcd"), Some(ETCD), Some(ETCD)).unwrap();
    let daemon = e1.start_service(UNIT).unwrap();
    wait_healthy(&cluster.endpoints(&["e1"])[0], Some(&cluster.tls), PATIENCE)
        .await
        .unwrap();
    (cluster, daemon)
}

/// The directory and everything in it.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![directory.to_owned()];
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files_below(&path)),
            false => found.push(path),
        }
    }
    found
}

/// The keys that etcd serves with, and its data, are its own and nobody else's.
fn etcd_owns_its_files(host: &Host) {
    let pki = host.path("/etc/kubernetes/pki/etcd");
    for (name, owner) in [
        ("server.key", ETCD),
        ("peer.key", ETCD),
        ("healthcheck-client.key", 0),
    ] {
        let key = fs::metadata(pki.join(name)).unwrap();
        assert_eq!((key.uid(), key.mode() & 0o777), (owner, 0o600), "{name}");
    }
    let directory = fs::metadata(&pki).unwrap();
    assert_eq!((directory.uid(), directory.gid()), (0, ETCD));
    assert_eq!(directory.permissions().mode() & 0o777, 0o750);
    // etcd made this itself, as the user of its unit.
    let member = fs::metadata(host.path("/var/lib/etcd/member")).unwrap();
    assert_eq!(member.uid(), ETCD);
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_a_person_starts_grow_to_three() {
    let (cluster, _e1) = single().await;
    let mut writes = cluster.load(500).await;
    let writer = cluster.writer().await;
    let dry = cluster.run_expecting(0, &["member", "add", "e2", "e3", "--dry-run"]);
    assert!(
        dry.stdout.contains("systemctl enable --now etcd"),
        "{}",
        dry.stdout
    );
    assert!(!cluster.host("e2").path(UNIT).exists());

    let mut run = Run::start(&cluster, &["member", "add", "e2", "e3", "--yes"]);
    let mut services = Vec::new();
    for name in ["e2", "e3"] {
        run.wait_for(true, &["wait until it tries to join", name]);
        assert_eq!(
            cluster.roles(),
            ["e1:voter"],
            "nobody is listed before all services try"
        );
        services.push(cluster.host(name).start_service(UNIT).unwrap());
    }
    let (status, told) = run.end();
    assert!(status.success(), "{told}");
    assert!(
        told.contains(
            "now run on e2 as root: systemctl daemon-reload && systemctl enable --now etcd"
        ),
        "{told}"
    );
    writer.wait_for(20, PATIENCE).await.unwrap();
    let report = writer.stop();
    assert_eq!(report.failed, Vec::<String>::new(), "no write is refused");
    writes.extend(report.acked);
    cluster.prove(&["e1", "e2", "e3"], &writes).await;
    assert_eq!(cluster.roles(), ["e1:voter", "e2:voter", "e3:voter"]);
    for name in ["e2", "e3"] {
        etcd_owns_its_files(cluster.host(name));
    }
    let again = cluster.run_expecting(0, &["member", "add", "e2", "e3", "--yes"]);
    assert!(again.stdout.contains("Nothing to do"), "{}", again.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_while_services_wait_is_finished_by_the_next() {
    let (cluster, _e1) = single().await;
    let mut run = Run::start(&cluster, &["member", "add", "e2", "e3", "--yes"]);
    run.wait_for(true, &["wait until it tries to join", "e2"]);
    let _e2 = cluster.host("e2").start_service(UNIT).unwrap();
    run.wait_for(true, &["wait until it tries to join", "e3"]);
    run.kill();

    let mut run = Run::start(&cluster, &["member", "add", "e2", "e3", "--yes"]);
    run.wait_for(true, &["wait until it tries to join", "e3"]);
    let _e3 = cluster.host("e3").start_service(UNIT).unwrap();
    let (status, told) = run.end();
    assert!(status.success(), "{told}");
    assert_eq!(cluster.roles(), ["e1:voter", "e2:voter", "e3:voter"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_starts_never_touches_the_cluster() {
    let (cluster, _e1) = single().await;
    let before = cluster.identities();
    let words = ["member", "add", "e2", "e3", "--yes", "--wait", "2s"];
    let failed = cluster.run(&words);
    assert!(!failed.status.success(), "{failed:?}");
    assert!(
        failed.stderr.contains("nobody has started it"),
        "{}",
        failed.stderr
    );
    assert_eq!(cluster.identities(), before);
    let e2 = cluster.host("e2");
    wait::until_true("the unit to be gone", PATIENCE, || !e2.path(UNIT).exists()).unwrap();
    assert!(!e2.path("/etc/etcd/etcd.env").exists());

    fs::remove_file(e2.path("/etc/passwd")).unwrap();
    let refused = cluster.run_expecting(3, &["member", "add", "e2", "e3", "--yes"]);
    assert!(
        refused.stderr.contains("user-unknown"),
        "{}",
        refused.stderr
    );
}
