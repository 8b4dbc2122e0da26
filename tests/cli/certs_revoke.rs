//! Revocation lists, judged by openssl.

use crate::certs_offline::make_ca;
use crate::harness::{Sandbox, expect};
use crate::openssl::{demand, openssl};

const KUBEADM_CA: &str = "--pki-ca-cert offline/ca.crt --pki-ca-key offline/ca.key";

/// The serial number of a certificate as openssl prints it.
fn serial(sandbox: &Sandbox, cert: &str) -> String {
    let text = demand(sandbox, &format!("x509 -noout -serial -in {cert}"));
    text.trim().trim_start_matches("serial=").to_owned()
}

/// openssl's verdict on a certificate under a list.
fn is_good(sandbox: &Sandbox, ca: &str, crl: &str, cert: &str) -> bool {
    openssl(
        sandbox,
        &format!("verify -crl_check -CAfile {ca} -CRLfile {crl} {cert}"),
    )
    .is_good
}

#[test]
fn a_list_grows_and_openssl_believes_it() {
    let sandbox = Sandbox::with_state();
    let nodes = "--member m1=10.0.0.11 --member m2=10.0.0.12";
    expect(0, sandbox.run(&format!("certs gen {nodes}")));
    let cert = |node: &str, stem: &str| format!("pki/nodes/{node}/etcd/{stem}.crt");
    let (first, second) = (cert("m1", "healthcheck-client"), cert("m2", "peer"));
    let other = cert("m2", "server");

    let words = format!("certs revoke {first} --reason keyCompromise --pem pki/ca.crl.pem");
    let dry = expect(0, sandbox.run(&format!("{words} --dry-run")));
    assert!(dry.stdout.contains("with list 1 in"), "{}", dry.stdout);
    assert!(!sandbox.path().join("pki/etcd/ca.crl").exists());
    expect(2, sandbox.run(&words));
    let run = expect(0, sandbox.run(&format!("{words} --yes")));
    assert!(
        run.stdout.contains("list 1, 1 revoked, next update"),
        "{}",
        run.stdout
    );
    assert!(!run.stdout.contains("cRLSign"), "{}", run.stdout);

    let verify = "crl -verify -noout -CAfile pki/etcd/ca.crt";
    demand(
        &sandbox,
        &format!("{verify} -inform DER -in pki/etcd/ca.crl"),
    );
    demand(&sandbox, &format!("{verify} -in pki/ca.crl.pem"));
    let judge = |cert: &str| is_good(&sandbox, "pki/etcd/ca.crt", "pki/ca.crl.pem", cert);
    assert!(!judge(&first) && judge(&second) && judge(&other));
    let text = demand(&sandbox, "crl -noout -text -in pki/ca.crl.pem");
    assert!(text.contains("Key Compromise"), "{text}");
    assert!(text.contains(&serial(&sandbox, &first)), "{text}");

    // Twice is once.
    let list = std::fs::read(sandbox.path().join("pki/etcd/ca.crl")).unwrap();
    let run = expect(0, sandbox.run(&words));
    assert!(run.stdout.contains("listed"), "{}", run.stdout);
    let same = std::fs::read(sandbox.path().join("pki/etcd/ca.crl")).unwrap();
    assert_eq!(list, same);

    // By serial number, with what was there before, and a copy that had been lost.
    let number = serial(&sandbox, &second);
    std::fs::remove_file(sandbox.path().join("pki/ca.crl.pem")).unwrap();
    expect(0, sandbox.run(&format!("{words} --yes")));
    assert!(!judge(&first) && judge(&second));
    let words = format!("certs revoke --serial {number} --pem pki/ca.crl.pem --yes -o json");
    let run = expect(0, sandbox.run(&words));
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (json["number"].as_str(), json["entries"].as_u64()),
        (Some("2"), Some(2))
    );
    assert!(!judge(&first) && !judge(&second) && judge(&other));

    let run = expect(
        0,
        sandbox.run("certs revoke --refresh --lifetime 240h --yes"),
    );
    assert!(run.stdout.contains("list 3, 2 revoked"), "{}", run.stdout);
    demand(
        &sandbox,
        &format!("{verify} -inform DER -in pki/etcd/ca.crl"),
    );
}

#[test]
fn a_kubeadm_ca_signs_lists_and_is_told_what_that_is_worth() {
    let sandbox = Sandbox::with_state();
    make_ca(&sandbox);
    let words = format!("certs revoke --serial 0abc {KUBEADM_CA} --yes");
    let run = expect(0, sandbox.run(&words));
    assert!(run.stdout.contains("lacks cRLSign"), "{}", run.stdout);
    demand(
        &sandbox,
        "crl -verify -noout -inform DER -in offline/ca.crl -CAfile offline/ca.crt",
    );
}

#[test]
fn bad_input_is_one_clear_error() {
    let sandbox = Sandbox::with_state();
    make_ca(&sandbox);
    expect(0, sandbox.run("certs gen --member m1=10.0.0.11"));
    for (words, said) in [
        ("certs revoke", "<CERT>..."),
        ("certs revoke --serial xyz", "is no serial number"),
        ("certs revoke --serial 1 --reason bored", "is no reason"),
        ("certs revoke --serial 1 --lifetime 0s", "more than nothing"),
        ("certs revoke etcdha.yaml --yes", "the file is empty"),
        ("certs revoke pki/etcd/ca.crt --yes", "it is the CA itself"),
        (
            "certs revoke offline/ca.crt --yes",
            "it is not from this CA",
        ),
        (
            "certs revoke --serial 1 --pem pki/etcd/ca.crl --yes",
            "one file",
        ),
    ] {
        sandbox.file("etcdha.yaml.txt", "");
        let words = words.replace("etcdha.yaml", "etcdha.yaml.txt");
        let run = expect(2, sandbox.run(&words));
        assert!(run.stderr.contains(said), "{words}\n{}", run.stderr);
        assert_eq!(run.stdout, "", "{words}");
    }
    assert!(!sandbox.path().join("pki/etcd/ca.crl").exists());

    expect(0, sandbox.run("certs revoke --serial 1 --yes"));
    let other = format!("certs revoke --serial 2 --crl pki/etcd/ca.crl {KUBEADM_CA} --yes");
    let run = expect(2, sandbox.run(&other));
    assert!(
        run.stderr.contains("the revocation list is"),
        "{}",
        run.stderr
    );
    let run = expect(
        3,
        sandbox.run("certs revoke --serial 1 --pki-dir none --yes"),
    );
    assert!(
        run.stderr.starts_with("refused [ca-unusable]"),
        "{}",
        run.stderr
    );
}
