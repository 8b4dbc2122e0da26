//! Who gets which files: a node's own and no other, and the CA's key stays where it was made.

use super::leaves::{LAYOUTS, ca, leaves};
use crate::harness::{Sandbox, expect};

const MEMBERS: &str = "--member m1=10.0.0.11 --member m2=10.0.0.12";

/// The files of a node's certificate directory, sorted.
fn files_of(layout: &str, number: usize) -> Vec<String> {
    let leaves = leaves(layout, number).into_iter();
    let mut files: Vec<String> = leaves.flat_map(|leaf| [leaf.cert, leaf.key]).collect();
    files.push(ca(layout).0.to_owned());
    files.sort();
    files
}

#[test]
fn a_node_s_folder_holds_its_own_files_only() {
    for layout in LAYOUTS {
        let sandbox = Sandbox::with_state();
        expect(
            0,
            sandbox.run(&format!("certs gen {MEMBERS} --pki-layout {layout}")),
        );
        for (number, node) in [(1, "m1"), (2, "m2")] {
            let dir = format!("pki/nodes/{node}");
            assert_eq!(sandbox.files_below(&dir), files_of(layout, number));
        }
        let (cert, key) = ca(layout);
        let all = sandbox.files_below("pki");
        let keys: Vec<&String> = all.iter().filter(|file| file.ends_with(key)).collect();
        assert_eq!(keys, [key]);
        assert_eq!(sandbox.mode(&format!("pki/{key}")), 0o600);
        for copy in ["pki", "pki/nodes/m1", "pki/nodes/m2"] {
            assert_eq!(sandbox.mode(&format!("{copy}/{cert}")), 0o644);
            assert_eq!(
                sandbox.read(&format!("{copy}/{cert}")),
                sandbox.read(&format!("pki/{cert}"))
            );
        }
        assert_eq!(sandbox.mode("pki/nodes/m1"), 0o700);
        if layout == "kubeadm" {
            assert_eq!(sandbox.mode("pki/nodes/m1/etcd"), 0o700);
            assert_eq!(sandbox.mode("pki/etcd"), 0o700);
        }
        assert_eq!(all.len(), 2 + 2 * 9, "{all:?}");
    }
}

#[test]
fn hosts_get_the_same_files_in_place_and_never_the_ca_s_key() {
    for layout in LAYOUTS {
        let sandbox = Sandbox::with_state();
        let root = |node: &str| sandbox.path().join(node).display().to_string();
        let roots = format!(
            "--member-root m1={} --member-root m2={}",
            root("m1"),
            root("m2")
        );
        let words = format!("certs gen {MEMBERS} {roots} --hosts --pki-layout {layout}");
        expect(0, sandbox.run(&words));
        for (number, node) in [(1, "m1"), (2, "m2")] {
            let files: Vec<String> = files_of(layout, number)
                .iter()
                .map(|file| format!("etc/kubernetes/pki/{file}"))
                .collect();
            assert_eq!(sandbox.files_below(node), files);
        }
        let (cert, key) = ca(layout);
        let mut ca = [cert, key];
        ca.sort_unstable();
        assert_eq!(sandbox.files_below("pki"), ca);
    }
}

#[test]
fn one_node_is_issued_without_the_others() {
    let sandbox = Sandbox::with_state();
    expect(0, sandbox.run(&format!("certs gen m2 {MEMBERS}")));
    assert!(!sandbox.has("pki/nodes/m1"));
    assert_eq!(sandbox.files_below("pki/nodes/m2"), files_of("kubeadm", 2));
    // The other one joins under the same CA.
    let before = sandbox.read("pki/etcd/ca.crt");
    expect(0, sandbox.run(&format!("certs gen {MEMBERS}")));
    assert_eq!(sandbox.read("pki/nodes/m1/etcd/ca.crt"), before);
}

#[test]
fn a_dry_run_writes_nothing() {
    let sandbox = Sandbox::with_state();
    let run = expect(0, sandbox.run(&format!("certs gen {MEMBERS} --dry-run")));
    assert!(run.stdout.contains("write 8 certificates"), "{}", run.all());
    assert!(!sandbox.has("pki"));
}

#[test]
fn no_key_is_in_a_plan_a_report_or_a_receipt() {
    let sandbox = Sandbox::with_state();
    let run = expect(0, sandbox.run(&format!("certs gen {MEMBERS} -o json -vv")));
    let said = run.all();
    let receipts = sandbox.files_below("state");
    let receipts = receipts
        .iter()
        .map(|file| sandbox.read(&format!("state/{file}")));
    let said: String = std::iter::once(said).chain(receipts).collect();
    let keys = sandbox.files_below("pki");
    for file in keys.iter().filter(|file| file.ends_with(".key")) {
        let key = sandbox.read(&format!("pki/{file}"));
        let secret = key.lines().nth(1).unwrap();
        assert!(!said.contains(secret), "{file} is told:\n{said}");
    }
    assert!(!said.contains("PRIVATE"), "{said}");
}
