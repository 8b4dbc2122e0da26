//! `manifest etcd`, `systemd` and `lint` from the command line.

use std::os::unix::fs::PermissionsExt;

use crate::harness::{Run, Sandbox};

const CLUSTER: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
etcd: {version: 3.5.16, quotaBackendBytes: 8589934592}
members:
  - {name: m1, address: 10.0.0.11}
  - {name: m2, address: 10.0.0.12}
  - {name: m3, address: 10.0.0.13}
";
const BY_HAND: &str = include_str!("../data/manifests/etcd-by-hand.yaml");
const APISERVER: &str = include_str!("../data/manifests/apiserver-kubeadm-1.20.yaml");

fn declared() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("etcdha.yaml", CLUSTER);
    sandbox
}

/// What stands on stdout, after a check that the run went well.
fn good(run: &Run) -> &str {
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    &run.stdout
}

fn edited(text: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from:?}");
        text.replacen(from, to, 1)
    })
}

#[test]
fn a_hand_written_manifest_is_told_its_mistakes() {
    let sandbox = Sandbox::new();
    let text = edited(
        BY_HAND,
        &[
            (
                "--cert-file=/etc/etcd/pki/server.pem",
                "--cert-file=/etc/etcd/certs/server.pem",
            ),
            ("        - --trusted-ca-file=/etc/etcd/pki/ca.pem\n", ""),
            ("        - --client-cert-auth\n", ""),
            ("        - --quota-backend-bytes=8589934592   # 8 GiB\n", ""),
        ],
    );
    sandbox.file("etcd2.yaml", &text);
    insta::assert_snapshot!(sandbox.run("manifest lint etcd2.yaml --no-host-files").all(), @r#"
    exit 5
    --- stdout
    etcd2.yaml:19  error    M021 client-cert-auth-off
        anyone who reaches 10.1.1.202:2379 can read and write every Secret
        fix: add --client-cert-auth=true
    etcd2.yaml:19  warning  M066 quota-default
        no quota is set: writes stop when the database reaches 2 GiB
        fix: add --quota-backend-bytes=8589934592
    etcd2.yaml:36  error    M012 cert-outside-mounts
        --cert-file=/etc/etcd/certs/server.pem is in no volumeMount of this container
        fix: mount /etc/etcd/certs, or use a path under /etc/etcd/pki
    2 errors, 1 warning in 1 file
    15 rules not applied for lack of the hosts' files: --root DIR tells where they are, -o json lists the rules
    --- stderr
    "#);
    let errors = sandbox.run("manifest lint etcd2.yaml --no-host-files --errors-only -q");
    assert_eq!(errors.code, 5);
    assert!(
        errors.stdout.ends_with("2 errors, 0 warnings in 1 file\n"),
        "{}",
        errors.stdout
    );
}

#[test]
fn warnings_are_no_failure_unless_asked_for() {
    let sandbox = Sandbox::new();
    let text = edited(BY_HAND, &[("bytes=8589934592", "bytes=17179869184")]);
    sandbox.file("etcd.yaml", &text);
    assert_eq!(
        sandbox.run("manifest lint etcd.yaml --no-host-files").code,
        0
    );
    assert_eq!(
        sandbox
            .run("manifest lint etcd.yaml --no-host-files --strict")
            .code,
        5
    );
}

#[test]
fn findings_are_a_document_for_programs() {
    let sandbox = Sandbox::new();
    let text = edited(
        APISERVER,
        &[("https://127.0.0.1:2379", "http://127.0.0.1:2379")],
    );
    sandbox.file("kube-apiserver.yaml", &text);
    let run = sandbox.run("manifest lint kube-apiserver.yaml --no-host-files -o json");
    assert_eq!(run.code, 5);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(document["kind"], "ManifestLint");
    assert_eq!(document["errors"], 1);
    insta::assert_snapshot!(serde_json::to_string_pretty(&document["findings"][0]).unwrap(), @r#"
    {
      "rule": "M081",
      "name": "etcd-servers-http",
      "severity": "error",
      "path": "kube-apiserver.yaml",
      "line": 25,
      "column": 7,
      "message": "http://127.0.0.1:2379: clear text, from an etcd that takes writes from anyone",
      "fix": "use https"
    }
    "#);
    assert_eq!(document["unchecked"][0]["rule"], "M004");
}

#[test]
fn what_is_no_pod_is_a_finding_and_what_is_missing_an_error() {
    let sandbox = Sandbox::new();
    sandbox.file("etcd.yaml", "kind: Pod\nspec:\n  containers: etcd\n");
    insta::assert_snapshot!(sandbox.run("manifest lint etcd.yaml").all(), @r#"
    exit 5
    --- stdout
    etcd.yaml:1  error    M000 not-a-pod
        no apiVersion; expected apiVersion: v1
        fix: make it one Pod in YAML or JSON
    1 error, 0 warnings in 1 file
    --- stderr
    "#);
    insta::assert_snapshot!(sandbox.run("manifest lint none.yaml").all(), @r#"
    exit 1
    --- stdout
    --- stderr
    error: read none.yaml
      No such file or directory (os error 2)
    "#);
    sandbox.file(
        "empty/readme",
        "kind: Pod\napiVersion: v1\nmetadata: {}\nspec: {containers: [{name: a}]}",
    );
    insta::assert_snapshot!(sandbox.run("manifest lint empty").all(), @r#"
    exit 2
    --- stdout
    --- stderr
    error: no manifest of etcd or kube-apiserver in empty
    fix: name the manifests to lint
    "#);
}

/// A node below `NAME/`, with its certificates and what etcdha renders for it.
fn node(sandbox: &Sandbox, name: &str, manifest: &str) {
    let pki = format!("{name}/etc/kubernetes/pki/etcd");
    let mut ca = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_key = rcgen::KeyPair::generate().unwrap();
    sandbox.file(
        &format!("{pki}/ca.crt"),
        &ca.self_signed(&ca_key).unwrap().pem(),
    );
    let issuer = rcgen::Issuer::new(ca, ca_key);
    for pair in ["server", "peer"] {
        let address = format!("10.0.0.1{}", &name[1..]);
        let names = [name, "localhost", "127.0.0.1", &address].map(str::to_owned);
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![
            rcgen::ExtendedKeyUsagePurpose::ServerAuth,
            rcgen::ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        sandbox.file(&format!("{pki}/{pair}.crt"), &certificate.pem());
        let key_file = format!("{pki}/{pair}.key");
        sandbox.file(&key_file, &key.serialize_pem());
        chmod(sandbox, &key_file);
    }
    let file = format!("{name}/etc/kubernetes/manifests/etcd.yaml");
    sandbox.file(&file, manifest);
    chmod(sandbox, &file);
}

fn chmod(sandbox: &Sandbox, name: &str) {
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(sandbox.path().join(name), mode).unwrap();
}

#[test]
fn rendered_manifests_and_their_hosts_pass_and_strangers_do_not() {
    let sandbox = declared();
    for name in ["m1", "m2"] {
        let run = sandbox.run(&format!("manifest etcd {name}"));
        node(&sandbox, name, good(&run));
    }
    let alone = sandbox.run("manifest lint m1/etc/kubernetes/manifests");
    assert_eq!(good(&alone), "Nothing is wrong in 1 file\n");
    // Each has a CA of its own, which only shows when they are held against each other.
    let both = sandbox
        .run("manifest lint m1/etc/kubernetes/manifests m2/etc/kubernetes/manifests/etcd.yaml -q");
    insta::assert_snapshot!(both.all(), @r#"
    exit 5
    --- stdout
    m2/etc/kubernetes/manifests/etcd.yaml:31  error    M094 ca-differs
        --peer-trusted-ca-file holds another CA than in m1/etc/kubernetes/manifests/etcd.yaml
        fix: install the same CA file on every host
    m2/etc/kubernetes/manifests/etcd.yaml:34  error    M094 ca-differs
        --trusted-ca-file holds another CA than in m1/etc/kubernetes/manifests/etcd.yaml
        fix: install the same CA file on every host
    2 errors, 0 warnings in 2 files
    --- stderr
    "#);
    // A backup in the manifest directory, and a manifest on the wrong host.
    let m2 = sandbox.read("m2/etc/kubernetes/manifests/etcd.yaml");
    sandbox.file("m1/etc/kubernetes/manifests/etcd.yaml.bak", &m2);
    let run = sandbox.run("manifest lint m1/etc/kubernetes/manifests/etcd.yaml m1/etc/kubernetes/manifests/etcd.yaml.bak -q --errors-only");
    insta::assert_snapshot!(run.all(), @r#"
    exit 5
    --- stdout
    m1/etc/kubernetes/manifests/etcd.yaml.bak:9  error    M003 two-files-one-pod
        m1/etc/kubernetes/manifests/etcd.yaml is pod "etcd" as well: the kubelet runs one of the two
        fix: move one of them out of the manifest directory
    m1/etc/kubernetes/manifests/etcd.yaml.bak:16  error    M070 san-lacks-advertised
        the certificate names m1 localhost 127.0.0.1 10.0.0.11, not 10.0.0.12 that --advertise-client-urls advertises
        fix: issue it again with 10.0.0.12: etcdha certs renew
    m1/etc/kubernetes/manifests/etcd.yaml.bak:28  error    M070 san-lacks-advertised
        the certificate names m1 localhost 127.0.0.1 10.0.0.11, not 10.0.0.12 that --initial-advertise-peer-urls advertises
        fix: issue it again with 10.0.0.12: etcdha certs renew
    3 errors, 0 warnings in 2 files
    --- stderr
    "#);
}

#[test]
fn a_manifest_is_printed_or_written_once() {
    let sandbox = declared();
    let printed = sandbox.run("manifest etcd m2 --cluster-state existing --initial-members m1,m2");
    let text = good(&printed);
    assert!(
        text.contains("--initial-cluster=m1=https://10.0.0.11:2380,m2=https://10.0.0.12:2380\n")
    );
    assert!(text.contains("--initial-cluster-state=existing\n"));
    let words = "manifest etcd m2 --cluster-state existing --initial-members m1,m2 --out m2.yaml";
    insta::assert_snapshot!(sandbox.run(words).all(), @r#"
    exit 0
    --- stdout
    --- stderr
    Wrote m2.yaml.
    "#);
    assert_eq!(sandbox.read("m2.yaml"), text);
    let mode = std::fs::metadata(sandbox.path().join("m2.yaml"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(sandbox.run(words).code, 0);
    insta::assert_snapshot!(sandbox.run("manifest etcd m2 --out m2.yaml").all(), @r#"
    exit 3
    --- stdout
    --- stderr
    refused [file-exists]: nothing was changed
      m2.yaml exists already and differs
    fix: --force replaces it; without a place to write to, the text is printed
    "#);
    assert_eq!(
        sandbox.run("manifest etcd m2 --out m2.yaml --force").code,
        0
    );
    let json = sandbox.run("manifest etcd m1 --attempt 2 -o json");
    let pod: serde_json::Value = serde_json::from_str(good(&json)).unwrap();
    assert_eq!(pod["metadata"]["annotations"]["etcdha.dev/attempt"], "2");
}

#[test]
fn what_etcd_would_refuse_is_told_before() {
    let sandbox = declared();
    insta::assert_snapshot!(
        [
            sandbox.run("manifest etcd").all(),
            sandbox.run("manifest etcd m9").all(),
            sandbox.run("manifest etcd m1 --cluster-state existing --initial-members m1").all(),
        ]
        .join("\n"),
        @r#"
        exit 2
        --- stdout
        --- stderr
        error: which member is it for?
        expected: one of m1, m2, m3
        fix: etcdha manifest etcd m1

        exit 2
        --- stdout
        --- stderr
        error: the cluster file has no etcd member m9
        found: m9
        expected: one of m1, m2, m3

        exit 2
        --- stdout
        --- stderr
        error: m1 joins an existing cluster but --initial-cluster lists no other member
        "#
    );
}

#[test]
fn a_unit_and_its_environment_are_printed_or_written() {
    let sandbox = Sandbox::new();
    let cluster =
        "--topology external --etcd-version 3.5.16 --member e1=10.0.9.1 --pki-layout cfssl";
    let printed = sandbox.run(&format!("manifest systemd {cluster}"));
    insta::assert_snapshot!(good(&printed));
    let written = sandbox.run(&format!("manifest systemd {cluster} --out-dir e1"));
    insta::assert_snapshot!(written.all(), @r#"
    exit 0
    --- stdout
    --- stderr
    Wrote etcd.service and etcd.env into e1.
    "#);
    let unit = sandbox.read("e1/etcd.service");
    assert!(printed.stdout.contains(unit.trim_end()));
    assert!(
        printed
            .stdout
            .contains(sandbox.read("e1/etcd.env").trim_end())
    );
}
