//! `etcdha kubeadm`.

use crate::harness::{Sandbox, expect};

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
