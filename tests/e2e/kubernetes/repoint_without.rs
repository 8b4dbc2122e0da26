//! An apiserver whose events are in an etcd of their own, on a host without any file of an
//! administrator.

use std::path::Path;
use std::process::Command;

use etcdha_testbed::{Binaries, Daemon, run, wait};

use super::masters::{ETCD, Masters, READY};

const PKI: &str = "/etc/kubernetes/pki";

/// Serves m1's events.
fn events_etcd(masters: &Masters, data_dir: &str) -> Daemon {
    let m1 = masters.host("m1");
    let url = events_url(masters);
    let etcd = Binaries::find().etcd(ETCD).unwrap();
    let daemon = m1.spawn(
        "events",
        &[
            &etcd.to_string_lossy(),
            &format!("--data-dir={data_dir}"),
            &format!("--listen-client-urls={url}"),
            &format!("--advertise-client-urls={url}"),
            "--listen-peer-urls=http://127.0.0.1:12380",
            &format!("--cert-file={PKI}/etcd/server.crt"),
            &format!("--key-file={PKI}/etcd/server.key"),
            &format!("--trusted-ca-file={PKI}/etcd/ca.crt"),
            "--client-cert-auth",
        ],
    );
    daemon.unwrap()
}

fn events_url(masters: &Masters) -> String {
    format!("https://{}:12379", masters.host("m1").address())
}

/// Asks m1's apiserver with its own pair as a client of kubelets, which kubeadm 1.20 makes a master's.
fn api(masters: &Masters, pair: &Path, path: &str, body: &str) -> bool {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--max-time", "10", "--cacert"])
        .arg(masters.host("m1").path(PKI).join("ca.crt"))
        .arg("--cert")
        .arg(pair.with_extension("crt"))
        .arg("--key")
        .arg(pair.with_extension("key"));
    if !body.is_empty() {
        curl.args(["--header", "Content-Type: application/json", "--data", body]);
    }
    let address = masters.host("m1").address();
    run(curl.arg(format!("https://{address}:6443{path}"))).is_ok()
}

#[test]
fn without_a_kubeconfig_a_key_of_our_own_proves_it_and_overrides_stay() {
    let masters = Masters::single(["m1"]);
    let m1 = masters.host("m1");
    let mut events = events_etcd(&masters, "/var/lib/etcd/events");
    let over = format!("--etcd-servers-overrides=/events#{}", events_url(&masters));
    // No pair of a client of kubelets, and events elsewhere.
    let kubeadm = masters.manifest("m1");
    let mut plain = String::new();
    for line in kubeadm
        .lines()
        .filter(|line| !line.contains("--kubelet-client-"))
    {
        plain += &format!("{line}\n");
        if line.contains("--etcd-servers=") {
            plain += &format!("    - '{over}' # events\n");
        }
    }
    let pid = masters.apiserver_pid("m1");
    m1.write_manifest("kube-apiserver.yaml", &plain).unwrap();
    let pair = m1.path(PKI).join("apiserver-kubelet-client");
    wait::until_true("the apiserver with overrides", READY, || {
        masters.apiserver_pid("m1") != pid && api(&masters, &pair, "/readyz", "")
    })
    .unwrap();
    std::fs::remove_file(m1.path("/etc/kubernetes/admin.conf")).unwrap();

    let servers = masters.urls(&["m1"]);
    let repoint = ["apiserver", "repoint", "--yes", "--servers", &servers];
    events.kill().unwrap();
    let refused = masters.run_expecting(3, &repoint);
    assert!(
        refused.stderr.contains("[override-unusable]"),
        "{}",
        refused.stderr
    );
    let _events = events_etcd(&masters, "/var/lib/etcd/events");

    wait::until("the etcd of events to be back", READY, || {
        masters.run_quietly(&["apiserver", "repoint", "--dry-run", "--servers", &servers])
    })
    .unwrap();
    let done = masters.run_expecting(0, &repoint).stdout;
    let stood_in = "there is no kubeconfig, so a key of our own stood in";
    assert!(done.contains(stood_in), "{done}");
    let back = masters
        .manifest("m1")
        .replace(&servers, "https://127.0.0.1:2379");
    assert_eq!(back, plain, "the line of the overrides is as it was");
    let kept = masters.etcdctl(&servers, &["get", "--prefix", "--keys-only", "/etcdha"]);
    assert_eq!(kept.stdout.trim(), "", "the key is gone");

    let event = serde_json::json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "seen", "namespace": "default"},
        "involvedObject": {"namespace": "default"}, "reason": "Seen", "message": "here",
    });
    let path = "/api/v1/namespaces/default/events";
    assert!(api(&masters, &pair, path, &event.to_string()));
    let has_event = |url: &str| {
        let key = "/registry/events/default/seen";
        let found = masters.etcdctl(url, &["get", "--keys-only", key]);
        found.stdout.contains(key)
    };
    assert!(has_event(&events_url(&masters)) && !has_event(&servers));
}
