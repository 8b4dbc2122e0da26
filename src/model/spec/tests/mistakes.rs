//! Mistakes, as an operator reads them.

use super::GOOD;
use crate::model::ClusterSpec;

fn told(text: &str) -> String {
    let mistakes = match ClusterSpec::parse(text) {
        Ok(checked) => checked.warnings,
        Err(error) => error.mistakes,
    };
    let mut told = String::new();
    for mistake in mistakes {
        told += &format!("{:?} {mistake}\n", mistake.severity);
        for line in &mistake.excerpt {
            told += &format!("{line}\n");
        }
        for (label, value) in [("expected", &mistake.expected), ("fix", &mistake.fix)] {
            if let Some(value) = value {
                told += &format!("{label}: {value}\n");
            }
        }
    }
    told
}

#[test]
fn an_address_used_twice_shows_both_lines() {
    let text = format!(
        "{GOOD}  - {{name: m2, address: 10.0.0.12}}\n\n  - {{name: m3, address: 10.0.0.12}}\n"
    );
    insta::assert_snapshot!(told(&text), @r"
    Error 9:25: m3: address 10.0.0.12 is already m2's
        7 |   - {name: m2, address: 10.0.0.12}
        9 |   - {name: m3, address: 10.0.0.12}
          |                         ^^^^^^^^^
    fix: give every member its own address
    ");
}

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    insta::assert_snapshot!(told(
        "\
apiVersion: etcdha.dev/v1
kind: Klaster
topology: stackd
dataDir: /var/lib/etcd
etcd:
  version: 3.7
  client-port: 2379
  peerPort: 99999
  extraArgs: {a: b}
members:
  - {name: M1, address: m1.example.com}
  - {name: m2, adress: 10.0.0.12}
  - m3
pki:
  keyAlgorithm: rsa
  includeVip: maybe
  ca: {cert: ca.crt}
"
    ));
}

#[test]
fn values_that_do_not_go_together_are_told() {
    insta::assert_snapshot!(told(
        "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod east
etcd:
  version: 3.5.16
  image: registry.k8s.io/etcd:3.5.21-0
  dataDir: /etc/kubernetes/pki/etcd
  clientPort: 2380
  quotaBackendBytes: 0
  snapshotCount: 0
  resources: {requests: {cpu: 2}, limits: {cpu: 100m, memory: 1 GB}}
  extraArgs:
    - {name: --heartbeat-interval, value: 100}
    - {name: initial-cluster-state, value: new}
members:
  - {name: m1, address: 10.0.0.11, roles: [control-plane]}
  - {name: m1, address: 0.0.0.0, extraNames: [good.example.com, 'bad name', '*.ok']}
  - {name: m3, address: 'fe80::1'}
  - {name: m4, address: '::ffff:10.0.0.4', extraAddresses: [10.0.0.11]}
pki:
  hostDir: pki
  leafValidity: 10y
  caValidity: 5w
  includeVip: false
  extraNames: ['a..b']
frontend: {vip: 10.0.0.11}
ssh: {user: -o}
"
    ));
}

#[test]
fn what_kubeadm_would_stumble_over_is_told() {
    insta::assert_snapshot!(told(&format!(
        "{GOOD}\
kubernetes: {{version: 1.20.2, imageRepository: 'https://k8s.gcr.io/', proxyMode: nftables}}
networking: {{serviceSubnet: 10.0.0.0/16, podSubnet: 10.0.128.0/17, dnsDomain: Cluster.local}}
apiserver:
  controlPlaneEndpoint: 127.0.0.1:6443
  certSANs: ['a b']
  extraArgs: [{{name: etcd-servers, value: x}}, {{name: --v, value: '4'}}]
"
    )));
    insta::assert_snapshot!(told(&format!(
        "{GOOD}\
kubernetes: {{version: stable-1, proxyMode: userspace}}
networking: {{serviceSubnet: 10.96.0.0}}
apiserver: {{controlPlaneEndpoint: api.example.com}}
"
    )));
}

#[test]
fn what_may_be_meant_so_is_only_a_warning() {
    insta::assert_snapshot!(told("\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
etcd: {image: 'registry.k8s.io/etcd:3.5.1-0', quotaBackendBytes: 16Gi}
members:
  - {name: m1, address: 10.0.0.11}
  - {name: m2, address: 'fd00::12'}
pki: {leafValidity: 10y, caValidity: 5y}
"), @r"
    Warning 4:1: etcd 3.5.1 has a known bug by which members come to hold different data
        4 | etcd: {image: 'registry.k8s.io/etcd:3.5.1-0', quotaBackendBytes: 16Gi}
          | ^^^^
    fix: use 3.5.3 or later
    Warning 4:66: etcd.quotaBackendBytes: 17179869184 is more than the 8 GiB that etcd recommends
        4 | etcd: {image: 'registry.k8s.io/etcd:3.5.1-0', quotaBackendBytes: 16Gi}
          |                                                                  ^^^^
    Warning 5:1: 2 etcd members tolerate no more failures than 1
        5 | members:
          | ^^^^^^^
    fix: use an odd number: 1, 3, 5 or 7
    Warning 7:25: m2: advertises IPv6, but m1 advertises IPv4: every host needs both families
        6 |   - {name: m1, address: 10.0.0.11}
        7 |   - {name: m2, address: 'fd00::12'}
          |                         ^^^^^^^^^^
    fix: advertise one family everywhere and put the other into extraAddresses
    Warning 8:21: pki.leafValidity is longer than pki.caValidity: leaves will end with their CA
        8 | pki: {leafValidity: 10y, caValidity: 5y}
          |                     ^^^
    ");
}

#[test]
fn where_a_member_lives_goes_with_where_the_cluster_does() {
    let of = |topology: &str, m1: &str, e1: &str| {
        told(&format!(
            "apiVersion: etcdha.dev/v1alpha1\nkind: Cluster\nname: prod\ntopology: {topology}\n\
             etcd: {{version: 3.5.16}}\nmembers:\n- {{name: m1, address: 10.0.0.11{m1}}}\n\
             - {{name: e1, address: 10.0.0.21{e1}}}\n"
        ))
    };
    assert_eq!(of("external", ", topology: stacked", ""), "");
    assert_eq!(of("stacked", "", ", topology: external"), "");
    let nowhere = of("external", ", topology: stacked", ", topology: stacked");
    assert!(
        nowhere.contains("none is external, so etcd has nowhere to move to"),
        "{nowhere}"
    );
    let none = of(
        "external",
        ", topology: stacked, roles: [control-plane]",
        "",
    );
    assert!(
        none.contains("topology says where its etcd lives, and it carries none"),
        "{none}"
    );
    let unknown = of("external", ", topology: mixed", "");
    assert!(unknown.contains("stacked, external"), "{unknown}");
}

#[test]
fn text_that_is_no_yaml_is_told_with_its_place() {
    insta::assert_snapshot!(told("kind: Cluster\nname: [a\nmembers: b\n"), @r"
    Error 3:8: not readable as YAML: illegal placement of ':' indicator
        3 | members: b
          |        ^
    ");
    insta::assert_snapshot!(told("kind: Cluster\nname: a\nname: b\n"), @r#"
    Error 3:1: key "name" stands there twice
        3 | name: b
          | ^^^^
    fix: remove one of them
    "#);
    insta::assert_snapshot!(told(""), @r"
    Error 1:1: apiVersion is missing
    expected: apiVersion: etcdha.dev/v1alpha1
    Error 1:1: kind is missing
    expected: kind: Cluster
    Error 1:1: name is missing
    expected: name: prod
    Error 1:1: members is missing
    expected: members: [{name: m1, address: 10.0.0.11}]
    Error 1:1: etcd.version is missing
    expected: version: 3.5.24
    ");
    insta::assert_snapshot!(told("- a\n"), @r"
    Error 1:1: the cluster file: a list where a map belongs
        1 | - a
          | ^
    expected: apiVersion: …, kind: …, name: …, topology: …, etcd: …, members: …, pki: …, kubernetes: …, networking: …, apiserver: …, frontend: …, ssh: …
    Error 1:1: etcd.version is missing
    expected: version: 3.5.24
    ");
    insta::assert_snapshot!(told("a: 1\n---\nb: 2\n"), @r"
    Error 3:1: a second document begins
        3 | b: 2
          | ^
    fix: keep one cluster in one file
    ");
}
