//! Requests made where keys live, signed where the CA's key lives.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Sandbox, expect};
use crate::openssl::demand;

const CLUSTER: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
etcd: {version: 3.5.16}
members:
  - {name: m1, address: 10.0.0.11}
  - {name: m2, address: 10.0.0.12}
";

const STEMS: [&str; 4] = [
    "etcd/server",
    "etcd/peer",
    "etcd/healthcheck-client",
    "apiserver-etcd-client",
];

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_state();
    sandbox.file("etcdha.yaml", CLUSTER);
    sandbox
}

/// A CA in `offline/`, as kubeadm's: RSA, and a key usage without cRLSign.
pub(crate) fn make_ca(sandbox: &Sandbox) {
    sandbox.file("offline/README", "");
    demand(
        sandbox,
        "req -x509 -newkey rsa:2048 -nodes -sha256 -days 3650 -subj /CN=etcd-ca \
         -addext basicConstraints=critical,CA:TRUE -addext subjectKeyIdentifier=hash \
         -addext keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign \
         -keyout offline/ca.key -out offline/ca.crt",
    );
}

const CA: &str = "--pki-ca-cert offline/ca.crt --pki-ca-key offline/ca.key";

fn all_requests(node: &str) -> String {
    STEMS
        .map(|stem| format!("pki/nodes/{node}/{stem}.csr"))
        .join(" ")
}

/// Without what differs from run to run.
fn scrubbed(text: &str) -> String {
    let mut text = std::borrow::Cow::from(text);
    for (pattern, word) in [
        (r"\b20\d\d-\d\d-\d\dT[0-9:]+Z", "[INSTANT]"),
        (r"\b20\d\d-\d\d-\d\d\b", "[DATE]"),
    ] {
        let pattern = regex::Regex::new(pattern).unwrap();
        text = pattern.replace_all(&text, word).into_owned().into();
    }
    text.into_owned()
}

/// openssl verifies every request, and nobody else reads the keys.
fn requests_are_sound(sandbox: &Sandbox) {
    for node in ["m1", "m2"] {
        for stem in STEMS {
            let stem = format!("pki/nodes/{node}/{stem}");
            let said = demand(sandbox, &format!("req -verify -noout -in {stem}.csr"));
            assert!(said.contains("verify OK"), "{said}");
            assert_eq!(sandbox.mode(&format!("{stem}.key")), 0o600);
            assert_eq!(sandbox.mode(&format!("{stem}.csr")), 0o644);
        }
    }
}

/// openssl verifies every certificate for what it is used as.
fn certificates_are_sound(sandbox: &Sandbox) {
    for node in ["m1", "m2"] {
        for stem in STEMS {
            let cert = format!("pki/nodes/{node}/{stem}.crt");
            let purposes = match stem {
                "etcd/server" | "etcd/peer" => &["sslserver", "sslclient"][..],
                _ => &["sslclient"],
            };
            for purpose in purposes {
                demand(
                    sandbox,
                    &format!("verify -CAfile offline/ca.crt -purpose {purpose} {cert}"),
                );
            }
        }
    }
}

#[test]
fn the_whole_round_with_an_offline_ca() {
    let sandbox = sandbox();
    make_ca(&sandbox);

    // On the nodes' side there is no CA at all.
    let run = expect(0, sandbox.run("certs csr"));
    insta::assert_snapshot!(run.stdout, @r"
    NODE  REQUEST                      RESULT  KEY  SUBJECT                          NAMES
    m1    etcd/server.csr              made    new  CN=m1                            m1 localhost 10.0.0.11 127.0.0.1 ::1
    m1    etcd/peer.csr                made    new  CN=m1                            m1 localhost 10.0.0.11 127.0.0.1 ::1
    m1    etcd/healthcheck-client.csr  made    new  CN=kube-etcd-healthcheck-client  -
    m1    apiserver-etcd-client.csr    made    new  CN=kube-apiserver-etcd-client    -
    m2    etcd/server.csr              made    new  CN=m2                            m2 localhost 10.0.0.12 127.0.0.1 ::1
    m2    etcd/peer.csr                made    new  CN=m2                            m2 localhost 10.0.0.12 127.0.0.1 ::1
    m2    etcd/healthcheck-client.csr  made    new  CN=kube-etcd-healthcheck-client  -
    m2    apiserver-etcd-client.csr    made    new  CN=kube-apiserver-etcd-client    -

    8 made.
    Next: where the CA's key is, etcdha certs sign FILE.csr …
    ");
    requests_are_sound(&sandbox);

    let key = sandbox.read("pki/nodes/m1/etcd/server.key");
    let words = format!(
        "certs sign {} {} {CA}",
        all_requests("m1"),
        all_requests("m2")
    );
    let dry = expect(0, sandbox.run(&format!("{words} --dry-run")));
    assert!(
        dry.stdout
            .contains("as server: CN=m1 (m1 localhost 10.0.0.11"),
        "{}",
        dry.stdout
    );
    assert!(!sandbox.path().join("pki/nodes/m1/etcd/server.crt").exists());
    let unasked = expect(2, sandbox.run(&words));
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    let run = expect(0, sandbox.run(&format!("{words} --yes")));
    insta::assert_snapshot!(scrubbed(&run.stdout), @r"
    Plan: sign 8 requests with the CA CN=etcd-ca

    STEP                                                                                           ON    UNDO
     1  sign pki/nodes/m1/etcd/server.csr as server: CN=m1 (m1 localhost 10.0.0.11 127.0.0.1 ::1)  here  exact
     2  sign pki/nodes/m1/etcd/peer.csr as peer: CN=m1 (m1 localhost 10.0.0.11 127.0.0.1 ::1)      here  exact
     3  sign pki/nodes/m1/etcd/healthcheck-client.csr as client: CN=kube-etcd-healthcheck-client   here  exact
     4  sign pki/nodes/m1/apiserver-etcd-client.csr as client: CN=kube-apiserver-etcd-client       here  exact
     5  sign pki/nodes/m2/etcd/server.csr as server: CN=m2 (m2 localhost 10.0.0.12 127.0.0.1 ::1)  here  exact
     6  sign pki/nodes/m2/etcd/peer.csr as peer: CN=m2 (m2 localhost 10.0.0.12 127.0.0.1 ::1)      here  exact
     7  sign pki/nodes/m2/etcd/healthcheck-client.csr as client: CN=kube-etcd-healthcheck-client   here  exact
     8  sign pki/nodes/m2/apiserver-etcd-client.csr as client: CN=kube-apiserver-etcd-client       here  exact
     9  write the CA certificate in 2 places                                                       here  exact

    ! 8 requests: begins with its CA instead of at [INSTANT]
    CERTIFICATE                               RESULT  NOT AFTER   SUBJECT                          NAMES
    pki/nodes/m1/etcd/server.crt              signed  [DATE]  CN=m1                            m1 localhost 10.0.0.11 127.0.0.1 ::1
    pki/nodes/m1/etcd/peer.crt                signed  [DATE]  CN=m1                            m1 localhost 10.0.0.11 127.0.0.1 ::1
    pki/nodes/m1/etcd/healthcheck-client.crt  signed  [DATE]  CN=kube-etcd-healthcheck-client  -
    pki/nodes/m1/apiserver-etcd-client.crt    signed  [DATE]  CN=kube-apiserver-etcd-client    -
    pki/nodes/m2/etcd/server.crt              signed  [DATE]  CN=m2                            m2 localhost 10.0.0.12 127.0.0.1 ::1
    pki/nodes/m2/etcd/peer.crt                signed  [DATE]  CN=m2                            m2 localhost 10.0.0.12 127.0.0.1 ::1
    pki/nodes/m2/etcd/healthcheck-client.crt  signed  [DATE]  CN=kube-etcd-healthcheck-client  -
    pki/nodes/m2/apiserver-etcd-client.crt    signed  [DATE]  CN=kube-apiserver-etcd-client    -

    8 signed by CN=etcd-ca.
    ");

    certificates_are_sound(&sandbox);
    assert_eq!(
        sandbox.read("pki/nodes/m1/etcd/server.key"),
        key,
        "keys stay as they were"
    );
    for node in ["m1", "m2"] {
        let words = format!("certs check pki/nodes/{node} --node {node}");
        expect(0, sandbox.run(&words));
    }

    // Both halves are done: neither command finds anything to do.
    let run = expect(0, sandbox.run("certs csr"));
    assert!(run.stdout.ends_with("8 certified.\n"), "{}", run.stdout);
    let run = expect(0, sandbox.run(&words));
    assert!(run.stdout.contains("8 kept"), "{}", run.stdout);
}

#[test]
fn a_key_that_is_there_is_used_and_one_that_can_t_be_is_refused() {
    let sandbox = sandbox();
    sandbox.file("pki/nodes/m1/etcd/x", "");
    demand(
        &sandbox,
        "ecparam -name prime256v1 -genkey -noout -out pki/nodes/m1/etcd/server.key",
    );
    let key = sandbox.read("pki/nodes/m1/etcd/server.key");
    let words = "certs csr m1 --kind server";
    fs::set_permissions(
        sandbox.path().join("pki/nodes/m1/etcd/server.key"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let run = expect(3, sandbox.run(words));
    assert!(
        run.stderr.contains("mode 0644, expected 0600"),
        "{}",
        run.stderr
    );
    fs::set_permissions(
        sandbox.path().join("pki/nodes/m1/etcd/server.key"),
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    let dry = expect(0, sandbox.run(&format!("{words} --dry-run")));
    assert!(
        dry.stdout
            .contains("make 1 signing request with no new key"),
        "{}",
        dry.stdout
    );
    assert!(!sandbox.path().join("pki/nodes/m1/etcd/server.csr").exists());
    let run = expect(0, sandbox.run(&format!("{words} -o json")));
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["requests"][0]["newKey"], false);
    assert_eq!(sandbox.read("pki/nodes/m1/etcd/server.key"), key);
    demand(
        &sandbox,
        "req -verify -noout -in pki/nodes/m1/etcd/server.csr",
    );

    // The request is there and right: it stays byte for byte; with other names it is made anew.
    let first = sandbox.read("pki/nodes/m1/etcd/server.csr");
    expect(0, sandbox.run(words));
    assert_eq!(sandbox.read("pki/nodes/m1/etcd/server.csr"), first);
    expect(
        0,
        sandbox.run(&format!("{words} --extra-name lb.example.com")),
    );
    let text = demand(
        &sandbox,
        "req -noout -text -in pki/nodes/m1/etcd/server.csr",
    );
    assert!(text.contains("DNS:lb.example.com"), "{text}");
    assert_eq!(sandbox.read("pki/nodes/m1/etcd/server.key"), key);

    sandbox.file("pki/nodes/m2/etcd/server.key", "no key\n");
    let run = expect(3, sandbox.run("certs csr m2"));
    assert!(
        run.stderr
            .starts_with("refused [key-unusable]: nothing was changed"),
        "{}",
        run.stderr
    );
    assert!(!sandbox.path().join("pki/nodes/m2/etcd/peer.key").exists());
}

#[test]
fn requests_go_straight_to_the_hosts_and_in_either_layout() {
    let sandbox = sandbox();
    make_ca(&sandbox);
    let root = sandbox.path().join("host").display().to_string();
    let words = format!("--member m1=10.0.0.11 --member-root m1={root} --pki-layout cfssl");
    expect(0, sandbox.run(&format!("certs csr m1 --hosts {words}")));
    let dir = "host/etc/kubernetes/pki";
    let requests = ["server", "peer1", "client", "apiserver-etcd-client"];
    let requests = requests.map(|stem| format!("{dir}/{stem}.csr")).join(" ");
    expect(0, sandbox.run(&format!("certs sign {requests} {CA} --yes")));
    for (cert, key) in [
        ("server.pem", "server-key.pem"),
        ("peer1.pem", "peer1-key.pem"),
    ] {
        demand(
            &sandbox,
            &format!("verify -CAfile {dir}/ca.pem {dir}/{cert}"),
        );
        let cert = demand(&sandbox, &format!("x509 -noout -pubkey -in {dir}/{cert}"));
        let key = demand(&sandbox, &format!("pkey -pubout -in {dir}/{key}"));
        assert_eq!(cert, key);
    }
    let words = format!("certs check {dir} --node m1 {words}");
    expect(0, sandbox.run(&words));
}

#[test]
fn certificates_are_written_elsewhere_under_other_names_and_never_over_others() {
    let sandbox = sandbox();
    make_ca(&sandbox);
    expect(0, sandbox.run("certs csr m1 --kind server"));
    let request = "pki/nodes/m1/etcd/server.csr";
    let words = format!("certs sign {request} {CA} --out signed --yes");
    expect(0, sandbox.run(&format!("{words} --names m9,10.0.0.99")));
    let text = demand(&sandbox, "x509 -noout -text -in signed/server.crt");
    assert!(text.contains("DNS:m9, IP Address:10.0.0.99\n"), "{text}");
    demand(&sandbox, "verify -CAfile signed/ca.crt signed/server.crt");
    assert!(!sandbox.path().join("pki/nodes/m1/etcd/server.crt").exists());

    let before = sandbox.read("signed/server.crt");
    let run = expect(5, sandbox.run(&words));
    assert!(
        run.stdout
            .contains("it has m9 10.0.0.99, signing would give m1"),
        "{}",
        run.stdout
    );
    assert_eq!(sandbox.read("signed/server.crt"), before);
    expect(0, sandbox.run(&format!("{words} --replace")));
    let text = demand(&sandbox, "x509 -noout -text -in signed/server.crt");
    assert!(text.contains("DNS:m1"), "{text}");

    // A leaf never outlives its CA without being told so.
    let run = expect(
        0,
        sandbox.run(&format!("{words} --replace --leaf-validity 50y")),
    );
    assert!(
        run.stdout.contains("ends with its CA instead of at"),
        "{}",
        run.stdout
    );
}

#[test]
fn bad_input_is_one_clear_error() {
    let sandbox = sandbox();
    make_ca(&sandbox);
    sandbox.file("server.csr", "no request\n");
    let run = expect(2, sandbox.run(&format!("certs sign server.csr {CA}")));
    insta::assert_snapshot!(run.stderr, @"error: server.csr: no PEM block found; expected a line -----BEGIN …-----");

    expect(0, sandbox.run("certs csr"));
    let request = sandbox.read("pki/nodes/m1/etcd/server.csr");
    let key = sandbox.read("pki/nodes/m1/etcd/peer.key");
    sandbox.file("etcd.csr", &request);
    let run = expect(2, sandbox.run(&format!("certs sign etcd.csr {CA}")));
    insta::assert_snapshot!(run.stderr, @r"
    error: etcd.csr: its name does not tell what the certificate is for
    expected: server.csr, peer.csr, healthcheck-client.csr, apiserver-etcd-client.csr
    fix: name it: --kind KIND, or --profile NAME
    ");
    expect(
        0,
        sandbox.run(&format!("certs sign etcd.csr --kind server {CA} --yes")),
    );

    let both = "pki/nodes/m1/etcd/server.csr pki/nodes/m2/etcd/server.csr";
    let run = expect(
        2,
        sandbox.run(&format!("certs sign {both} {CA} --out out --yes")),
    );
    insta::assert_snapshot!(run.stderr, @r"
    error: pki/nodes/m1/etcd/server.csr and pki/nodes/m2/etcd/server.csr would both become out/server.crt
    fix: give each node's requests an --out of their own
    ");
    let run = expect(
        2,
        sandbox.run(&format!("certs sign {both} {CA} --names m1")),
    );
    insta::assert_snapshot!(run.stderr, @r"
    error: --names would give 2 certificates the same names
    fix: sign one request at a time with --names
    ");

    // Another key lies where the certificate would go.
    sandbox.file("other/server.csr", &request);
    sandbox.file("other/server.key", &key);
    let run = expect(
        3,
        sandbox.run(&format!("certs sign other/server.csr {CA} --yes")),
    );
    insta::assert_snapshot!(run.stderr, @r"
    refused [key-mismatch]: nothing was changed
      other/server.key is not the key that other/server.csr was made with
    fix: make the request anew from that key: etcdha certs csr
    ");
}

#[test]
fn a_request_for_a_ca_is_refused() {
    let sandbox = sandbox();
    make_ca(&sandbox);
    sandbox.file("ca/README", "");
    demand(
        &sandbox,
        "req -new -newkey rsa:2048 -nodes -subj /CN=m1 -addext basicConstraints=critical,CA:TRUE \
         -keyout ca/server.key -out ca/server.csr",
    );
    let run = expect(
        3,
        sandbox.run(&format!("certs sign ca/server.csr {CA} --yes")),
    );
    insta::assert_snapshot!(run.stderr, @r#"
    refused [request-refused]: nothing was changed
      ca/server.csr: CN=m1 asks for a CA certificate, and profile "server" issues none; if that is meant, use a profile with ca_constraint.is_ca
    fix: ask for a request without that, or sign under a profile that allows it: --profile NAME
    "#);
    assert!(!sandbox.path().join("ca/server.crt").exists());
}
