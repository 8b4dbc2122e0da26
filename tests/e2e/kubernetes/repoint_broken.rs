//! One node on which the new manifest can't work: it gets its old one back, and the others are left
//! alone.

use super::masters::{Masters, READY};

/// A CA file beside kubeadm's own.
const NEW_CA: &str = "/etc/kubernetes/pki/etcd/new-ca.crt";

#[test]
fn a_node_with_a_wrong_file_gets_its_old_manifest_back_and_the_others_are_left_alone() {
    let masters = Masters::grown(["m1", "m2", "m3"]);
    let names = ["m1", "m2", "m3"];
    for name in names {
        let host = masters.host(name);
        let ca = host.path("/etc/kubernetes/pki/etcd/ca.crt");
        std::fs::copy(ca, host.path(NEW_CA)).unwrap();
    }
    // A mount that only m2 itself sees: the file is right on its disk, and wrong in its pods.
    let wrong = ["mount", "--bind", "/etc/kubernetes/pki/ca.crt", NEW_CA];
    let mounted = masters.host("m2").run(&wrong).unwrap();
    assert!(mounted.status.success(), "{}", mounted.stderr);
    let before = names.map(|name| masters.manifest(name));
    let third = masters.apiserver_pid("m3");

    let repoint = [
        "apiserver",
        "repoint",
        "--yes",
        "--wait=40s",
        "--etcd-cafile",
        NEW_CA,
    ];
    let failed = masters.run_expecting(4, &repoint);
    assert!(
        failed.stderr.contains("taken back: step 4"),
        "{}",
        failed.stderr
    );
    assert!(
        failed.stderr.contains("readiness of the apiserver of m2"),
        "{}",
        failed.stderr
    );
    // m1 was done and works; m2 is as before; m3 was not begun.
    assert_eq!(masters.servers("m1"), masters.urls(&["m1", "m2", "m3"]));
    assert_eq!(masters.manifest("m2"), before[1]);
    assert_eq!(masters.manifest("m3"), before[2]);
    assert_eq!(masters.apiserver_pid("m3"), third, "it was not restarted");
    for name in names {
        masters.kubectl(name).wait_ready(READY).unwrap();
    }

    // Once it is mended, the run goes on. The same text crashed before, so it is numbered: the kubelet
    // would wait for minutes otherwise.
    let mended = masters.host("m2").run(&["umount", NEW_CA]).unwrap();
    assert!(mended.status.success(), "{}", mended.stderr);
    masters.run_expecting(
        0,
        &["apiserver", "repoint", "--yes", "--etcd-cafile", NEW_CA],
    );
    assert!(masters.manifest("m2").contains("etcdha.dev/attempt: \"2\""));
    for name in names {
        assert!(
            masters
                .manifest(name)
                .contains(&format!("--etcd-cafile={NEW_CA}"))
        );
        masters.kubectl(name).wait_ready(READY).unwrap();
    }
}
