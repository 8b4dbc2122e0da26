//! kubeadm reads what `etcdha kubeadm config` writes, and makes of it what etcdha makes.

use super::master::{Masters, flag, flags, pod};

const STACKED: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
etcd:
  version: 3.4.23
  image: registry.local/etcd:3.4.23
  quotaBackendBytes: 4Gi
  snapshotCount: 20000
  extraArgs: [{name: heartbeat-interval, value: '200'}]
members:
  - {name: m1, address: 10.0.0.11, extraNames: [m1.example.com]}
  - {name: m2, address: 10.0.0.12}
  - {name: m3, address: 10.0.0.13}
pki: {extraNames: [etcd.example.com]}
kubernetes: {version: $KUBERNETES, imageRepository: registry.local, proxyMode: ipvs}
networking: {serviceSubnet: 10.100.0.0/16, podSubnet: 10.244.0.0/16, dnsDomain: k8s.example.com}
apiserver:
  certSANs: [api.example.com]
  extraArgs: [{name: profiling, value: 'false'}]
frontend: {vip: 10.0.0.100}
";

const EXTERNAL: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
topology: external
etcd: {version: 3.4.23}
members:
  - {name: m1, address: 10.0.0.11, roles: [control-plane]}
  - {name: e1, address: 10.1.0.1}
  - {name: e2, address: 10.1.0.2}
  - {name: e3, address: 10.1.0.3}
kubernetes: {version: $KUBERNETES, imageRepository: registry.local}
apiserver: {port: 8443, controlPlaneEndpoint: 'api.example.com:443'}
";

const CONFIG: &str = "m1/etc/kubernetes/kubeadm.yaml";

/// Writes the file for m1 and runs phases of `kubeadm init` with it.
fn init(text: &str, phases: &[&str]) -> Masters {
    let masters = Masters::declare(text);
    masters.write("m1/etc/kubernetes/keep", "");
    masters.etcdha(&format!("kubeadm config --out {CONFIG}"));
    for phase in phases {
        let words = format!("init phase {phase} --config /etc/kubernetes/kubeadm.yaml");
        masters.demand("m1", &words);
    }
    masters
}

#[test]
fn a_stacked_etcd_of_kubeadm_is_the_one_that_etcdha_would_set_up() {
    let masters = init(STACKED, &["certs all", "etcd local", "control-plane all"]);
    let by_kubeadm = masters.pod("m1", "etcd");
    let own = pod(&masters.etcdha("manifest etcd m1 --initial-members m1"));
    assert_eq!(flags(&by_kubeadm), flags(&own));
    for part in ["annotations", "labels", "name", "namespace"] {
        assert_eq!(
            by_kubeadm["metadata"][part], own["metadata"][part],
            "{part}"
        );
    }
    let container =
        |pod: &serde_json::Value, part: &str| pod["spec"]["containers"][0][part].clone();
    for part in ["image", "name", "volumeMounts"] {
        assert_eq!(
            container(&by_kubeadm, part),
            container(&own, part),
            "{part}"
        );
    }

    let apiserver = flags(&masters.pod("m1", "kube-apiserver"));
    for (name, value) in [
        ("advertise-address", "10.0.0.11"),
        ("etcd-servers", "https://127.0.0.1:2379"),
        ("profiling", "false"),
        ("secure-port", "6443"),
        ("service-cluster-ip-range", "10.100.0.0/16"),
    ] {
        assert_eq!(flag(&apiserver, name), value);
    }
    let manager = flags(&masters.pod("m1", "kube-controller-manager"));
    assert_eq!(flag(&manager, "cluster-cidr"), "10.244.0.0/16");
    assert_eq!(flag(&manager, "cluster-name"), "prod");

    let apiserver = names(&masters, "apiserver.crt");
    for name in [
        "m1",
        "m2",
        "m3",
        "10.0.0.11",
        "10.0.0.12",
        "10.0.0.13",
        "10.0.0.100",
        "10.100.0.1",
        "api.example.com",
        "m1.example.com",
        "kubernetes.default.svc.k8s.example.com",
    ] {
        assert!(
            apiserver.contains(&name.to_owned()),
            "{name}: {apiserver:?}"
        );
    }
    for pair in ["etcd/server.crt", "etcd/peer.crt"] {
        let etcd = names(&masters, pair);
        for name in ["m1", "10.0.0.11", "etcd.example.com", "m1.example.com"] {
            assert!(etcd.contains(&name.to_owned()), "{pair}: {name}: {etcd:?}");
        }
    }
}

/// Names and addresses of a certificate that kubeadm made.
fn names(masters: &Masters, file: &str) -> Vec<String> {
    let text = masters.etcdha(&format!("certs show m1/etc/kubernetes/pki/{file} -o json"));
    let shown: serde_json::Value = serde_json::from_str(&text).unwrap();
    let names = &shown["items"][0]["certificate"]["names"];
    let of = |kind: &str| names[kind].as_array().cloned().unwrap_or_default();
    let all = of("dns").into_iter().chain(of("ip"));
    all.map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_apiserver_of_an_external_etcd_lists_all_its_members() {
    let masters = init(EXTERNAL, &["control-plane apiserver"]);
    let apiserver = flags(&masters.pod("m1", "kube-apiserver"));
    let pki = "/etc/kubernetes/pki";
    for (name, value) in [
        (
            "etcd-servers",
            "https://10.1.0.1:2379,https://10.1.0.2:2379,https://10.1.0.3:2379".to_owned(),
        ),
        ("etcd-cafile", format!("{pki}/etcd/ca.crt")),
        ("etcd-certfile", format!("{pki}/apiserver-etcd-client.crt")),
        ("etcd-keyfile", format!("{pki}/apiserver-etcd-client.key")),
        ("secure-port", "8443".to_owned()),
    ] {
        assert_eq!(flag(&apiserver, name), value);
    }
}

#[test]
fn kubeadm_lists_the_images_that_are_declared() {
    let masters = init(STACKED, &[]);
    let words = "config images list --config /etc/kubernetes/kubeadm.yaml";
    let images = masters.demand("m1", words);
    assert!(images.contains("registry.local/etcd:3.4.23\n"), "{images}");
    assert!(
        images.contains("registry.local/kube-apiserver:v1."),
        "{images}"
    );
}

#[test]
fn a_joining_node_needs_its_token_filled_in_and_nothing_else() {
    let masters = Masters::declare(STACKED);
    let text = masters.etcdha("kubeadm config --kind join --node m2");
    masters.write("m2/join.yaml", &text);
    let empty = masters.kubeadm("m2", "config migrate --old-config /join.yaml");
    assert!(!empty.status.success(), "{empty:?}");
    assert!(empty.stderr.contains("token"), "{empty:?}");
    let hash = format!("caCertHashes: ['sha256:{}']", "0f".repeat(32));
    let filled = text
        .replace("token: \"\"", "token: abcdef.0123456789abcdef")
        .replace("caCertHashes: []", &hash);
    masters.write("m2/join.yaml", &filled);
    let migrated = masters.demand("m2", "config migrate --old-config /join.yaml");
    assert!(
        migrated.contains("apiServerEndpoint: 10.0.0.100:6443"),
        "{migrated}"
    );
    assert!(
        migrated.contains("advertiseAddress: 10.0.0.12"),
        "{migrated}"
    );
}
