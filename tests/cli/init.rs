//! `init`, from flags and from hosts as kubeadm and hands leave them.

use std::path::Path;

use crate::harness::Sandbox;

const KUBEADM: &str = include_str!("../data/manifests/etcd-kubeadm-1.20.yaml");
const APISERVER: &str = include_str!("../data/manifests/apiserver-kubeadm-1.20.yaml");
const BY_HAND: &str = include_str!("../data/manifests/etcd-by-hand.yaml");

/// A certificate that carries these names; who signed it does not matter here.
fn certificate(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    rcgen::generate_simple_self_signed(names)
        .unwrap()
        .cert
        .pem()
}

/// A control plane node as kubeadm leaves it, below `host`.
fn kubeadm_host() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("host/etc/kubernetes/manifests/etcd.yaml", KUBEADM);
    sandbox.file(
        "host/etc/kubernetes/manifests/kube-apiserver.yaml",
        APISERVER,
    );
    let names = ["m1", "localhost", "10.0.0.11", "127.0.0.1", "::1"];
    let with_vip = [&names[..], &["etcd.example.com", "10.0.0.100"]].concat();
    let pki = "host/etc/kubernetes/pki";
    sandbox.file(&format!("{pki}/etcd/ca.crt"), &certificate(&["etcd-ca"]));
    sandbox.file(&format!("{pki}/etcd/ca.key"), "read by nobody here");
    sandbox.file(&format!("{pki}/etcd/server.crt"), &certificate(&with_vip));
    sandbox.file(&format!("{pki}/etcd/peer.crt"), &certificate(&names));
    sandbox.file(&format!("{pki}/apiserver.crt"), &certificate(&["m1"]));
    sandbox.file(&format!("{pki}/sa.pub"), "no certificate");
    sandbox
}

#[test]
fn a_kubeadm_host_is_read_and_adopted() {
    let sandbox = kubeadm_host();
    let run = sandbox.run("init --from-host --root host --name prod");
    insta::assert_snapshot!(run.all(), @r#"
    exit 0
    --- stdout
    Read /etc/kubernetes/manifests/etcd.yaml, kube-apiserver.yaml and 4 certificates.
    Wrote etcdha.yaml: cluster "prod", 1 member (m1 10.0.0.11), etcd 3.4.13, stacked.
    Next: add the other control plane nodes under members:, then etcdha config check
    --- stderr
    "#);
    insta::assert_snapshot!(sandbox.read("etcdha.yaml"));
    let check = sandbox.run("config check");
    assert_eq!(check.code, 0, "{}", check.stdout);
}

#[test]
fn paths_hold_where_the_file_stands_elsewhere() {
    let sandbox = kubeadm_host();
    sandbox.file("conf/readme", "");
    let run = sandbox.run("init --from-host --root host --pki-dir mine -c conf/prod.yaml");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let shown = sandbox.run("config show -c conf/prod.yaml").stdout;
    assert!(
        shown.contains("root: '[DIR]/host'") || shown.contains("root: [DIR]/host"),
        "{shown}"
    );
    assert!(shown.contains("dir: [DIR]/mine"), "{shown}");
}

#[test]
fn a_file_that_is_there_is_kept() {
    let sandbox = kubeadm_host();
    sandbox.file("etcdha.yaml", "mine\n");
    let run = sandbox.run("init --from-host --root host");
    insta::assert_snapshot!(run.all(), @r"
    exit 3
    --- stdout
    --- stderr
    refused [file-exists]: nothing was changed
      etcdha.yaml exists already
    fix: etcdha init --force replaces it; -c FILE writes elsewhere; --dry-run only shows
    ");
    assert_eq!(sandbox.read("etcdha.yaml"), "mine\n");
    assert_eq!(sandbox.run("init --from-host --root host --force").code, 0);
    assert!(sandbox.read("etcdha.yaml").contains("kind: Cluster"));
}

#[test]
fn a_dry_run_prints_and_writes_nothing() {
    let sandbox = kubeadm_host();
    let run = sandbox.run("init --from-host --root host --dry-run");
    assert!(run.stdout.contains("name: m1"), "{}", run.stdout);
    assert!(!Path::new(&sandbox.path().join("etcdha.yaml")).exists());
}

#[test]
fn a_member_made_by_hand_brings_its_neighbours_and_its_layout() {
    let sandbox = Sandbox::new();
    sandbox.file("host/etc/kubernetes/manifests/etcd.yaml", BY_HAND);
    let run = sandbox.run("init --from-host --root host --dry-run -o json");
    insta::assert_snapshot!(run.stderr, @r"
    warning: members from --initial-cluster, which etcd reads at its first start only: etcd1, etcd3; compare with etcdha member list
    warning: no kube-apiserver runs on this host: read as external where --topology is not given
    warning: host/etc/etcd/pki/ca.pem does not exist
    warning: host/etc/etcd/pki/ca-key.pem does not exist: bring the CA's key there, or correct pki.ca.key
    warning: host/etc/etcd/pki/server.pem does not exist
    warning: host/etc/etcd/pki/peer2.pem does not exist
    ");
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    insta::assert_snapshot!(document["content"].as_str().unwrap());
}

#[test]
fn what_decides_how_a_member_runs_is_never_guessed() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(sandbox.run("init --from-host --root host").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: host/etc/kubernetes/manifests/etcd.yaml does not exist: this host runs no etcd as a static pod
    fix: run it on a control plane node, name its root (--root DIR), or name the members: --member m1=10.0.0.11
    ");
    let manifest = "host/etc/kubernetes/manifests/etcd.yaml";
    sandbox.file(manifest, &KUBEADM.replace("3.4.13-0", "latest"));
    insta::assert_snapshot!(sandbox.run("init --from-host --root host").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: host/etc/kubernetes/manifests/etcd.yaml: the image k8s.gcr.io/etcd:latest does not name a release of etcd 3.4, 3.5 or 3.6
    fix: name the release that runs: --etcd-version 3.5.24
    ");
    let run = sandbox.run("init --from-host --root host --etcd-version 3.4.13 --dry-run");
    assert_eq!(run.code, 0, "{}", run.stderr);
    sandbox.file(manifest, &KUBEADM.replace("--name=m1", "--name=$(NODE)"));
    insta::assert_snapshot!(sandbox.run("init --from-host --root host").all(), @r#"
    exit 2
    --- stdout
    --- stderr
    error: host/etc/kubernetes/manifests/etcd.yaml: --name: "$(NODE)" is no node name: expected at most 253 lower-case letters, digits, '-' and '.', each part starting and ending with a letter or digit
    fix: name the members instead: etcdha init --member m1=10.0.0.11
    "#);
    sandbox.file(manifest, "kind: Deployment\n");
    insta::assert_snapshot!(sandbox.run("init --from-host --root host").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: host/etc/kubernetes/manifests/etcd.yaml:1:7: kind Deployment; expected kind Pod: the kubelet runs nothing else from a file
    ");
}

#[test]
fn flags_alone_make_a_file() {
    let sandbox = Sandbox::new();
    let words = "init --name prod --etcd-version 3.5.16 --member m1=10.0.0.11,fd00::11 \
                 --member m2=10.0.0.12 --member m3=10.0.0.13 --leaf-validity 5y";
    insta::assert_snapshot!(sandbox.run(words).all(), @r#"
    exit 0
    --- stdout
    Wrote etcdha.yaml: cluster "prod", 3 members, etcd 3.5.16, stacked.
    Next: etcdha config check
    --- stderr
    "#);
    let shown = sandbox.run("config show -o json").stdout;
    let spec: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(spec["members"][0]["extraAddresses"][0], "fd00::11");
    assert_eq!(spec["pki"]["leafValidity"], "5y");
    insta::assert_snapshot!(sandbox.run("init").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: neither --from-host nor --member is given
    fix: on a control plane node: etcdha init --from-host
    fix: anywhere: etcdha init --member m1=10.0.0.11 --etcd-version 3.5.24
    ");
    insta::assert_snapshot!(sandbox.run("init --member m1=10.0.0.256").all(), @r#"
    exit 2
    --- stdout
    --- stderr
    error: invalid value 'm1=10.0.0.256' for '--member <NAME=ADDRESS>': "10.0.0.256" is no IPv4 or IPv6 address

    For more information, try '--help'.
    "#);
}
