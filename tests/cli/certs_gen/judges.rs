//! Every key algorithm in every layout: openssl and cfssl read, verify and agree with what was asked.

use super::leaves::{LAYOUTS, Leaf, ca, demand_pair, field, leaves, verify};
use crate::cfssl::certinfo;
use crate::harness::{Sandbox, expect};
use crate::openssl::demand;

/// Dual stack, IPv6 alone, and names for all.
const MEMBERS: &str =
    "--member m1=10.0.0.11,fd00::11 --member m2=fd00::12 --extra-name etcd.example.com";

/// The addresses and names of each node's server and peer certificates, in order.
const NAMES: [(&str, &[&str]); 2] = [
    (
        "m1",
        &[
            "m1",
            "localhost",
            "10.0.0.11",
            "fd00::11",
            "127.0.0.1",
            "::1",
            "etcd.example.com",
        ],
    ),
    (
        "m2",
        &[
            "m2",
            "localhost",
            "fd00::12",
            "127.0.0.1",
            "::1",
            "etcd.example.com",
        ],
    ),
];

/// An algorithm as each of the three calls it.
struct Algorithm {
    ours: &'static str,
    /// How openssl describes the key.
    key: &'static str,
    /// How openssl names the signature.
    signature: &'static str,
    /// How cfssl names the signature.
    cfssl: &'static str,
}

/// cfssl keeps DNS names before addresses, whatever their order in the certificate.
fn as_cfssl_lists(names: &[&str]) -> Vec<String> {
    let is_address = |name: &&&str| name.parse::<std::net::IpAddr>().is_ok();
    let (addresses, dns): (Vec<&&str>, Vec<&&str>) = names.iter().partition(is_address);
    let all = dns.into_iter().chain(addresses);
    all.map(ToString::to_string).collect()
}

fn judge_ca(sandbox: &Sandbox, algorithm: &Algorithm, cert: &str, key: &str) {
    demand(
        sandbox,
        &format!("verify -x509_strict -CAfile {cert} {cert}"),
    );
    demand_pair(sandbox, cert, key);
    let text = demand(sandbox, &format!("x509 -noout -text -in {cert}"));
    for said in [
        algorithm.key,
        algorithm.signature,
        "CA:TRUE, pathlen:0",
        "Certificate Sign, CRL Sign",
    ] {
        assert!(text.contains(said), "{cert}: no {said:?} in\n{text}");
    }
    let info = certinfo(sandbox, cert);
    assert_eq!(info["sigalg"], algorithm.cfssl);
    assert_eq!(info["subject"]["common_name"], "etcd-ca");
}

fn judge_leaf(
    sandbox: &Sandbox,
    algorithm: &Algorithm,
    (ca, dir): (&str, &str),
    (node, names): (&str, &[&str]),
    leaf: &Leaf,
) {
    let (cert, key) = (
        format!("{dir}/{}", leaf.cert),
        format!("{dir}/{}", leaf.key),
    );
    verify(sandbox, ca, &cert, leaf.is_dialled);
    demand_pair(sandbox, &cert, &key);
    assert_eq!((sandbox.mode(&cert), sandbox.mode(&key)), (0o644, 0o600));

    let text = demand(sandbox, &format!("x509 -noout -text -in {cert}"));
    let extended = match leaf.is_dialled {
        true => "TLS Web Server Authentication, TLS Web Client Authentication\n",
        false => " TLS Web Client Authentication\n",
    };
    for said in [
        "Version: 3",
        algorithm.key,
        algorithm.signature,
        "X509v3 Key Usage: critical\n                Digital Signature, Key Encipherment\n",
        extended,
        "X509v3 Basic Constraints: critical\n                CA:FALSE\n",
    ] {
        assert!(text.contains(said), "{cert}: no {said:?} in\n{text}");
    }
    let common_name = leaf.common_name.unwrap_or(node);
    assert_eq!(
        field(sandbox, &cert, "-subject -nameopt RFC2253"),
        format!("CN={common_name}")
    );

    let info = certinfo(sandbox, &cert);
    assert_eq!(info["sigalg"], algorithm.cfssl);
    assert_eq!(info["subject"]["common_name"], common_name);
    assert_eq!(info["issuer"]["common_name"], "etcd-ca");
    if !leaf.is_dialled {
        assert!(info["sans"].is_null(), "{cert}: {info}");
        return;
    }
    assert_eq!(info["sans"], serde_json::json!(as_cfssl_lists(names)));
    for name in names {
        let word = match name.parse::<std::net::IpAddr>() {
            Ok(_) => "-checkip",
            Err(_) => "-checkhost",
        };
        let said = demand(sandbox, &format!("x509 -noout {word} {name} -in {cert}"));
        assert!(said.contains("does match"), "{cert}: {said}");
    }
    let said = demand(
        sandbox,
        &format!("x509 -noout -checkip 10.9.9.9 -in {cert}"),
    );
    assert!(said.contains("does NOT match"), "{cert}: {said}");
}

/// One node in each layout, so that the slow ones among the keys are few.
fn judge(algorithm: &Algorithm) {
    for (index, layout) in LAYOUTS.into_iter().enumerate() {
        let sandbox = Sandbox::with_state();
        let (node, names) = NAMES[index];
        let name = algorithm.ours;
        let words = "certs gen --pki-layout";
        let words = format!("{words} {layout} {node} {MEMBERS} --key-algorithm {name}");
        expect(0, sandbox.run(&words));
        let (ca_cert, ca_key) = ca(layout);
        let (ca_cert, ca_key) = (format!("pki/{ca_cert}"), format!("pki/{ca_key}"));
        judge_ca(&sandbox, algorithm, &ca_cert, &ca_key);
        let dir = format!("pki/nodes/{node}");
        for leaf in leaves(layout, index + 1) {
            judge_leaf(&sandbox, algorithm, (&ca_cert, &dir), (node, names), &leaf);
        }
    }
}

#[test]
fn ecdsa_p256() {
    judge(&Algorithm {
        ours: "ecdsa-p256",
        key: "NIST CURVE: P-256",
        signature: "Signature Algorithm: ecdsa-with-SHA256",
        cfssl: "ECDSAWithSHA256",
    });
}

#[test]
fn ecdsa_p384() {
    judge(&Algorithm {
        ours: "ecdsa-p384",
        key: "NIST CURVE: P-384",
        signature: "Signature Algorithm: ecdsa-with-SHA384",
        cfssl: "ECDSAWithSHA384",
    });
}

#[test]
fn ecdsa_p521() {
    judge(&Algorithm {
        ours: "ecdsa-p521",
        key: "NIST CURVE: P-521",
        signature: "Signature Algorithm: ecdsa-with-SHA512",
        cfssl: "ECDSAWithSHA512",
    });
}

#[test]
fn rsa_2048() {
    judge(&Algorithm {
        ours: "rsa-2048",
        key: "Public-Key: (2048 bit)",
        signature: "Signature Algorithm: sha256WithRSAEncryption",
        cfssl: "SHA256WithRSA",
    });
}

#[test]
fn rsa_3072() {
    judge(&Algorithm {
        ours: "rsa-3072",
        key: "Public-Key: (3072 bit)",
        signature: "Signature Algorithm: sha384WithRSAEncryption",
        cfssl: "SHA384WithRSA",
    });
}

#[test]
fn rsa_4096() {
    judge(&Algorithm {
        ours: "rsa-4096",
        key: "Public-Key: (4096 bit)",
        signature: "Signature Algorithm: sha512WithRSAEncryption",
        cfssl: "SHA512WithRSA",
    });
}

/// cfssl issues none of them before its newest release, but Debian's reads them.
#[test]
fn ed25519() {
    judge(&Algorithm {
        ours: "ed25519",
        key: "ED25519 Public-Key:",
        signature: "Signature Algorithm: ED25519",
        cfssl: "Ed25519",
    });
}
