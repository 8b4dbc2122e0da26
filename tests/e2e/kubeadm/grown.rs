//! On nodes that etcdha has grown, kubeadm finds everything that it expects.

use std::collections::BTreeMap;
use std::path::Path;

use etcdha_testbed::kubernetes::{Kubeadm, Kubernetes};
use etcdha_testbed::{EtcdRelease, Host, Output, capture};

use super::master::{Masters, flag, flags, pod};
use crate::cluster::Cluster;

/// What kubeadm calls the certificates of etcd that a member needs.
const OF_ETCD: [&str; 4] = [
    "apiserver-etcd-client",
    "etcd-healthcheck-client",
    "etcd-peer",
    "etcd-server",
];

const PKI: &str = "/etc/kubernetes/pki";

fn kubeadm(host: &Host, words: &str) -> Output {
    let program = Kubernetes::find().program("kubeadm").unwrap();
    let mut command = host.command(program).unwrap();
    capture(command.args(words.split_whitespace())).unwrap()
}

/// The lines of `kubeadm certs check-expiration` by certificate.
fn expirations(host: &Host) -> BTreeMap<String, String> {
    let words = format!("certs check-expiration --cert-dir {PKI}");
    let output = kubeadm(host, &words);
    assert!(output.status.success(), "{output:?}");
    let lines = output.stdout.lines().filter_map(|line| {
        let name = line.split_whitespace().next()?;
        Some((name.to_owned(), line.to_owned()))
    });
    lines.collect()
}

/// The pairs that etcdha made, to see that kubeadm takes them over as they are.
fn pairs(host: &Host) -> Vec<Vec<u8>> {
    let stems = [
        "etcd/server",
        "etcd/peer",
        "etcd/healthcheck-client",
        "apiserver-etcd-client",
    ];
    let files = stems
        .iter()
        .flat_map(|stem| [format!("{stem}.crt"), format!("{stem}.key")]);
    let read = |file| std::fs::read(host.path(Path::new(PKI).join(file))).unwrap();
    files.map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn kubeadm_takes_over_what_etcdha_has_grown() {
    let release = EtcdRelease::V3_4;
    let cluster = Cluster::single(release).await;
    cluster.run_expecting(0, &["member", "add", "m2", "m3", "--yes"]);
    let m1 = cluster.host("m1");
    Kubeadm::new(m1, release)
        .unwrap()
        .phase(&["certs", "all"])
        .unwrap();
    for name in ["m2", "m3"] {
        let host = cluster.host(name);
        for (kind, line) in expirations(host) {
            let made = OF_ETCD.contains(&kind.as_str()) || kind == "etcd-ca";
            let missing = line.contains("MISSING") || line.contains("invalid");
            assert!(!(made && missing), "before kubeadm made anything: {line}");
        }

        let grown = pairs(host);
        let master = Kubeadm::new(host, release).unwrap();
        master.take_authorities(m1).unwrap();
        master.phase(&["certs", "all"]).unwrap();
        master.phase(&["kubeconfig", "all"]).unwrap();
        assert_eq!(
            pairs(host),
            grown,
            "kubeadm verifies the pairs and keeps them"
        );

        let found = expirations(host);
        for kind in OF_ETCD {
            assert!(found.contains_key(kind), "{kind}: {found:?}");
        }
        for line in found.values() {
            let lower = line.to_ascii_lowercase();
            assert!(
                !lower.contains("missing") && !lower.contains("invalid"),
                "{found:?}"
            );
        }

        // kubeadm renews what etcdha issued, with the names it finds in it.
        let renewed = kubeadm(host, &format!("certs renew etcd-server --cert-dir {PKI}"));
        assert!(renewed.status.success(), "{renewed:?}");
        assert_ne!(pairs(host), grown);

        kubeadm_would_find(host, release);
    }
    // etcd reads pairs anew for each connection: those that kubeadm renewed serve, too.
    cluster.run_expecting(0, &["status"]);
}

/// `kubeadm join` and `kubeadm upgrade` list the pods with these labels and dial what this annotation
/// says; `kubeadm upgrade` writes the manifest anew with these names, addresses and paths.
fn kubeadm_would_find(host: &Host, release: EtcdRelease) {
    let path = host.manifest_path("etcd.yaml");
    let grown = pod(&std::fs::read_to_string(&path).unwrap());
    // Not on the host, where the kubelet would run it.
    let elsewhere = Masters::empty();
    let config = Kubeadm::new(host, release).unwrap().configuration();
    elsewhere.write("host/etc/kubernetes/kubeadm.yaml", &config);
    elsewhere.demand(
        "host",
        "init phase etcd local --config /etc/kubernetes/kubeadm.yaml",
    );
    let own = elsewhere.pod("host", "etcd");
    for part in ["labels", "annotations", "name", "namespace"] {
        assert_eq!(grown["metadata"][part], own["metadata"][part], "{part}");
    }
    let (grown_flags, own_flags) = (flags(&grown), flags(&own));
    for name in [
        "name",
        "data-dir",
        "advertise-client-urls",
        "initial-advertise-peer-urls",
        "listen-client-urls",
        "listen-peer-urls",
        "listen-metrics-urls",
        "cert-file",
        "key-file",
        "trusted-ca-file",
        "peer-cert-file",
        "peer-key-file",
        "peer-trusted-ca-file",
    ] {
        assert_eq!(flag(&grown_flags, name), flag(&own_flags, name), "{name}");
    }
    let mounts = |pod: &serde_json::Value| pod["spec"]["containers"][0]["volumeMounts"].clone();
    assert_eq!(mounts(&grown), mounts(&own));
}
