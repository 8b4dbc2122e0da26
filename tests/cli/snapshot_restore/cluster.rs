//! `etcdha snapshot restore --cluster` without a server: what is refused, what is only shown.

use std::fs;

use super::{place, sandbox};
use crate::harness::{Sandbox, expect};

/// kubeadm's own manifest, as a host of this name and address has it.
fn etcd_manifest(name: &str, address: &str) -> String {
    let pki = "/etc/kubernetes/pki/etcd";
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: etcd\n  namespace: kube-system\n  labels:\n    \
         tier: control-plane\nspec:\n  containers:\n  - name: etcd\n    image: etcd\n    command:\n    \
         - etcd\n    - --name={name}\n    - --data-dir=/var/lib/etcd\n    \
         - --initial-advertise-peer-urls=https://{address}:2380\n    \
         - --cert-file={pki}/server.crt\n    volumeMounts:\n    - mountPath: /var/lib/etcd\n      \
         name: data\n    - mountPath: {pki}\n      name: pki\n  volumes:\n  - hostPath: {{path: \
         /var/lib/etcd}}\n    name: data\n  - hostPath: {{path: {pki}}}\n    name: pki\n"
    )
}

/// Three hosts with manifests and nothing else; nobody answers at their addresses.
fn hosts() -> Sandbox {
    let sandbox = sandbox("etcd-3.5-nocompact.snapshot.db");
    let mut file = "apiVersion: etcdha.dev/v1alpha1\nkind: Cluster\nname: prod\netcd: {version: \
                    3.5.16}\npki: {ca: {cert: ca.crt, key: ca.key}}\nmembers:\n"
        .to_owned();
    sandbox.file("ca.crt", "");
    for (name, number) in [("m1", 1), ("m2", 2), ("m3", 3)] {
        let address = format!("192.0.2.{number}");
        let root = sandbox.path().join(name);
        file += &format!(
            "- {{name: {name}, address: {address}, root: {}}}\n",
            root.display()
        );
        let manifest = format!("{name}/etc/kubernetes/manifests/etcd.yaml");
        sandbox.file(&manifest, &etcd_manifest(name, &address));
        sandbox.file(&format!("{name}/etc/kubernetes/pki/etcd/server.crt"), "");
        sandbox.file(&format!("{name}/var/lib/etcd/member/old"), "");
    }
    sandbox.file("etcdha.yaml", &file);
    sandbox
}

/// Every file below the hosts, with its contents.
fn everything(sandbox: &Sandbox) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut left = ["m1", "m2", "m3"]
        .map(|name| sandbox.path().join(name))
        .to_vec();
    left.retain(|path| path.exists());
    while let Some(path) = left.pop() {
        match path.is_dir() {
            true => left.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            ),
            false => found.push((path.display().to_string(), fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}

fn refused(sandbox: &Sandbox, code: i32, id: &str, more: &str) {
    let before = everything(sandbox);
    let words = format!("snapshot restore --cluster s.db --yes --timeout 1s {more}");
    let run = expect(code, sandbox.run(&words));
    assert!(run.stderr.contains(&format!("[{id}]")), "{}", run.stderr);
    assert!(run.stderr.contains("fix: "), "{}", run.stderr);
    assert_eq!(everything(sandbox), before, "{id}");
}

#[test]
fn a_dry_run_shows_the_whole_plan_and_touches_nothing() {
    let sandbox = hosts();
    let before = everything(&sandbox);
    let words = "snapshot restore --cluster s.db --dry-run --timeout 1s";
    let run = expect(0, sandbox.run(words));
    for word in [
        "make its new data beside /var/lib/etcd",
        "set etcd.yaml aside",
        "wait until no etcd runs",
        "swap data, old to /var/lib/etcd.etcdha-before-",
        "prove: HashKV",
        "none: old data is kept",
        "clients list anew",
        "no member answers",
    ] {
        assert!(run.stdout.contains(word), "{word}:\n{}", run.stdout);
    }
    let json = expect(0, sandbox.run(&format!("{words} -o json")));
    let plan: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(plan["command"], "snapshot restore --cluster");
    // Three hosts without an apiserver: build, stop, change, start; two waits and the proof.
    assert_eq!(plan["steps"].as_array().unwrap().len(), 4 * 3 + 3);
    assert_eq!(everything(&sandbox), before);
    let asked = expect(
        2,
        sandbox.run("snapshot restore --cluster s.db --timeout 1s"),
    );
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
}

#[test]
fn files_that_can_not_be_trusted_are_refused_as_for_one_member() {
    let sandbox = hosts();
    let whole = fs::read(sandbox.path().join("s.db")).unwrap();
    for (bytes, id) in [
        (whole[..whole.len() - 32].to_vec(), "digest-missing"),
        (whole[..whole.len() / 2].to_vec(), "snapshot-damaged"),
        (Vec::new(), "snapshot-damaged"),
    ] {
        place(&sandbox, "s.db", &bytes);
        refused(&sandbox, 5, id, "");
    }
    let mut flipped = whole.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    place(&sandbox, "s.db", &flipped);
    refused(&sandbox, 5, "digest-mismatch", "");
    place(&sandbox, "s.db", &whole);
    refused(
        &sandbox,
        3,
        "revision-overflow",
        "--bump-revision 9223372036854775807 --mark-compacted",
    );
}

#[test]
fn hosts_that_are_not_ready_are_named_and_nothing_is_touched() {
    let manifest = "m2/etc/kubernetes/manifests/etcd.yaml";
    let sandbox = hosts();
    sandbox.file(
        "m2/etc/kubernetes/manifests/other.yaml",
        &etcd_manifest("m2", "192.0.2.2"),
    );
    refused(&sandbox, 3, "etcd-manifest-ambiguous", "");
    let sandbox = hosts();
    sandbox.file(manifest, &etcd_manifest("m9", "192.0.2.2"));
    refused(&sandbox, 3, "etcd-manifest-differs", "");
    let sandbox = hosts();
    sandbox.file(manifest, &etcd_manifest("m2", "192.0.2.9"));
    refused(&sandbox, 3, "etcd-manifest-differs", "");
    let sandbox = hosts();
    sandbox.file(manifest, "no: [pod");
    refused(&sandbox, 3, "manifest-not-editable", "");
    let sandbox = hosts();
    fs::remove_file(sandbox.path().join("m3/etc/kubernetes/pki/etcd/server.crt")).unwrap();
    refused(&sandbox, 3, "file-not-in-pod", "");
    let sandbox = hosts();
    fs::remove_file(sandbox.path().join(manifest)).unwrap();
    refused(&sandbox, 3, "etcd-manifest-missing", "");
    let sandbox = hosts();
    fs::rename(sandbox.path().join("m3"), sandbox.path().join("gone")).unwrap();
    refused(&sandbox, 3, "host-root-missing", "");
    // A host that is lost is no obstacle where it is left out.
    let words = "snapshot restore --cluster s.db --dry-run --timeout 1s --without m3";
    let run = expect(0, sandbox.run(words));
    assert!(
        run.stdout.contains("Left out for good: m3"),
        "{}",
        run.stdout
    );
}

#[test]
fn members_without_roots_of_their_own_are_refused() {
    let sandbox = hosts();
    let file = fs::read_to_string(sandbox.path().join("etcdha.yaml")).unwrap();
    let lines = file.lines().map(|line| match line.split_once(", root:") {
        Some((member, _)) => format!("{member}}}\n"),
        None => format!("{line}\n"),
    });
    sandbox.file("etcdha.yaml", &lines.collect::<String>());
    refused(&sandbox, 3, "hosts-share-root", "");
}

#[test]
fn flags_that_make_no_sense_together_are_usage() {
    let sandbox = hosts();
    for more in [
        "--name m1",
        "--data-dir x",
        "--without m9",
        "--without m1,m2,m3",
        "--bump-revision 5",
        "--wait 0s",
    ] {
        let words = format!("snapshot restore --cluster s.db --dry-run {more}");
        expect(2, sandbox.run(&words));
    }
    expect(2, sandbox.run("snapshot restore s.db --without m1"));
    fs::remove_file(sandbox.path().join("etcdha.yaml")).unwrap();
    let run = expect(2, sandbox.run("snapshot restore --cluster s.db"));
    assert!(
        run.stderr.contains("there is no cluster file"),
        "{}",
        run.stderr
    );
}
