//! What kubeadm made of a cluster file, `etcdha kubeadm discover` reads back.

use serde_json::Value;

use super::master::Masters;

const AUTHORITIES: [&str; 6] = [
    "ca.crt",
    "ca.key",
    "etcd/ca.crt",
    "etcd/ca.key",
    "front-proxy-ca.crt",
    "front-proxy-ca.key",
];

const STACKED: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
etcd:
  version: 3.4.23
  image: registry.local/etcd:3.4.23
  quotaBackendBytes: 4Gi
  extraArgs: [{name: heartbeat-interval, value: '200'}]
members:
  - {name: m1, address: 10.0.0.11, root: m1}
  - {name: m2, address: 10.0.0.12, root: m2}
  - {name: m3, address: 10.0.0.13, root: m3}
kubernetes: {version: $KUBERNETES, imageRepository: registry.local}
networking: {serviceSubnet: 10.100.0.0/16, podSubnet: 10.244.0.0/16, dnsDomain: k8s.example.com}
apiserver:
  port: 7443
  controlPlaneEndpoint: api.example.com:443
  certSANs: [other.example.com, 10.0.0.100]
  extraArgs: [{name: audit-log-maxage, value: '30'}]
";

/// A host with everything that `kubeadm init` writes, CAs taken from the first host.
fn set_up(masters: &Masters, name: &str) {
    masters.write(&format!("{name}/etc/kubernetes/keep"), "");
    if name != "m1" {
        for file in AUTHORITIES {
            let text = masters.read(&format!("m1/etc/kubernetes/pki/{file}"));
            masters.write(&format!("{name}/etc/kubernetes/pki/{file}"), &text);
        }
    }
    let out = format!("{name}/etc/kubernetes/kubeadm.yaml");
    masters.etcdha(&format!("kubeadm config --node {name} --out {out}"));
    for phase in [
        "certs all",
        "kubeconfig admin",
        "etcd local",
        "control-plane all",
    ] {
        let words = format!("init phase {phase} --config /etc/kubernetes/kubeadm.yaml");
        masters.demand(name, &words);
    }
}

fn three_masters() -> Masters {
    let masters = Masters::declare(STACKED);
    for name in ["m1", "m2", "m3"] {
        set_up(&masters, name);
    }
    masters
}

fn shown(masters: &Masters, file: &str) -> Value {
    let text = masters.etcdha(&format!("config show -c {file} -o json"));
    let mut spec: Value = serde_json::from_str(&text).unwrap();
    // A discovered cluster adopts the CA that is there.
    spec["pki"]["ca"] = Value::Null;
    spec
}

const ROOTS: &str = "--root m1 --root m2 --root m3";

#[test]
fn a_cluster_that_kubeadm_made_is_read_back() {
    let masters = three_masters();
    let told = masters.etcdha(&format!("kubeadm discover {ROOTS} -c found.yaml"));
    assert!(told.contains("hosts: m1, m2, m3"), "{told}");
    let declared = shown(&masters, "etcdha.yaml");
    let found = shown(&masters, "found.yaml");
    // kubeadm was told flags that etcdha sets by itself; both say so.
    assert_eq!(found, declared);
    let again = masters.etcdha("kubeadm config --kind cluster -c found.yaml");
    assert_eq!(again, masters.etcdha("kubeadm config --kind cluster"));
}

#[test]
fn hosts_that_contradict_each_other_are_named() {
    let masters = three_masters();
    for (name, file, from, to) in [
        ("m2", "kube-apiserver", "10.100.0.0/16", "10.101.0.0/16"),
        (
            "m3",
            "kube-controller-manager",
            "10.244.0.0/16",
            "10.245.0.0/16",
        ),
        (
            "m3",
            "etcd",
            "--heartbeat-interval=200",
            "--heartbeat-interval=300",
        ),
    ] {
        let path = format!("{name}/etc/kubernetes/manifests/{file}.yaml");
        let text = masters.read(&path).replace(from, to);
        masters.write(&path, &text);
    }
    let refused = masters.refused(3, &format!("kubeadm discover {ROOTS} -c found.yaml"));
    for line in [
        "refused [hosts-disagree]: nothing was changed",
        "networking.serviceSubnet: m1 says 10.100.0.0/16, m2 says 10.101.0.0/16",
        "networking.podSubnet: m1 says 10.244.0.0/16, m3 says 10.245.0.0/16",
        "etcd.extraArgs: m1 says --heartbeat-interval=200, m3 says --heartbeat-interval=300",
    ] {
        assert!(refused.contains(line), "{line}\n{refused}");
    }
    assert!(!masters.path("found.yaml").exists());
}

#[test]
fn control_planes_of_an_external_etcd_are_told_from_its_members() {
    let masters = Masters::declare(
        "apiVersion: etcdha.dev/v1alpha1\nkind: Cluster\nname: prod\ntopology: external\n\
         etcd: {version: 3.4.23, image: 'registry.local/etcd:3.4.23'}\nmembers:\n\
         - {name: m1, address: 10.0.0.11, root: m1, roles: [control-plane]}\n\
         - {name: e1, address: 10.1.0.1, root: e1}\n\
         - {name: e2, address: 10.1.0.2}\n\
         kubernetes: {version: $KUBERNETES}\n",
    );
    masters.write("m1/etc/kubernetes/keep", "");
    masters.write("e1/etc/kubernetes/manifests/keep", "");
    masters.etcdha("kubeadm config --out m1/etc/kubernetes/kubeadm.yaml");
    for phase in ["certs ca", "certs apiserver", "control-plane apiserver"] {
        let words = format!("init phase {phase} --config /etc/kubernetes/kubeadm.yaml");
        masters.demand("m1", &words);
    }
    masters.etcdha(
        "manifest etcd e1 --initial-members e1 --out e1/etc/kubernetes/manifests/etcd.yaml",
    );
    let told = masters.etcdha("kubeadm discover --root m1 --root e1 --dry-run -o json");
    let document: Value = serde_json::from_str(&told).unwrap();
    let text = document["content"].as_str().unwrap();
    masters.write("found.yaml", text);
    let found = shown(&masters, "found.yaml");
    assert_eq!(found["topology"], "external");
    let members = found["members"].as_array().unwrap();
    let roles: Vec<_> = members
        .iter()
        .map(|member| format!("{} {}", member["name"], member["roles"]))
        .collect();
    assert_eq!(
        roles,
        [r#""m1" ["control-plane"]"#, r#""e1" ["etcd"]"#],
        "{text}"
    );
    let notes = document["notes"].to_string();
    assert!(
        notes.contains("the apiservers use https://10.1.0.2:2379"),
        "{notes}"
    );
}
