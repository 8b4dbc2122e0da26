//! `certs renew`: issued anew in place, by the same CA, with names from the cluster file as it is now.

use std::fs;

use super::leaves::{LAYOUTS, demand_pair, field, leaves, verify};
use crate::harness::{Run, Sandbox, expect};
use crate::openssl::demand;

/// A cluster of two whose hosts are directories of the sandbox.
fn cluster(sandbox: &Sandbox, layout: &str, address: &str) {
    let root = |node: &str| sandbox.path().join(node).display().to_string();
    let (m1, m2) = (root("m1"), root("m2"));
    let text = format!(
        "apiVersion: etcdha.dev/v1alpha1\n\
         kind: Cluster\n\
         name: prod\n\
         etcd: {{version: 3.5.16}}\n\
         pki: {{layout: {layout}}}\n\
         members:\n  \
         - {{name: m1, address: {address}, root: {m1}}}\n  \
         - {{name: m2, address: 10.0.0.12, root: {m2}}}\n"
    );
    sandbox.file("etcdha.yaml", &text);
}

fn renew(sandbox: &Sandbox, code: i32, words: &str) -> Run {
    expect(code, sandbox.run(&format!("certs renew {words}")))
}

const DIR: &str = "etc/kubernetes/pki";

/// The serial numbers of a host's certificates, in the order of [`leaves`].
fn serials(sandbox: &Sandbox, layout: &str, number: usize) -> [String; 4] {
    leaves(layout, number).map(|leaf| {
        let cert = format!("m{number}/{DIR}/{}", leaf.cert);
        field(sandbox, &cert, "-serial")
    })
}

#[test]
fn a_new_address_in_the_cluster_file_is_in_the_renewed_certificate() {
    for layout in LAYOUTS {
        let sandbox = Sandbox::with_state();
        cluster(&sandbox, layout, "10.0.0.11");
        expect(0, sandbox.run("certs gen --hosts"));
        let ca = sandbox.files_below("pki");
        let (before, other) = (serials(&sandbox, layout, 1), serials(&sandbox, layout, 2));
        let keys = leaves(layout, 1).map(|leaf| sandbox.read(&format!("m1/{DIR}/{}", leaf.key)));

        let dual = "10.0.0.11, extraAddresses: [fd00::11, 10.9.9.11]";
        cluster(&sandbox, layout, dual);
        // `certs gen` says that the address is missing and changes nothing.
        let run = expect(5, sandbox.run("certs gen --hosts"));
        assert!(run.stdout.contains("fd00::11"), "{}", run.stdout);
        assert_eq!(serials(&sandbox, layout, 1), before);

        let run = renew(&sandbox, 2, "m1");
        assert!(run.stderr.contains("--yes"), "{}", run.stderr);
        renew(&sandbox, 0, "m1 --dry-run");
        assert_eq!(serials(&sandbox, layout, 1), before);
        let run = renew(&sandbox, 0, "m1 --yes");
        assert!(run.stdout.contains("4 renewed."), "{}", run.stdout);

        let after = serials(&sandbox, layout, 1);
        for (index, leaf) in leaves(layout, 1).iter().enumerate() {
            let (cert, key) = (
                format!("m1/{DIR}/{}", leaf.cert),
                format!("m1/{DIR}/{}", leaf.key),
            );
            assert_ne!(after[index], before[index]);
            assert_ne!(sandbox.read(&key), keys[index], "the key is new, too");
            let ca = match layout {
                "kubeadm" => "pki/etcd/ca.crt",
                _ => "pki/ca.pem",
            };
            verify(&sandbox, ca, &cert, leaf.is_dialled);
            demand_pair(&sandbox, &cert, &key);
            assert_eq!((sandbox.mode(&cert), sandbox.mode(&key)), (0o644, 0o600));
            for address in ["10.0.0.11", "fd00::11", "10.9.9.11"] {
                let words = format!("x509 -noout -checkip {address} -in {cert}");
                let is_in = demand(&sandbox, &words).contains("does match");
                assert_eq!(is_in, leaf.is_dialled, "{cert} {address}");
            }
        }
        assert_eq!(serials(&sandbox, layout, 2), other, "m2 was not asked for");
        assert_eq!(sandbox.files_below("pki"), ca);
        expect(0, sandbox.run("certs gen --hosts"));
    }
}

#[test]
fn one_kind_is_renewed_alone_and_what_is_missing_stays_missing() {
    let sandbox = Sandbox::with_state();
    cluster(&sandbox, "kubeadm", "10.0.0.11");
    expect(0, sandbox.run("certs gen --hosts"));
    let before = serials(&sandbox, "kubeadm", 1);
    renew(&sandbox, 0, "m1 --kind peer --yes");
    let after = serials(&sandbox, "kubeadm", 1);
    let differs: Vec<bool> = before.iter().zip(&after).map(|(a, b)| a != b).collect();
    assert_eq!(differs, [false, true, false, false]);

    for file in ["etcd/peer.crt", "etcd/peer.key"] {
        fs::remove_file(sandbox.path().join("m1").join(DIR).join(file)).unwrap();
    }
    renew(&sandbox, 0, "m1 --kind peer --yes");
    assert!(!sandbox.has(&format!("m1/{DIR}/etcd/peer.crt")));
}

#[test]
fn within_takes_only_what_is_due() {
    let sandbox = Sandbox::with_state();
    cluster(&sandbox, "kubeadm", "10.0.0.11");
    expect(0, sandbox.run("certs gen m1 --hosts --leaf-validity 60d"));
    expect(0, sandbox.run("certs gen m2 --hosts --leaf-validity 200d"));
    let before = [1, 2].map(|number| serials(&sandbox, "kubeadm", number));
    let run = renew(&sandbox, 0, "--within 30 --yes");
    assert!(run.stdout.contains("8 kept."), "{}", run.stdout);
    let run = renew(&sandbox, 0, "--within 90 --yes");
    assert!(run.stdout.contains("4 kept, 4 renewed."), "{}", run.stdout);
    let after = [1, 2].map(|number| serials(&sandbox, "kubeadm", number));
    assert_ne!(after[0], before[0]);
    assert_eq!(after[1], before[1]);
    renew(&sandbox, 2, "--within -1 --yes");
}

#[test]
fn the_operator_s_own_copies_are_renewed_in_place() {
    let sandbox = Sandbox::with_state();
    cluster(&sandbox, "kubeadm", "10.0.0.11");
    expect(0, sandbox.run("certs gen"));
    let cert = "pki/nodes/m2/etcd/server.crt";
    let before = field(&sandbox, cert, "-serial");
    renew(&sandbox, 0, "m2 --operator --kind server --yes");
    assert_ne!(field(&sandbox, cert, "-serial"), before);
    verify(&sandbox, "pki/etcd/ca.crt", cert, true);
}

#[test]
fn without_the_ca_nothing_is_renewed() {
    let sandbox = Sandbox::with_state();
    cluster(&sandbox, "kubeadm", "10.0.0.11");
    expect(0, sandbox.run("certs gen --hosts"));
    let before = serials(&sandbox, "kubeadm", 1);
    fs::remove_dir_all(sandbox.path().join("pki")).unwrap();
    let run = renew(&sandbox, 3, "m1 --yes");
    assert!(
        run.stderr.starts_with("refused [ca-unusable]"),
        "{}",
        run.stderr
    );
    assert!(!sandbox.has("pki"), "no second CA comes to be");
    assert_eq!(serials(&sandbox, "kubeadm", 1), before);
}
