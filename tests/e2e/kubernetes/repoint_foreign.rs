//! An empty etcd of another cluster as the target: an apiserver on it would be ready, and serve an
//! empty cluster.

use super::masters::Masters;

#[test]
fn an_empty_etcd_of_another_cluster_is_refused() {
    let masters = Masters::single(["m1", "m2"]);
    let old = masters.manifest("m1");
    let pid = masters.apiserver_pid("m1");
    let url = masters.urls(&["m2"]);
    let _foreign = masters.foreign_etcd("m2", "/var/lib/etcd");

    let target = format!("--servers={url}");
    let repoint = ["apiserver", "repoint", "m1", "--yes", &target];
    let refused = masters.run_expecting(3, &repoint);
    assert!(
        refused.stderr.contains("refused [foreign-etcd]"),
        "{}",
        refused.stderr
    );
    let migrate = ["apiserver", "repoint", "m1", "--yes", &target, "--migrate"];
    let refused = masters.run_expecting(3, &migrate);
    assert!(
        refused.stderr.contains("refused [migration-differs]"),
        "{}",
        refused.stderr
    );
    let both = format!("--servers={}", masters.urls(&["m1", "m2"]));
    let refused = masters.run_expecting(3, &["apiserver", "repoint", "m1", "--yes", &both]);
    assert!(
        refused.stderr.contains("refused [two-clusters]"),
        "{}",
        refused.stderr
    );
    assert_eq!(masters.manifest("m1"), old);
    assert_eq!(masters.apiserver_pid("m1"), pid);

    // The file of another authority costs nothing here: it is found before anything is written.
    let wrong = "--etcd-cafile=/etc/kubernetes/pki/ca.crt";
    let refused = masters.run_expecting(3, &["apiserver", "repoint", "m1", "--yes", wrong]);
    assert!(
        refused.stderr.contains("refused [etcd-server-unusable]"),
        "{}",
        refused.stderr
    );
    assert_eq!(masters.manifest("m1"), old);
}
