//! One bad manifest for each rule, derived from a good one by a small edit: it must trigger that
//! rule and no other, and the good ones none.

use std::collections::BTreeSet;

use super::*;
use crate::manifest::pod::StaticPod;
use crate::manifest::{ClusterState, EtcdConfig, EtcdPkiPaths, EtcdPodConfig, EtcdPorts, render};
use crate::model::{ClusterId, MemberId};

mod cases;

const APISERVER: &str = include_str!("../../../tests/data/manifests/apiserver-kubeadm-1.20.yaml");
const DIRECTORY: &str = "etc/kubernetes/manifests";

fn now() -> jiff::Timestamp {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

fn config(name: &str, members: &[&str], version: &str) -> EtcdPodConfig {
    let path = |file: &str| format!("/etc/kubernetes/pki/etcd/{file}").into();
    let address = |name: &str| format!("10.0.0.1{}", &name[1..]);
    let url = |name: &&str| {
        let url = format!("https://{}:2380", address(name)).parse().unwrap();
        ((*name).to_owned(), url)
    };
    let state = if members.len() > 1 {
        ClusterState::Existing
    } else {
        ClusterState::New
    };
    EtcdPodConfig {
        etcd: EtcdConfig {
            name: name.parse().unwrap(),
            advertise_address: address(name).parse().unwrap(),
            extra_listen_addresses: Vec::new(),
            version: version.parse().unwrap(),
            data_dir: "/var/lib/etcd".into(),
            pki: EtcdPkiPaths {
                server_cert: path("server.crt"),
                server_key: path("server.key"),
                trusted_ca: path("ca.crt"),
                peer_cert: path("peer.crt"),
                peer_key: path("peer.key"),
                peer_trusted_ca: path("ca.crt"),
            },
            ports: EtcdPorts::default(),
            initial_cluster: members.iter().map(url).collect(),
            state,
            cluster_token: None,
            quota_backend_bytes: Some(8 << 30),
            snapshot_count: 10_000,
            extra_args: Vec::new(),
        },
        image: format!("registry.k8s.io/etcd:{version}-0"),
        resources: crate::model::Resources::default(),
        attempt: None,
    }
}

/// The manifest of a member as etcdha renders it.
fn member(name: &str, members: &[&str]) -> String {
    render(&config(name, members, "3.5.16")).unwrap()
}

/// The manifest most cases start from: the third of three members.
fn etcd() -> String {
    member("m3", &["m1", "m2", "m3"])
}

/// Replaces text that must be there.
fn edited(text: &str, edits: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from:?} is not in\n{text}");
        text = text.replacen(from, to, 1);
    }
    text
}

fn file(name: &str, text: &str) -> LintFile {
    let pod = StaticPod::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}\n{text}"));
    LintFile::new(name, pod)
}

fn at_home(name: &str, text: &str) -> LintFile {
    file(&format!("{DIRECTORY}/{name}"), text)
}

/// A certificate with which nothing is wrong on the hosts of these tests.
fn good_certificate() -> CertificateFact {
    let addresses = ["10.0.0.11", "10.0.0.12", "10.0.0.13", "127.0.0.1", "::1"];
    CertificateFact {
        dns_names: vec!["m3".into(), "localhost".into()],
        ip_addresses: addresses.iter().map(|ip| ip.parse().unwrap()).collect(),
        server_auth: true,
        client_auth: true,
        is_ca: true,
        not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
        not_after: "2036-01-01T00:00:00Z".parse().unwrap(),
        fingerprint: "one".into(),
    }
}

/// Fills in what a host without any fault would show.
fn with_good_evidence(mut files: Vec<LintFile>) -> Vec<LintFile> {
    let wanted = wanted(&files);
    for (file, wanted) in files.iter_mut().zip(wanted) {
        let volumes = file
            .pod
            .volumes
            .iter()
            .filter_map(|volume| match &volume.source {
                crate::manifest::pod::VolumeSource::HostPath { path, .. } => {
                    Some(path.value.clone())
                }
                crate::manifest::pod::VolumeSource::Other(_) => None,
            });
        let volumes: BTreeSet<String> = volumes.collect();
        let evidence = &mut file.evidence;
        for path in wanted.paths {
            let fact = match volumes.contains(&path) {
                true => PathFact::Directory,
                false => PathFact::File { mode: 0o600 },
            };
            evidence.paths.insert(path, fact);
        }
        let certificates = wanted.certificates.into_iter();
        evidence.certificates = certificates
            .map(|path| (path, Ok(good_certificate())))
            .collect();
        evidence.signatures = wanted
            .signatures
            .into_iter()
            .map(|pair| (pair, true))
            .collect();
        evidence.key_pairs = wanted
            .key_pairs
            .into_iter()
            .map(|pair| (pair, true))
            .collect();
        let data = wanted.data_dirs.into_iter();
        evidence.data_dirs = data.map(|path| (path, DataDirFact::Fresh)).collect();
        evidence.mode = Some(0o600);
        evidence.now = Some(now());
        evidence.cluster = Some(ClusterId(1));
    }
    files
}

fn rules_of(report: &LintReport) -> Vec<&'static str> {
    let rules: BTreeSet<&'static str> = report.findings.iter().map(|f| f.rule).collect();
    rules.into_iter().collect()
}

fn shown(report: &LintReport) -> String {
    let lines = report.findings.iter().map(|finding| {
        let Finding {
            rule,
            name,
            severity,
            file,
            line,
            message,
            fix,
            ..
        } = finding;
        format!("{file}:{line} {severity} {rule} {name}\n    {message}\n    fix: {fix}\n")
    });
    lines.collect()
}

#[test]
fn rendered_manifests_trigger_no_rule() {
    for version in [
        "3.4.10", "3.4.23", "3.4.45", "3.5.2", "3.5.10", "3.5.16", "3.5.33", "3.6.4",
    ] {
        for (name, members) in [("m1", &["m1"][..]), ("m3", &["m1", "m2", "m3"])] {
            let text = render(&config(name, members, version)).unwrap();
            let files = with_good_evidence(vec![at_home("etcd.yaml", &text)]);
            let report = lint(&files);
            assert_eq!(shown(&report), "", "{version} {name}");
            assert_eq!(report.unchecked, [], "{version} {name}");
        }
    }
}

#[test]
fn the_manifests_of_a_grown_cluster_agree() {
    let texts = [
        ("a/etcd.yaml", member("m1", &["m1"])),
        ("b/etcd.yaml", member("m2", &["m1", "m2"])),
        ("c/etcd.yaml", member("m3", &["m1", "m2", "m3"])),
    ];
    let files: Vec<LintFile> = texts.iter().map(|(name, text)| file(name, text)).collect();
    assert_eq!(shown(&lint(&with_good_evidence(files.clone()))), "");
    // Without any evidence nothing is guessed, and what was not looked at is told.
    let report = lint(&files);
    assert_eq!(shown(&report), "");
    assert!(
        report
            .unchecked
            .iter()
            .any(|unchecked| unchecked.rule == "M070")
    );
}

#[test]
fn flags_of_a_release_after_ours_are_not_called_unknown() {
    let newer = edited(
        &etcd(),
        &[
            ("etcd:3.5.16-0", "etcd:3.7.1-0"),
            ("--name=m3", "--name=m3\n    - --some-new-flag=1"),
        ],
    );
    let report = lint(&[file("etcd.yaml", &newer)]);
    assert_eq!(shown(&report), "");
    assert!(
        report
            .unchecked
            .iter()
            .any(|unchecked| unchecked.rule == "M051")
    );
}

#[test]
fn an_apiserver_and_its_etcd_agree() {
    let etcd = render(&config("m1", &["m1"], "3.4.13")).unwrap();
    let files = vec![
        at_home("etcd.yaml", &etcd),
        at_home("kube-apiserver.yaml", APISERVER),
    ];
    let report = lint(&with_good_evidence(files));
    assert_eq!(shown(&report), "");
    assert_eq!(report.unchecked, []);
}

#[test]
fn each_rule_finds_its_own_mistake_and_nothing_else() {
    let mut failures = String::new();
    for case in cases::all() {
        let report = lint(&case.files);
        if rules_of(&report) != [case.rule] {
            failures.push_str(&format!("{} gave:\n{}", case.rule, shown(&report)));
        }
    }
    assert_eq!(failures, "");
}

#[test]
fn every_rule_has_a_case_and_ids_ascend() {
    let ids: Vec<&str> = all_rules().map(|rule| rule.id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    let tested: BTreeSet<&str> = cases::all().iter().map(|case| case.rule).collect();
    let untested: Vec<&str> = ids
        .iter()
        .copied()
        .filter(|id| !tested.contains(id))
        .collect();
    // A file that is no pod never comes to the rules.
    assert_eq!(untested, ["M000"]);
    let names: BTreeSet<&str> = all_rules().map(|rule| rule.name).collect();
    assert_eq!(names.len(), ids.len());
}

#[test]
fn a_hand_written_manifest_is_wrong_in_each_of_its_ways_in_one_run() {
    let text = edited(
        include_str!("../../../tests/data/manifests/etcd-by-hand.yaml"),
        &[
            ("        - etcd2\n", "        - etcd-2\n"),
            ("        - --client-cert-auth\n", ""),
            (
                "--peer-cert-file=/etc/etcd/pki/",
                "--peer-cert-file=/etc/etcd-peer/",
            ),
            ("path: /etc/etcd/pki,", "path: /etc/etcd/certs,"),
        ],
    );
    let mut files = with_good_evidence(vec![file("etcd2.yaml", &text)]);
    let evidence = &mut files[0].evidence;
    evidence.paths.clear();
    let mut server = good_certificate();
    server.dns_names = vec!["localhost".into()];
    evidence
        .certificates
        .insert("/etc/etcd/certs/server.pem".into(), Ok(server));
    insta::assert_snapshot!(shown(&lint(&files)), @r#"
    etcd2.yaml:19 error M021 client-cert-auth-off
        --client-cert-auth is off: only a side effect of --trusted-ca-file keeps strangers away from 10.1.1.202:2379 and every Secret
        fix: add --client-cert-auth=true
    etcd2.yaml:23 error M040 name-not-in-initial-cluster
        --name=etcd-2 is not in --initial-cluster, which lists etcd1, etcd2, etcd3
        fix: --name=etcd2, or list etcd-2
    etcd2.yaml:36 error M070 san-lacks-advertised
        the certificate names localhost 10.0.0.11 10.0.0.12 10.0.0.13 127.0.0.1 ::1, not 10.1.1.202 that --advertise-client-urls advertises
        fix: issue it again with 10.1.1.202: etcdha certs renew
    etcd2.yaml:39 error M012 cert-outside-mounts
        --peer-cert-file=/etc/etcd-peer/peer2.pem is in no volumeMount of this container
        fix: mount /etc/etcd-peer
    etcd2.yaml:49 warning M013 mount-elsewhere
        --cert-file=/etc/etcd/pki/server.pem is /etc/etcd/certs/server.pem on the host: the mount shows another directory
        fix: mount the directory the flags name, at the same path
    "#);
}

#[test]
fn what_kubeadm_writes_is_judged_by_its_release() {
    let old = include_str!("../../../tests/data/manifests/etcd-kubeadm-1.20.yaml");
    let new = include_str!("../../../tests/data/manifests/etcd-kubeadm-1.34.yaml");
    let files = vec![file("old/etcd.yaml", old), file("new/etcd.yaml", new)];
    insta::assert_snapshot!(shown(&lint(&files)), @r#"
    old/etcd.yaml:14 warning M066 quota-default
        no quota is set: writes stop when the database reaches 2 GiB
        fix: add --quota-backend-bytes=8589934592
    old/etcd.yaml:39 warning M060 liveness-on-quota
        the liveness probe fails when the quota is used up, and the kubelet kills etcd again and again
        fix: probe /metrics instead
    old/etcd.yaml:39 warning M061 liveness-needs-leader
        the liveness probe fails while there is no leader, and the kubelet kills etcd again and again
        fix: probe /metrics instead
    new/etcd.yaml:13 warning M066 quota-default
        no quota is set: writes stop when the database reaches 2 GiB
        fix: add --quota-backend-bytes=8589934592
    new/etcd.yaml:21 warning M097 even-members
        2 members tolerate 0 failures, no more than 1 would
        fix: use an odd number of members
    new/etcd.yaml:35 error M095 releases-apart
        etcd 3.6.4 here, 3.4.13 in old/etcd.yaml: more than one minor release
        fix: upgrade one minor release at a time
    new/etcd.yaml:69 warning M063 startup-kills-learner
        the startup probe fails until the joining member is promoted, and after 240 s the kubelet kills it
        fix: probe /livez
    "#);
}

#[test]
fn values_that_are_not_in_the_file_are_not_judged() {
    let text = edited(
        &etcd(),
        &[
            ("--name=m3", "--name=$(NODE)"),
            ("--data-dir=/var/lib/etcd", "--data-dir=$(DATA)"),
            (
                "--listen-client-urls=https://127.0.0.1:2379,https://10.0.0.13:2379",
                "--listen-client-urls=$(LISTEN)",
            ),
            (
                "    image:",
                "    env:\n    - {name: NODE, valueFrom: {fieldRef: {}}}\n    - {name: DATA, valueFrom: {}}\n    - {name: LISTEN, valueFrom: {}}\n    image:",
            ),
        ],
    );
    assert_eq!(
        shown(&lint(&with_good_evidence(vec![file("etcd.yaml", &text)]))),
        ""
    );
}

fn identity(cluster: u64, member: u64) -> DataDirFact {
    let (cluster, member) = (ClusterId(cluster), MemberId(member));
    DataDirFact::Member(Some(MemberIdentity { cluster, member }))
}

mod damage {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn damaged_manifests_are_linted_without_a_panic(
            pick in 0..3_usize, cut in any::<prop::sample::Index>(),
            insert in "[-:{}\\[\\]&*|>'\"#,=%$()/\t\n a0]{0,6}", drop in 0..40_usize,
        ) {
            let text = [etcd(), APISERVER.to_owned(), member("m1", &["m1"])][pick].clone();
            let at = cut.index(text.len());
            let end = (at + drop).min(text.len());
            let damaged = format!("{}{insert}{}", &text[..at], &text[end..]);
            if let Ok(pod) = StaticPod::parse(damaged.as_bytes()) {
                let whole = at_home("b.yaml", &etcd());
                let files = vec![LintFile::new("etc/kubernetes/manifests/a.yaml", pod), whole];
                let _ = lint(&files);
                let _ = lint(&with_good_evidence(files));
            }
        }
    }
}
