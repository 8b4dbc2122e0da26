//! Certificates from files and from a server, as a person and a script see them.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use crate::harness::{Run, Sandbox};

const NEVER_ENDS: &str = include_str!("../data/pki/never-ends.crt");
const CFSSL: &str = include_str!("../data/pki/cfssl-empty-host.pem");
const CRL: &str = include_str!("../data/pki/p521-ca.crl");
const REQUEST: &str = include_str!("../data/pki/cfssl-empty-host.csr");
const CA: &str = include_str!("../data/pki/p521-ca.crt");

/// Days pass between two runs of a test.
fn without_days(run: &Run) -> String {
    let days = regex::Regex::new(r#"\b\d+d\b|(?<json>"daysLeft": )\d+"#).unwrap();
    days.replace_all(&run.all(), "$json[DAYS]").into_owned()
}

#[test]
fn one_certificate_is_shown_in_full() {
    let sandbox = Sandbox::new();
    sandbox.file("server.crt", NEVER_ENDS);
    insta::assert_snapshot!(sandbox.run("certs show server.crt").all(), @r"
    exit 0
    --- stdout
    server.crt  certificate
      subject         CN=ed
      issuer          CN=p521-ca
      names           m1 10.0.0.1 fd00::1 email:a@example.com uri:spiffe://x/y other:registered id 1.2.3.4
      key usage       -
      extended usage  -
      CA              no
      unknown         1.2.3.4
      valid from      2020-01-01T00:00:00Z
      valid until     9999-12-30T22:00:00Z  no end
      key             Ed25519
      signed with     ECDSA with SHA-384
      serial          0a01
      key id          093fcb8467383b21eaaafb4ec2dc17c2b45cf550
      issuer key id   e51f844fb21a47a42ad1f538b443bb9733cee300
      sha256          9d2af6792d25da6feae0e6197a88cb27f314fa0ec89505348c6b3a16486b5aca
    --- stderr
    ");
}

#[test]
fn one_certificate_becomes_a_document() {
    let sandbox = Sandbox::new();
    sandbox.file("server.crt", NEVER_ENDS);
    let json = without_days(&sandbox.run("certs show server.crt -o json"));
    insta::assert_snapshot!(json, @r#"
    exit 0
    --- stdout
    {
      "apiVersion": "etcdha.dev/v1",
      "kind": "CertificateList",
      "items": [
        {
          "source": "server.crt",
          "block": 1,
          "line": 1,
          "kind": "certificate",
          "certificate": {
            "subject": "CN=ed",
            "issuer": "CN=p521-ca",
            "serial": "0a01",
            "serialDecimal": "2561",
            "notBefore": "2020-01-01T00:00:00Z",
            "notAfter": "9999-12-30T22:00:00Z",
            "daysLeft": [DAYS],
            "selfSigned": false,
            "publicKey": {
              "algorithm": "Ed25519",
              "bits": 256
            },
            "signatureAlgorithm": "ECDSA with SHA-384",
            "sha256": "9d2af6792d25da6feae0e6197a88cb27f314fa0ec89505348c6b3a16486b5aca",
            "names": {
              "dns": [
                "m1"
              ],
              "ip": [
                "10.0.0.1",
                "fd00::1"
              ],
              "email": [
                "a@example.com"
              ],
              "uri": [
                "spiffe://x/y"
              ],
              "other": [
                "registered id 1.2.3.4"
              ]
            },
            "keyUsage": null,
            "extendedKeyUsage": null,
            "ca": false,
            "pathLen": null,
            "subjectKeyId": "093fcb8467383b21eaaafb4ec2dc17c2b45cf550",
            "authorityKeyId": "e51f844fb21a47a42ad1f538b443bb9733cee300",
            "unknownCritical": [
              "1.2.3.4"
            ]
          }
        }
      ],
      "unreadable": []
    }
    --- stderr
    "#);
}

#[test]
fn several_files_become_a_table_and_blocks_are_numbered() {
    let sandbox = Sandbox::new();
    sandbox.file("etcd/ca.crt", CA);
    sandbox.file("etcd/chain.pem", &format!("{CFSSL}{CA}"));
    sandbox.file("etcd/crl.pem", CRL);
    sandbox.file("etcd/server.csr", REQUEST);
    sandbox.file("README", "not ours");
    insta::assert_snapshot!(without_days(&sandbox.run("certs show .")), @r#"
    exit 0
    --- stdout
    FILE                KIND         SUBJECT                          KEY          NOT AFTER   LEFT    NAMES
    ./etcd/ca.crt       certificate  CN=p521-ca                       ECDSA P-521  2126-10-28  [DAYS]  CA
    ./etcd/chain.pem    certificate  CN=etcd-server,OU=x,O=one+O=two  ECDSA P-256  2126-10-28  [DAYS]  "" m1
    ./etcd/chain.pem#2  certificate  CN=p521-ca                       ECDSA P-521  2126-10-28  [DAYS]  CA
    ./etcd/crl.pem      crl          -                                -            2126-10-28  -       2 revoked
    ./etcd/server.csr   request      CN=etcd-server,OU=x,O=one+O=two  ECDSA P-256  -           -       "" m1
    One in full: etcdha certs show FILE
    --- stderr
    "#);
    let wide = without_days(&sandbox.run("certs show etcd/ca.crt etcd/crl.pem -o wide --quiet"));
    insta::assert_snapshot!(wide, @r"
    exit 0
    --- stdout
    FILE          KIND         SUBJECT     KEY          NOT AFTER   LEFT    NAMES      ISSUER      KEY USAGE  EXTENDED KEY USAGE  SERIAL                                    KEY ID                                    ISSUER KEY ID                             SHA256
    etcd/ca.crt   certificate  CN=p521-ca  ECDSA P-521  2126-10-28  [DAYS]  CA         CN=p521-ca  -          -                   385f039347b4537244e4eef7becd294a80af28bc  e51f844fb21a47a42ad1f538b443bb9733cee300  e51f844fb21a47a42ad1f538b443bb9733cee300  dd77381e5ef8b2cb7a3ec246338d32cc65f82f9a75c4175a3aa5fd59e5dff367
    etcd/crl.pem  crl          -           -            2126-10-28  -       2 revoked  CN=p521-ca  -          -                   -                                         -                                         -                                         -
    --- stderr
    ");
}

#[test]
fn requests_and_revocation_lists_are_shown_in_full() {
    let sandbox = Sandbox::new();
    sandbox.file("server.csr", REQUEST);
    sandbox.file("crl.pem", CRL);
    insta::assert_snapshot!(sandbox.run("certs show server.csr").all(), @r#"
    exit 0
    --- stdout
    server.csr  request
      subject         CN=etcd-server,OU=x,O=one+O=two
      names           "" m1
      key usage       -
      extended usage  -
      CA              no
      key             ECDSA P-256
      signed with     ECDSA with SHA-256
      signature       made with its own key
    --- stderr
    "#);
    insta::assert_snapshot!(sandbox.run("certs show crl.pem").all(), @r"
    exit 0
    --- stdout
    crl.pem  crl
      issuer          CN=p521-ca
      number          16
      made            2026-11-21T08:48:57Z
      next due        2126-10-28T08:48:57Z
      signed with     ECDSA with SHA-256
      revoked         2 certificates
                      0a01  2026-11-21T08:48:57Z  key compromise
                      0a02  2026-11-21T08:48:57Z  no reason given
    --- stderr
    ");
}

#[test]
fn of_a_private_key_only_kind_and_size_are_shown() {
    let sandbox = Sandbox::new();
    let pem = KeyPair::generate().unwrap().serialize_pem();
    sandbox.file("server.key", &pem);
    let run = sandbox.run("certs show server.key");
    insta::assert_snapshot!(run.all(), @r"
    exit 0
    --- stdout
    server.key  private key
      key             ECDSA P-256
      encoding        PKCS#8
    --- stderr
    ");
    let secret = pem.lines().nth(1).unwrap();
    for format in ["table", "wide", "json", "yaml"] {
        let all = sandbox
            .run(&format!("certs show server.key -vvv -o {format}"))
            .all();
        assert!(!all.contains(secret), "{format}");
    }
}

#[test]
fn what_cannot_be_read_is_named_and_hides_nothing() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "a.crt",
        &NEVER_ENDS.replace("-----END CERTIFICATE-----", ""),
    );
    sandbox.file("b.crt", NEVER_ENDS);
    sandbox.file("c.crt", "");
    insta::assert_snapshot!(sandbox.run("certs show a.crt b.crt c.crt").all(), @r"
    exit 1
    --- stdout
    FILE   KIND         SUBJECT  KEY      NOT AFTER   LEFT    NAMES
    b.crt  certificate  CN=ed    Ed25519  9999-12-30  no end  m1 10.0.0.1 fd00::1 email:a@example.com uri:spiffe://x/y other:registered id 1.2.3.4
    One in full: etcdha certs show FILE
    --- stderr
    error: read a.crt
      block 1 at line 1 (CERTIFICATE): the END line is missing: expected -----END CERTIFICATE----- before the end of the file

    error: read c.crt
      the file is empty: expected a PEM block, such as -----BEGIN CERTIFICATE-----
    ");
    insta::assert_snapshot!(sandbox.run("certs show none.crt").all(), @r"
    exit 1
    --- stdout
    --- stderr
    error: read none.crt
      No such file or directory (os error 2)
    ");
    insta::assert_snapshot!(sandbox.run("certs show").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: the following required arguments were not provided:
      <FILE>...

    Usage: etcdha certs show <FILE>...

    For more information, try '--help'.
    ");
    let json = sandbox.run("certs show a.crt -o json");
    assert_eq!(json.code, 1);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["unreadable"][0]["source"], "a.crt");
}

#[test]
fn standard_input_is_read_too() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command();
    let output = command
        .args(["certs", "show", "-"])
        .write_stdin(CA)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("-  certificate\n  subject         CN=p521-ca\n"),
        "{text}"
    );
}

#[test]
fn a_hostile_subject_cannot_drive_the_terminal() {
    let sandbox = Sandbox::new();
    let mut params = CertificateParams::new(vec![]).unwrap();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "a\u{1b}[2J\u{202e}b");
    let pem = params
        .self_signed(&KeyPair::generate().unwrap())
        .unwrap()
        .pem();
    sandbox.file("a.crt", &pem);
    sandbox.file("b.crt", &pem);
    for words in [
        "certs show a.crt",
        "certs show a.crt b.crt",
        "certs check .",
    ] {
        let all = sandbox.run(words).all();
        assert!(!all.contains(['\u{1b}', '\u{202e}']), "{all:?}");
    }
}

/// Serves TLS with a certificate for `names` until the test ends.
fn serve(names: &[&str]) -> (tokio::runtime::Runtime, u16) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_after = rcgen::date_time_ymd(2126, 1, 1);
    params.serial_number = Some(7_u64.into());
    let certificate = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let port = listener.local_addr().unwrap().port();
    runtime.spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    (runtime, port)
}

#[test]
fn a_server_s_certificate_is_shown_without_being_verified() {
    let sandbox = Sandbox::new();
    let (_runtime, port) = serve(&["m1", "10.0.0.11"]);
    let run = sandbox.run(&format!("certs show --connect 127.0.0.1:{port}"));
    let hex = regex::Regex::new(r"\b[0-9a-f]{40,64}\b").unwrap();
    let text = hex
        .replace_all(&without_days(&run), "[HEX]")
        .replace(&port.to_string(), "[PORT]");
    insta::assert_snapshot!(text, @r"
    exit 0
    --- stdout
    127.0.0.1:[PORT]  TLSv1.3  wants no client certificate

    certificate 1, the server's own
      subject         CN=rcgen self signed cert
      issuer          CN=rcgen self signed cert  (self-signed)
      names           m1 10.0.0.11
      key usage       -
      extended usage  -
      CA              no
      valid from      1975-01-01T00:00:00Z
      valid until     2126-01-01T00:00:00Z  [DAYS]
      key             ECDSA P-256
      signed with     ECDSA with SHA-256
      serial          07
      key id          -
      issuer key id   -
      sha256          [HEX]

    warning: its certificate is not good for 127.0.0.1
    --- stderr
    ");
    let json = sandbox.run(&format!("certs show --connect localhost:{port} -o json"));
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["server"]["version"], "TLSv1.3");
    assert_eq!(json["server"]["coversHost"], false);
    assert_eq!(json["items"][0]["certificate"]["serial"], "07");
}

#[test]
fn a_server_that_is_not_there_or_speaks_no_tls_is_an_error() {
    let sandbox = Sandbox::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let words = format!("certs show --connect 127.0.0.1:{port}");
    let server = std::thread::spawn(move || {
        use std::io::Write as _;
        let (mut stream, _) = listener.accept().unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
    });
    let run = sandbox.run(&words);
    server.join().unwrap();
    insta::assert_snapshot!(run.all().replace(&port.to_string(), "[PORT]"), @r"
    exit 1
    --- stdout
    --- stderr
    error: TLS handshake with 127.0.0.1 port [PORT]
      received corrupt message of type InvalidContentType
    fix: name a port that speaks TLS: this one answered something else
    ");
    insta::assert_snapshot!(sandbox.run(&words).all().replace(&port.to_string(), "[PORT]"), @r"
    exit 1
    --- stdout
    --- stderr
    error: connect to 127.0.0.1 port [PORT]
      Connection refused (os error 111)
    ");
    insta::assert_snapshot!(sandbox.run("certs show --connect fd00::1:2379").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: invalid value 'fd00::1:2379' for '--connect <HOST:PORT>': expected HOST:PORT, IPv6 addresses in brackets: [fd00::1]:2379

    For more information, try '--help'.
    ");
}
