//! What is on the hosts: trees to compare, halves of pairs, leftovers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use etcdha_testbed::{Binaries, Daemon, EtcdRelease, Host, wait};

use crate::support::PATIENCE;

/// Directories that `member add` writes to.
const TOUCHED: [&str; 3] = ["/etc/kubernetes", "/var/lib/etcd", "/var/lib/etcdha"];

/// Every file that matters on these hosts, with its contents.
pub(super) fn tree<'a>(hosts: impl IntoIterator<Item = &'a Host>) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for host in hosts {
        for directory in TOUCHED {
            walk(&host.path(directory), &mut |path| {
                found.insert(shown(path), fs::read(path).unwrap_or_default());
            });
        }
    }
    found
}

fn walk(directory: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => walk(&path, visit),
            false => visit(&path),
        }
    }
}

/// Certificates that are visible without their key. A key alone is harmless: nothing names it yet.
pub(super) fn half_pairs(host: &Host) -> Vec<String> {
    let mut halves = Vec::new();
    walk(&host.path("/etc/kubernetes"), &mut |path| {
        let is_leaf = path.extension().is_some_and(|extension| extension == "crt")
            && !path.ends_with("ca.crt");
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_leaf && !name.starts_with('.') && !path.with_extension("key").exists() {
            halves.push(shown(path));
        }
    });
    halves
}

/// Files that etcdha was writing and did not put in their place.
pub(super) fn leftovers(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    walk(directory, &mut |path| {
        if path.to_string_lossy().contains(".etcdha-") {
            found.push(shown(path));
        }
    });
    found
}

/// How many bytes a host's etcd has on disk.
pub(super) fn data_bytes(host: &Host) -> u64 {
    let mut bytes = 0;
    walk(&host.path("/var/lib/etcd/member/snap"), &mut |path| {
        bytes += fs::metadata(path)
            .map(|metadata| metadata.len())
            .unwrap_or(0);
    });
    bytes
}

/// Takes `ADDRESS:PORT` on a host: another etcd serves its clients there.
pub(super) fn squat(host: &Host, address: &str) -> Daemon {
    let etcd = Binaries::find().etcd(EtcdRelease::V3_5).unwrap();
    let data = format!("/var/lib/kubelet/squatter-{address}");
    let url = format!("http://{address}");
    let peer = "http://127.0.0.1:12380";
    let log = format!("squatter-{address}");
    let daemon = host.spawn(
        &log,
        &[
            &etcd.to_string_lossy(),
            &format!("--data-dir={data}"),
            &format!("--listen-client-urls={url}"),
            &format!("--advertise-client-urls={url}"),
            &format!("--listen-peer-urls={peer}"),
            &format!("--initial-advertise-peer-urls={peer}"),
            &format!("--initial-cluster=default={peer}"),
        ],
    );
    wait::until_true("the port to be taken", PATIENCE, || {
        host.log(&log).contains("serving client traffic")
    })
    .unwrap();
    daemon.unwrap()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
