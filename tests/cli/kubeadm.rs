//! `etcdha kubeadm`.

use crate::harness::{Sandbox, expect};

const ETCD: &str = include_str!("../data/manifests/etcd-kubeadm-1.20.yaml");
const APISERVER: &str = include_str!("../data/manifests/apiserver-kubeadm-1.20.yaml");

const THREE: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
etcd: {version: 3.5.24}
members:
  - {name: m1, address: 10.0.0.11}
  - {name: m2, address: 10.0.0.12}
kubernetes: {version: v1.31.2, proxyMode: ipvs}
frontend: {vip: 10.0.0.100}
";

#[test]
fn a_file_is_printed_for_the_release_that_is_declared() {
    let sandbox = Sandbox::new();
    sandbox.file("etcdha.yaml", THREE);
    insta::assert_snapshot!(sandbox.run("kubeadm config").all());
    let join = expect(0, sandbox.run("kubeadm config --kind join --node m2"));
    assert!(join.stdout.contains("kind: JoinConfiguration"));
    let json = expect(0, sandbox.run("kubeadm config --kind cluster -o json"));
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(document["kind"], "KubeadmConfig");
    assert_eq!(document["api"], "v1beta4");
    assert_eq!(
        document["documents"][0]["controlPlaneEndpoint"],
        "10.0.0.100:6443"
    );
    assert_eq!(document["documents"][1]["mode"], "ipvs");
}

#[test]
fn a_file_is_written_for_its_owner_and_not_over_another() {
    let sandbox = Sandbox::new();
    sandbox.file("etcdha.yaml", THREE);
    insta::assert_snapshot!(sandbox.run("kubeadm config --out k.yaml").all(), @r"
    exit 0
    --- stdout
    --- stderr
    Wrote k.yaml.
    ");
    assert_eq!(sandbox.mode("k.yaml"), 0o600);
    expect(0, sandbox.run("kubeadm config --out k.yaml"));
    let other = expect(3, sandbox.run("kubeadm config --kind cluster --out k.yaml"));
    assert!(other.stderr.contains("file-exists"), "{}", other.stderr);
    expect(
        0,
        sandbox.run("kubeadm config --kind cluster --out k.yaml --force"),
    );
}

#[test]
fn what_kubeadm_can_not_be_told_is_usage() {
    let sandbox = Sandbox::new();
    sandbox.file("etcdha.yaml", THREE);
    let mut told = vec![
        sandbox.run("kubeadm config --api v1beta2").all(),
        sandbox.run("kubeadm config --kind join").all(),
        sandbox.run("kubeadm config --kind join --node m9").all(),
    ];
    sandbox.file(
        "etcdha.yaml",
        &THREE.replace("frontend: {vip: 10.0.0.100}\n", ""),
    );
    told.push(sandbox.run("kubeadm config").all());
    let external = "--topology external --member e1=10.1.0.1 --etcd-version 3.5.24";
    let elsewhere = Sandbox::new();
    told.push(elsewhere.run(&format!("kubeadm config {external}")).all());
    insta::assert_snapshot!(told.join("\n"));
}

/// A host below `name`, kubeadm's files with these replacements.
fn host(sandbox: &Sandbox, name: &str, changes: &[(&str, &str)]) {
    for (file, text) in [("etcd", ETCD), ("kube-apiserver", APISERVER)] {
        let changed = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
        let text = changes.iter().fold(text.to_owned(), changed);
        let path = format!("{name}/etc/kubernetes/manifests/{file}.yaml");
        sandbox.file(&path, &text);
    }
}

const SECOND: [(&str, &str); 2] = [("10.0.0.11", "10.0.0.12"), ("=m1", "=m2")];

#[test]
fn hosts_become_one_cluster_file() {
    let sandbox = Sandbox::new();
    host(&sandbox, "m1", &[]);
    host(&sandbox, "m2", &SECOND);
    insta::assert_snapshot!(sandbox.run("kubeadm discover --root m1 --root m2").all());
    let shown = expect(0, sandbox.run("config show -o json")).stdout;
    let spec: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(spec["members"][1]["name"], "m2");
    assert_eq!(spec["kubernetes"]["version"], "v1.20.2");
    let again = sandbox.run("kubeadm discover --root m1 --root m2");
    assert_eq!(again.code, 3, "{}", again.all());
}

#[test]
fn hosts_that_are_no_cluster_are_refused_by_name() {
    let sandbox = Sandbox::new();
    host(&sandbox, "m1", &[]);
    let other = [
        &SECOND[..],
        &[("10.96.0.0/12", "10.32.0.0/12"), ("6443", "7443")],
    ]
    .concat();
    host(&sandbox, "m2", &other);
    sandbox.file("worker/etc/hostname", "w1\n");
    let told = [
        sandbox.run("kubeadm discover --root m1 --root m2").all(),
        sandbox.run("kubeadm discover --root m1 --root m1").all(),
        sandbox
            .run("kubeadm discover --root m1 --root worker")
            .all(),
    ];
    insta::assert_snapshot!(told.join("\n"));
    assert!(!sandbox.has("etcdha.yaml"));
}
