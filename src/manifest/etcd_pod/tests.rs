//! Pods rendered for the releases and layouts that differ.

use std::path::PathBuf;

use super::*;
use crate::manifest::pod::StaticPod;
use crate::model::{ExtraArg, PeerUrl, ResourceList, Resources};

fn pki(directory: &str) -> EtcdPkiPaths {
    let path = |name: &str| PathBuf::from(format!("{directory}/{name}"));
    EtcdPkiPaths {
        server_cert: path("server.crt"),
        server_key: path("server.key"),
        trusted_ca: path("ca.crt"),
        peer_cert: path("peer.crt"),
        peer_key: path("peer.key"),
        peer_trusted_ca: path("ca.crt"),
    }
}

fn url(text: &str) -> PeerUrl {
    text.parse().unwrap()
}

/// m1 alone.
fn first(version: &str) -> EtcdPodConfig {
    EtcdPodConfig {
        etcd: EtcdConfig {
            name: "m1".parse().unwrap(),
            advertise_address: "10.0.0.11".parse().unwrap(),
            extra_listen_addresses: Vec::new(),
            version: version.parse().unwrap(),
            data_dir: "/var/lib/etcd".into(),
            pki: pki("/etc/kubernetes/pki/etcd"),
            ports: EtcdPorts::default(),
            initial_cluster: vec![("m1".into(), url("https://10.0.0.11:2380"))],
            state: ClusterState::New,
            cluster_token: None,
            quota_backend_bytes: None,
            snapshot_count: 10_000,
            extra_args: Vec::new(),
        },
        image: format!("registry.k8s.io/etcd:{version}-0"),
        resources: Resources::default(),
        attempt: None,
    }
}

/// m2 joining m1.
fn joining(version: &str) -> EtcdPodConfig {
    let mut config = first(version);
    config.etcd.name = "m2".parse().unwrap();
    config.etcd.advertise_address = "10.0.0.12".parse().unwrap();
    config
        .etcd
        .initial_cluster
        .push(("m2".into(), url("https://10.0.0.12:2380")));
    config.etcd.state = ClusterState::Existing;
    config
}

fn extra(name: &str, value: &str) -> ExtraArg {
    ExtraArg {
        name: name.into(),
        value: value.into(),
    }
}

/// The lines that begin with one of `starts`, trimmed.
fn lines(text: &str, starts: &[&str]) -> String {
    let lines = text.lines().map(str::trim);
    let wanted = lines.filter(|line| starts.iter().any(|start| line.starts_with(start)));
    wanted.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_join_on_3_6_in_full() {
    insta::assert_snapshot!(render(&joining("3.6.4")).unwrap());
}

#[test]
fn a_first_member_is_kubeadms_own_manifest() {
    // The recorded manifest of kubeadm 1.34 is m2's join; ours differs in the patience of its probes.
    let kubeadm = include_str!("../../../tests/data/manifests/etcd-kubeadm-1.34.yaml");
    let ours = render(&joining("3.6.4")).unwrap();
    let differ: Vec<(&str, &str)> = kubeadm
        .lines()
        .zip(ours.lines())
        .filter(|(theirs, ours)| theirs != ours)
        .collect();
    assert_eq!(kubeadm.lines().count(), ours.lines().count());
    assert_eq!(
        differ,
        [
            ("      failureThreshold: 8", "      failureThreshold: 24"),
            ("        path: /readyz", "        path: /livez"),
        ]
    );
}

#[test]
fn flags_and_probes_follow_the_release() {
    let mut shown = String::new();
    for version in [
        "3.4.10", "3.4.23", "3.4.29", "3.5.2", "3.5.10", "3.5.16", "3.6.4",
    ] {
        for config in [first(version), joining(version)] {
            let text = render(&config).unwrap();
            let starts = [
                "- --exp", "- --fea", "- --wat", "path: /h", "path: /l", "path: /m", "path: /r",
            ];
            let state = config.etcd.state;
            let lines = lines(&text, &starts)
                .replace('\n', "  ")
                .replace("- --", "--");
            shown.push_str(&format!("{version} {state:?}: {lines}\n"));
        }
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn addresses_of_both_families_are_listened_on() {
    let mut config = first("3.5.16");
    config.etcd.advertise_address = "fd00::11".parse().unwrap();
    config.etcd.extra_listen_addresses = vec!["10.0.0.11".parse().unwrap()];
    config.etcd.initial_cluster = vec![("m1".into(), url("https://[fd00::11]:2380"))];
    let text = render(&config).unwrap();
    insta::assert_snapshot!(lines(&text, &["- --li", "- --in", "- --ad", "kubeadm", "host:"]), @r#"
    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://[fd00::11]:2379
    - --advertise-client-urls=https://[fd00::11]:2379
    - --initial-advertise-peer-urls=https://[fd00::11]:2380
    - --initial-cluster=m1=https://[fd00::11]:2380
    - --listen-client-urls=https://[::1]:2379,https://[fd00::11]:2379,https://10.0.0.11:2379
    - --listen-metrics-urls=http://[::1]:2381
    - --listen-peer-urls=https://[fd00::11]:2380,https://10.0.0.11:2380
    host: ::1
    host: ::1
    host: ::1
    "#);
}

#[test]
fn mounts_follow_the_paths_and_extra_arguments_decide() {
    let mut config = first("3.5.16");
    config.etcd.pki = pki("/etc/etcd/pki");
    config.etcd.pki.peer_cert = "/etc/etcd/pki/peers/m1.pem".into();
    config.etcd.pki.trusted_ca = "/srv/trust/ca.pem".into();
    config.etcd.quota_backend_bytes = Some(8 << 30);
    config.etcd.cluster_token = Some("prod".into());
    config.etcd.extra_args = vec![
        extra("data-dir", "/data/etcd"),
        extra("wal-dir", "/fast/wal"),
        extra("listen-metrics-urls", "http://0.0.0.0:9381"),
        extra("advertise-client-urls", "https://m1.example.com:2379"),
        extra("log-outputs", "stderr"),
        extra("log-outputs", "/tmp/log"),
    ];
    config.resources = Resources {
        requests: ResourceList {
            cpu: Some("2".into()),
            memory: None,
        },
        limits: ResourceList {
            cpu: None,
            memory: Some("8Gi".into()),
        },
    };
    config.attempt = Some(2);
    let text = render(&config).unwrap();
    assert_eq!(attempt_of(&text), Some(2));
    let starts = [
        "- mountPath",
        "path:",
        "- --data",
        "- --wal",
        "- --log",
        "- --adv",
        "- --quota",
        "- --initial-cluster-token",
        "host:",
        "port:",
        "kubeadm",
        "etcdha",
        "cpu",
        "memory",
        "limits",
    ];
    insta::assert_snapshot!(lines(&text, &starts), @r#"
    etcdha.dev/attempt: "2"
    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://m1.example.com:2379
    - --advertise-client-urls=https://m1.example.com:2379
    - --data-dir=/data/etcd
    - --initial-cluster-token=prod
    - --log-outputs=stderr
    - --log-outputs=/tmp/log
    - --quota-backend-bytes=8589934592
    - --wal-dir=/fast/wal
    host: 127.0.0.1
    path: /livez
    port: 9381
    host: 127.0.0.1
    path: /readyz
    port: 9381
    limits:
    memory: 8Gi
    cpu: "2"
    memory: 100Mi
    host: 127.0.0.1
    path: /readyz
    port: 9381
    - mountPath: /data/etcd
    - mountPath: /fast/wal
    - mountPath: /etc/etcd/pki
    - mountPath: /srv/trust
    path: /etc/etcd/pki
    path: /srv/trust
    path: /data/etcd
    path: /fast/wal
    "#);
}

#[test]
fn what_etcd_would_refuse_is_refused_here() {
    let broken = |change: fn(&mut EtcdPodConfig)| {
        let mut config = joining("3.5.16");
        change(&mut config);
        render(&config).unwrap_err().to_string()
    };
    insta::assert_snapshot!(
        [
            broken(|c| c.etcd.data_dir = "data".into()),
            broken(|c| c.etcd.name = "m3".parse().unwrap()),
            broken(|c| c.etcd.initial_cluster[1].1 = url("https://10.0.0.11:2380")),
            broken(|c| drop(c.etcd.initial_cluster.remove(0))),
            broken(|c| c.etcd.extra_args = vec![extra("quota-backend-byte", "1")]),
            broken(|c| c.etcd.extra_args = vec![extra("corrupt-check-time", "1h")]),
            broken(|c| c.etcd.extra_args = vec![extra("name", "m2\n")]),
            broken(|c| c.etcd.extra_args = vec![extra("listen-metrics-urls", "https://10.0.0.12:1")]),
            broken(|c| c.image = "registry.k8s.io/etcd:3.6.4-0".into()),
        ]
        .join("\n"),
        @r#"
        --data-dir: "data" is no absolute path of printable characters
        --initial-cluster does not list m3=https://10.0.0.12:2380; found "m1=https://10.0.0.11:2380,m2=https://10.0.0.12:2380"
        --initial-cluster lists https://10.0.0.11:2380 twice, for m1 and m2
        m2 joins an existing cluster but --initial-cluster lists no other member
        --quota-backend-byte is no flag of etcd 3.5.16; expected --quota-backend-bytes
        --corrupt-check-time is no flag of etcd 3.5.16; expected --experimental-corrupt-check-time
        --name: "m2\n" holds a control character
        --listen-metrics-urls=https://10.0.0.12:1 has no http URL: the kubelet's probes carry no client certificate; expected for example http://127.0.0.1:2381
        image registry.k8s.io/etcd:3.6.4-0 is etcd 3.6.4, but version is 3.5.16
        "#
    );
}

#[test]
fn the_renderer_and_the_reader_agree() {
    for config in [first("3.4.23"), joining("3.6.4")] {
        let text = render(&config).unwrap();
        assert_eq!(text, render(&config).unwrap());
        let pod = StaticPod::parse(text.as_bytes()).unwrap();
        assert_eq!(pod.name(), "etcd");
        assert!(holds_etcd_pod(&text));
        assert_eq!(attempt_of(&text), None);
    }
    assert!(!holds_etcd_pod(include_str!(
        "../../../tests/data/manifests/apiserver-by-hand.yaml"
    )));
    assert!(!holds_etcd_pod("no pod"));
}
