//! Evidence from directories that stand for hosts.

use std::path::Path;

use super::*;
use crate::sys::files;

const MANIFEST: &str = include_str!("../../../tests/data/manifests/etcd-kubeadm-1.34.yaml");

fn write(path: &Path, bytes: &[u8]) {
    files::ensure_dir(path.parent().unwrap(), 0o755).unwrap();
    files::write_atomic(path, bytes, 0o600).unwrap();
}

/// The rules that found something, and those that could not be applied.
fn rules(paths: &[&Path], host_files: HostFiles) -> (Vec<&'static str>, Vec<&'static str>) {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let now = "2026-11-21T08:00:00Z".parse().unwrap();
    let report = lint_manifests(&LintRequest {
        paths,
        host_files,
        now,
    })
    .unwrap();
    let mut found: Vec<_> = report.findings.iter().map(|finding| finding.rule).collect();
    let mut unchecked: Vec<_> = report.unchecked.iter().map(|rule| rule.rule).collect();
    found.dedup();
    unchecked.dedup();
    (found, unchecked)
}

fn manifest() -> String {
    // What kubeadm's own manifest is warned of is not the matter here.
    MANIFEST
        .replace("path: /readyz", "path: /livez")
        .replace(
            "m1=https://10.0.0.11:2380,m2",
            "m1=https://10.0.0.11:2380,m3=https://10.0.0.13:2380,m2",
        )
        .replace("--snapshot-count=10000", "--quota-backend-bytes=1")
        .replace("/etc/kubernetes/pki", "/no/such/directory")
}

#[test]
fn a_draft_is_not_blamed_for_files_this_host_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let draft = dir.path().join("etcd.yaml");
    write(&draft, manifest().as_bytes());
    let (found, unchecked) = rules(&[&draft], HostFiles::Guess);
    assert_eq!(found, [""; 0]);
    assert!(
        unchecked.contains(&"M014") && unchecked.contains(&"M005"),
        "{unchecked:?}"
    );
    let (found, _) = rules(&[&draft], HostFiles::Root(dir.path().to_owned()));
    assert_eq!(found, ["M014"]);
    let (found, unchecked) = rules(&[&draft], HostFiles::Ignore);
    assert_eq!(found, [""; 0]);
    assert!(unchecked.contains(&"M070"));
}

#[test]
fn the_place_of_a_manifest_tells_its_host_and_its_neighbours() {
    let host = tempfile::tempdir().unwrap();
    let directory = host.path().join("etc/kubernetes/manifests");
    let text = manifest().replace(
        "--initial-cluster-state=existing",
        "--initial-cluster-state=new",
    );
    write(&directory.join("etcd.yaml"), text.as_bytes());
    write(&directory.join("etcd.yaml.2023"), text.as_bytes());
    write(&directory.join(".etcd.yaml.swp"), text.as_bytes());
    let wal = include_bytes!("../../../tests/data/restores/restore-3.5.wal.head");
    write(&host.path().join("var/lib/etcd/member/wal/0.wal"), wal);
    let (found, _) = rules(&[&directory.join("etcd.yaml")], HostFiles::Guess);
    assert_eq!(found, ["M003", "M014", "M047", "M014"]);
}

#[test]
fn certificates_are_read_from_the_host() {
    let host = tempfile::tempdir().unwrap();
    let pki = host.path().join("no/such/directory/etcd");
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["m2".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    for name in ["server.crt", "peer.crt", "ca.crt"] {
        write(&pki.join(name), certificate.as_bytes());
    }
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    write(&pki.join("server.key"), key.serialize_pem().as_bytes());
    write(&pki.join("peer.key"), other.as_bytes());
    let draft = host.path().join("etcd.yaml");
    write(&draft, manifest().as_bytes());
    let (mut found, _) = rules(&[&draft], HostFiles::Root(host.path().to_owned()));
    found.sort_unstable();
    found.dedup();
    // Wrong names, a key of another pair, and a leaf where a CA belongs; self-signed, so trusted.
    assert_eq!(found, ["M070", "M071", "M077", "M079"]);
}
