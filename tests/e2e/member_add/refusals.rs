//! What `member add` refuses on real hosts: the id is named and nothing is changed.

use std::fs;
use std::path::Path;

use etcdha_testbed::{
    Bed, BedConfig, Binaries, EtcdRelease, Host, HostConfig, KubeadmPki, Output, capture, manifest,
    wait,
};

use super::hosts::{squat, tree};
use super::run::Run;
use crate::cluster::Cluster;
use crate::support::{PATIENCE, PROGRAM, bed, start_kubelet};

const GROW: [&str; 5] = ["member", "add", "m2", "m3", "--yes"];

/// Runs etcdha, which must refuse with this id and leave hosts and cluster alone.
fn refuses(cluster: &Cluster, id: &str, arguments: &[&str]) -> Output {
    let hosts = || tree([cluster.host("m2"), cluster.host("m3")]);
    let (files, members) = (hosts(), cluster.ids());
    let output = cluster.run_expecting(3, arguments);
    let headline = format!("refused [{id}]: nothing was changed");
    assert!(
        output.stderr.contains(&headline),
        "{id}:\n{}",
        output.stderr
    );
    assert!(output.stderr.contains("fix: "), "{id}:\n{}", output.stderr);
    assert!(hosts() == files, "{id}: files were changed");
    assert_eq!(cluster.ids(), members, "{id}: members were changed");
    let receipts = cluster.dir.join("state/receipts");
    assert!(!receipts.exists(), "{id}: a plan was begun");
    output
}

/// m1 runs; m2 and m3 have no kubelet, and m3 a small disk.
async fn cluster() -> Cluster {
    let disk = HostConfig::named("m3").disk(200 << 20);
    let bed = BedConfig::new(PROGRAM).hosts(["m1", "m2"]).host(disk);
    let bed = Bed::new(bed).unwrap();
    Cluster::without_kubelet_on(bed, EtcdRelease::V3_5, &["m2", "m3"]).await
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy_tree(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn copy_pair(from: &Host, to: &Host, stem: &str) {
    for extension in ["crt", "key"] {
        let path = format!("/etc/kubernetes/pki/etcd/{stem}.{extension}");
        fs::create_dir_all(to.path(&path).parent().unwrap()).unwrap();
        fs::copy(from.path(&path), to.path(&path)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_can_not_take_a_member_is_refused() {
    let cluster = cluster().await;
    let (m1, m2) = (cluster.host("m1"), cluster.host("m2"));
    let data = m2.path("/var/lib/etcd");

    fs::write(data.join("notes.txt"), "mine").unwrap();
    let output = refuses(&cluster, "data-dir-occupied", &GROW);
    assert!(output.stderr.contains("notes.txt"), "{}", output.stderr);
    fs::remove_file(data.join("notes.txt")).unwrap();

    copy_tree(&m1.path("/var/lib/etcd/member"), &data.join("member"));
    let output = refuses(&cluster, "data-dir-occupied", &GROW);
    assert!(
        output.stderr.contains("holds the data of member"),
        "{}",
        output.stderr
    );
    fs::remove_dir_all(data.join("member")).unwrap();

    for port in [2379, 2380] {
        let mut squatter = squat(m2, &format!("{}:{port}", m2.address()));
        let output = refuses(&cluster, "port-in-use", &GROW);
        assert!(
            output.stderr.contains(&format!("port {port} of m2")),
            "{}",
            output.stderr
        );
        squatter.kill().unwrap();
    }

    m2.cut().unwrap();
    refuses(&cluster, "host-unreachable", &GROW);
    m2.heal().unwrap();

    for file in ["etcd.yaml", "etcd.yaml.bak"] {
        let pod = manifest::kubeadm_etcd(m2, EtcdRelease::V3_5);
        m2.write_manifest(file, &pod).unwrap();
        refuses(&cluster, "manifest-present", &GROW);
        m2.remove_manifest(file).unwrap();
    }

    copy_pair(m1, m2, "server");
    let output = refuses(&cluster, "certificate-invalid", &GROW);
    let address = m2.address().to_string();
    for part in [&address, "--replace-certificates"] {
        assert!(output.stderr.contains(part), "{part}:\n{}", output.stderr);
    }
    fs::remove_dir_all(m2.path("/etc/kubernetes/pki")).unwrap();

    let output = refuses(&cluster, "disk-space", &GROW);
    assert!(output.stderr.contains("m3 has "), "{}", output.stderr);
    refuses(&cluster, "two-voters", &["member", "add", "m2", "--yes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_does_not_fit_the_cluster_is_refused() {
    let cluster = cluster().await;
    let (m1, m2) = (cluster.host("m1"), cluster.host("m2"));
    let file = cluster.file(EtcdRelease::V3_5, "");

    let older = [&GROW[..], &["--etcd-version=3.4.23"]].concat();
    refuses(&cluster, "version-mismatch", &older);

    let unknown = cluster.run_expecting(2, &["member", "add", "m7", "--yes"]);
    assert!(
        unknown.stderr.contains("m7 is no etcd member"),
        "{}",
        unknown.stderr
    );

    m1.skew_clock(60).unwrap();
    let output = refuses(&cluster, "clock-skew", &GROW);
    assert!(
        output.stderr.contains("the clock of m1 is "),
        "{}",
        output.stderr
    );
    m1.skew_clock(0).unwrap();

    // The running member under another name, and its name at another address.
    cluster.write_file(&file.replace("name: m1\n", "name: other\n"));
    let add = ["member", "add", "other", "--yes"];
    refuses(&cluster, "peer-url-in-use", &add);
    let (here, there) = (m1.address().to_string(), m2.address().to_string());
    let swapped = file
        .replace(&here, "X")
        .replace(&there, &here)
        .replace('X', &there);
    cluster.write_file(&swapped);
    let endpoint = format!("--endpoints=https://{here}:2379");
    refuses(
        &cluster,
        "name-in-use",
        &["member", "add", "m1", "--yes", &endpoint],
    );

    let keyless = cluster.dir.join("nowhere.key");
    cluster.write_file(
        &file.replace(
            &m1.path("/etc/kubernetes/pki/etcd/ca.key")
                .display()
                .to_string(),
            &keyless.display().to_string(),
        ),
    );
    let output = refuses(&cluster, "ca-unusable", &GROW);
    assert!(
        output.stderr.contains("nowhere.key does not exist"),
        "{}",
        output.stderr
    );
    let other = KubeadmPki::create(&cluster.dir.join("other")).unwrap();
    let pki = m1.path("/etc/kubernetes/pki/etcd");
    cluster.write_file(&file.replace(
        &pki.display().to_string(),
        &other.ca().parent().unwrap().display().to_string(),
    ));
    let ca = format!("--cacert={}", pki.join("ca.crt").display());
    let other_ca = [&GROW[..], &[&ca]].concat();
    let output = refuses(&cluster, "ca-unusable", &other_ca);
    assert!(
        output.stderr.contains("not the one this cluster trusts"),
        "{}",
        output.stderr
    );

    cluster.write_file(&file);
    etcdctl(
        &cluster,
        &[
            "member",
            "add",
            "guest",
            "--learner",
            "--peer-urls=https://10.9.9.9:2380",
        ],
    );
    refuses(&cluster, "learner-limit", &GROW);
}

fn etcdctl(cluster: &Cluster, arguments: &[&str]) {
    let tls = &cluster.tls;
    let program = Binaries::find().etcdctl(EtcdRelease::V3_5).unwrap();
    let mut command = std::process::Command::new(program);
    command
        .arg("--endpoints")
        .arg(&cluster.endpoints(&["m1"])[0]);
    command
        .arg("--cacert")
        .arg(&tls.ca)
        .arg("--cert")
        .arg(&tls.cert);
    command.arg("--key").arg(&tls.key).args(arguments);
    let output = capture(&mut command).unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_certificate_is_replaced_when_asked() {
    let cluster = Cluster::on(bed(["m1", "m2"]), EtcdRelease::V3_5).await;
    copy_pair(cluster.host("m1"), cluster.host("m2"), "server");
    let add = ["member", "add", "m2", "--allow-two", "--yes", "--wait=20s"];
    let refused = cluster.run_expecting(3, &add);
    assert!(
        refused.stderr.contains("[certificate-invalid]"),
        "{}",
        refused.stderr
    );
    cluster.run_expecting(0, &[&add[..], &["--replace-certificates"]].concat());
    assert_eq!(cluster.roles(), ["m1:voter", "m2:voter"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_do_not_meet() {
    let bed = bed(["m1", "m2", "m3"]);
    let cluster = Cluster::without_kubelet_on(bed, EtcdRelease::V3_5, &["m2"]).await;
    let mut first = Run::start(&cluster, &[&GROW[..], &["--wait=30s"]].concat());
    first.wait_for(true, &["wait until started", "m2"]);
    let second = cluster.run_expecting(3, &GROW);
    for part in ["refused [locked]: ", "etcdha member add, pid "] {
        assert!(second.stderr.contains(part), "{}", second.stderr);
    }
    start_kubelet(cluster.host("m2"), EtcdRelease::V3_5);
    let (status, text) = first.end();
    assert_eq!(status.code(), Some(0), "{text}");
    assert_eq!(cluster.roles(), ["m1:voter", "m2:voter", "m3:voter"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_can_not_be_reached_must_be_repaired_first() {
    let bed = bed(["m1", "m2", "m3", "m4"]);
    let cluster = Cluster::on(bed, EtcdRelease::V3_5).await;
    cluster.run_expecting(0, &[&GROW[..], &["--wait=20s"]].concat());
    let (m2, m3, m4) = (cluster.host("m2"), cluster.host("m3"), cluster.host("m4"));
    let add = ["member", "add", "m4", "--yes", "--wait=20s", "--timeout=1s"];

    m3.cut().unwrap();
    let refused = cluster.run_expecting(3, &add);
    let headline = "refused [member-unhealthy]: nothing was changed\n  m3 is not healthy: ";
    assert!(refused.stderr.contains(headline), "{}", refused.stderr);
    m2.kill_all();
    let refused = cluster.run_expecting(3, &add);
    let headline = "refused [no-quorum]: nothing was changed";
    assert!(refused.stderr.contains(headline), "{}", refused.stderr);
    assert!(tree([m4]).is_empty());

    m2.start().unwrap();
    m3.heal().unwrap();
    wait::until("every member to be healthy", PATIENCE, || {
        let status = cluster.run(&["status", "--timeout=1s"]);
        anyhow::ensure!(status.status.success(), "{}", status.stdout);
        Ok(())
    })
    .unwrap();
    let grown = cluster.run_expecting(0, &add);
    assert!(
        grown
            .stdout
            .contains("4 voting members, tolerates 1 failure"),
        "{}",
        grown.stdout
    );
}
