//! The check of directories and clusters, as a person and a monitor see it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose as Eku, IsCa, Issuer,
    KeyPair, KeyUsagePurpose as Ku, date_time_ymd,
};

use crate::harness::{Run, Sandbox};

/// A CA, and where its certificates go.
struct Pki<'a> {
    sandbox: &'a Sandbox,
    params: CertificateParams,
    key: KeyPair,
    pem: String,
}

fn named(name: &str, sans: &[&str]) -> CertificateParams {
    let sans: Vec<String> = sans.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(sans).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2126, 1, 1);
    params
}

impl<'a> Pki<'a> {
    fn new(sandbox: &'a Sandbox) -> Self {
        let mut params = named("etcd-ca", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![Ku::DigitalSignature, Ku::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            sandbox,
            params,
            key,
            pem,
        }
    }

    fn put(&self, path: &str, mode: u32, text: &str) {
        self.sandbox.file(path, text);
        std::fs::set_permissions(self.sandbox.path().join(path), Permissions::from_mode(mode))
            .unwrap();
    }

    fn put_ca(&self, dir: &str) {
        self.put(&format!("{dir}/etcd/ca.crt"), 0o644, &self.pem);
    }

    /// Writes a pair.
    fn put_leaf(&self, path: &str, usages: &[Eku], sans: &[&str]) {
        let mut params = named("m1", sans);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![Ku::DigitalSignature];
        params.extended_key_usages = usages.to_vec();
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        let pem = params.signed_by(&key, &issuer).unwrap().pem();
        self.put(&format!("{path}.crt"), 0o644, &pem);
        self.put(&format!("{path}.key"), 0o600, &key.serialize_pem());
    }

    /// Everything a stacked member needs.
    fn put_node(&self, dir: &str, name: &str, address: &str) {
        self.put_ca(dir);
        let sans = [name, "localhost", address, "127.0.0.1", "::1"];
        let both = [Eku::ServerAuth, Eku::ClientAuth];
        self.put_leaf(&format!("{dir}/etcd/server"), &both, &sans);
        self.put_leaf(&format!("{dir}/etcd/peer"), &both, &sans);
        self.put_leaf(
            &format!("{dir}/etcd/healthcheck-client"),
            &[Eku::ClientAuth],
            &[],
        );
        self.put_leaf(
            &format!("{dir}/apiserver-etcd-client"),
            &[Eku::ClientAuth],
            &[],
        );
    }
}

fn without_days(run: &Run) -> String {
    let days = regex::Regex::new(r"\b\d+d\b").unwrap();
    days.replace_all(&run.all(), "[DAYS]").into_owned()
}

#[test]
fn a_sound_directory_is_told_in_one_line() {
    let sandbox = Sandbox::new();
    Pki::new(&sandbox).put_node("pki", "m1", "10.0.0.11");
    insta::assert_snapshot!(without_days(&sandbox.run("certs check pki")), @r"
    exit 0
    --- stdout
    Nothing is wrong: 5 certificates in 9 files.
    First to end: pki/apiserver-etcd-client.crt, in [DAYS]
    --- stderr
    ");
    let run = sandbox.run("certs check pki --member m1=10.0.0.11");
    assert_eq!(run.code, 0, "{}", run.all());
    let json = sandbox.run("certs check pki -o json");
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (
            json["healthy"].as_bool(),
            json["trees"][0]["certificates"].as_u64()
        ),
        (Some(true), Some(5))
    );
}

#[test]
fn every_defect_is_named_with_its_rule_and_its_fix() {
    let sandbox = Sandbox::new();
    let pki = Pki::new(&sandbox);
    pki.put_node("pki", "m1", "10.0.0.11");
    pki.put_leaf(
        "pki/etcd/server",
        &[Eku::ServerAuth],
        &["m1", "localhost", "10.0.0.1", "127.0.0.1", "::1"],
    );
    pki.put(
        "pki/etcd/peer.key",
        0o644,
        &KeyPair::generate().unwrap().serialize_pem(),
    );
    std::fs::remove_file(sandbox.path().join("pki/apiserver-etcd-client.key")).unwrap();
    pki.put("pki/etcd/healthcheck-client.crt", 0o644, "");
    let words = "certs check pki --member m1=10.0.0.11";
    insta::assert_snapshot!(sandbox.run(words).all(), @r"
    exit 5
    --- stdout
    pki/apiserver-etcd-client.crt  error  P008 certificate-without-key
        its private key pki/apiserver-etcd-client.key is not there
        fix: issue the pair anew: etcdha certs renew
    pki/etcd/healthcheck-client.crt  error  P003 empty-file
        the file is empty: expected a PEM block, such as -----BEGIN CERTIFICATE-----
        fix: restore the file from a backup, or issue it anew: etcdha certs renew
    pki/etcd/peer.key  error  P010 key-mismatch
        the private key (ECDSA P-256) does not belong to the certificate in pki/etcd/peer.crt (ECDSA P-256)
        fix: issue the pair anew: etcdha certs renew
    pki/etcd/peer.key  error  P011 key-exposed
        the private key has mode 0644, expected 0600: everybody on the host can read it
        fix: chmod 600 pki/etcd/peer.key
    pki/etcd/server.crt  error  P060 missing-address
        the server certificate lacks the advertised address 10.0.0.11, found m1 localhost 10.0.0.1 127.0.0.1 ::1
        fix: issue it anew with the names of the cluster file: etcdha certs renew
    pki/etcd/server.crt  error  P070 missing-usage
        its extended key usage is server auth, a server certificate needs server auth and client auth, because etcd's gRPC gateway dials its own listener with it
        fix: issue it anew: etcdha certs renew
    6 errors, 0 warnings in 8 files
    --- stderr
    ");
    let json = sandbox.run(&format!("{words} -o json"));
    assert_eq!(json.code, 5);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json["findings"][3]).unwrap(), @r#"
    {
      "rule": "P011",
      "name": "key-exposed",
      "severity": "error",
      "node": "m1",
      "path": "pki/etcd/peer.key",
      "line": null,
      "message": "the private key has mode 0644, expected 0600: everybody on the host can read it",
      "fix": "chmod 600 pki/etcd/peer.key"
    }
    "#);
}

#[test]
fn warnings_count_as_findings_unless_left_out() {
    let sandbox = Sandbox::new();
    let pki = Pki::new(&sandbox);
    pki.put_node("pki", "m1", "10.0.0.11");
    pki.put(
        "pki/etcd/server.key",
        0o640,
        &sandbox.read("pki/etcd/server.key"),
    );
    insta::assert_snapshot!(sandbox.run("certs check pki").all(), @r"
    exit 5
    --- stdout
    pki/etcd/server.key  warning  P011 key-exposed
        the private key has mode 0640, expected 0600: its group can read it
        fix: chmod 600 pki/etcd/server.key
    0 errors, 1 warning in 9 files
    --- stderr
    ");
    assert_eq!(sandbox.run("certs check pki --errors-only").code, 0);
    let far = sandbox.run("certs check pki --errors-only --warn-days 36499");
    assert_eq!(far.code, 0);
}

const CLUSTER: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
etcd: {version: 3.5.16}
members:
  - {name: m1, address: 10.0.0.11}
  - {name: m2, address: 10.0.0.12}
  - {name: m3, address: 10.0.0.13, root: hosts/m3}
";

#[test]
fn every_member_is_checked_and_compared_with_the_others() {
    let sandbox = Sandbox::new();
    sandbox.file("etcdha.yaml", CLUSTER);
    let pki = Pki::new(&sandbox);
    pki.put_ca("pki");
    pki.put_node("pki/nodes/m1", "m1", "10.0.0.11");
    pki.put_node("pki/nodes/m2", "m2", "10.0.0.12");
    pki.put_node("hosts/m3/etc/kubernetes/pki", "m3", "10.0.0.13");
    insta::assert_snapshot!(without_days(&sandbox.run("certs check")), @r"
    exit 0
    --- stdout
    Nothing is wrong: 16 certificates in 28 files of 3 nodes.
    First to end: pki/etcd/ca.crt, in [DAYS]
    --- stderr
    ");

    pki.put("pki/etcd/ca.key", 0o644, &pki.key.serialize_pem());
    pki.put("pki/nodes/m2/etcd/ca.key", 0o600, &pki.key.serialize_pem());
    for (name, mode) in [("server.crt", 0o644), ("server.key", 0o600)] {
        let text = sandbox.read(&format!("pki/nodes/m1/etcd/{name}"));
        pki.put(
            &format!("hosts/m3/etc/kubernetes/pki/etcd/{name}"),
            mode,
            &text,
        );
    }
    insta::assert_snapshot!(sandbox.run("certs check").all(), @r"
    exit 5
    --- stdout
    pki/etcd/ca.key  error  P011 key-exposed
        the private key has mode 0644, expected 0600: everybody on the host can read it
        fix: chmod 600 pki/etcd/ca.key
    pki/nodes/m2/etcd/ca.key  warning  P101 ca-key-on-node
        the CA's private key lies here: who takes this host can issue certificates for the whole cluster
        fix: keep it where certificates are made, and remove pki/nodes/m2/etcd/ca.key
    hosts/m3/etc/kubernetes/pki/etcd/server.crt  error  P060 missing-address
        the server certificate lacks the advertised address 10.0.0.13, found m1 localhost 10.0.0.11 127.0.0.1 ::1
        fix: issue it anew with the names of the cluster file: etcdha certs renew
    hosts/m3/etc/kubernetes/pki/etcd/server.crt  warning  P061 missing-name
        it lacks the name m3, found m1 localhost 10.0.0.11 127.0.0.1 ::1
        fix: issue it anew with the names of the cluster file: etcdha certs renew
    hosts/m3/etc/kubernetes/pki/etcd/server.crt  warning  P102 shared-by-nodes
        m1:pki/nodes/m1/etcd/server.crt is the same certificate and key
        fix: give every node a pair of its own: etcdha certs renew
    2 errors, 3 warnings in 30 files of 3 nodes
    --- stderr
    ");
    assert_eq!(sandbox.run("certs check --node m1").code, 0);
    insta::assert_snapshot!(sandbox.run("certs check --node m9").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: the cluster has no member m9
    expected: one of m1, m2, m3
    ");
}

#[test]
fn another_ca_on_one_node_is_found() {
    let sandbox = Sandbox::new();
    let pki = Pki::new(&sandbox);
    pki.put_node("pki", "m1", "10.0.0.11");
    let other = Pki::new(&sandbox);
    other.put_ca("other");
    let run = sandbox.run("certs check pki --cacert other/etcd/ca.crt -o json");
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let rules: Vec<_> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["rule"].as_str().unwrap())
        .collect();
    assert_eq!(rules, ["P041", "P100", "P041", "P041", "P041"]);
    let run = sandbox.run("certs check pki --cacert pki/etcd/server.key");
    insta::assert_snapshot!(run.all(), @r"
    exit 1
    --- stdout
    --- stderr
    error: read the CA certificates in pki/etcd/server.key
      found a private key, expected certificates and nothing else
    ");
}

#[test]
fn wrong_usage_says_what_to_type() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(sandbox.run("certs check").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: there is no cluster file
      looked for etcdha.yaml and /etc/etcdha/etcdha.yaml
    fix: write one: etcdha init --from-host, or etcdha init --member m1=10.0.0.11
    fix: or name the nodes: --member m1=10.0.0.11 --member …
    fix: or name a directory: etcdha certs check DIR
    ");
    insta::assert_snapshot!(sandbox.run("certs check nowhere").all(), @r"
    exit 1
    --- stdout
    --- stderr
    error: read directory nowhere
      No such file or directory (os error 2)
    ");
    sandbox.file("server.crt", "");
    insta::assert_snapshot!(sandbox.run("certs check server.crt").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: server.crt is no directory
    fix: one file is shown by: etcdha certs show server.crt
    ");
    sandbox.file("etcdha.yaml", CLUSTER);
    std::fs::create_dir(sandbox.path().join("pki")).unwrap();
    insta::assert_snapshot!(sandbox.run("certs check pki --member m1=10.0.0.11 --member m2=10.0.0.12").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: whose directory is pki?
    expected: one of m1, m2, m3
    fix: name it: --node NAME
    ");
}
