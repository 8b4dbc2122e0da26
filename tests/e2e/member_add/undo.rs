//! A growth that was killed is taken back by `etcdha undo`, or finished by `etcdha resume`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use etcdha_testbed::EtcdRelease;

use crate::cluster::Cluster;

/// Runs `member add m2 m3` and kills it when it has written this on stderr.
fn kill_growth_after(cluster: &Cluster, text: &str) {
    let mut command = cluster.etcdha(&["member", "add", "m2", "m3", "--yes"]);
    let mut child = command
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let found = lines.map_while(Result::ok).any(|line| line.contains(text));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(found, "etcdha never said {text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_growth_is_undone_or_resumed() {
    let cluster = Cluster::single(EtcdRelease::V3_5).await;
    let writes = cluster.load(200).await;

    kill_growth_after(&cluster, "write etcd.yaml (existing, 2 members)");
    let dry = cluster.run_expecting(0, &["undo", "--dry-run"]);
    assert!(dry.stdout.contains("add learner"), "{}", dry.stdout);
    cluster.run_expecting(0, &["undo", "--yes"]);
    assert_eq!(cluster.roles(), ["m1:voter"]);
    let m2 = cluster.host("m2");
    assert!(!m2.path("/etc/kubernetes/manifests/etcd.yaml").exists());
    assert!(!m2.path("/etc/kubernetes/pki/etcd/server.key").exists());
    assert!(!m2.path("/var/lib/etcd/member").exists());
    let nothing = cluster.run_expecting(0, &["undo", "--yes"]);
    assert!(
        nothing.stderr.contains("Nothing to do"),
        "{}",
        nothing.stderr
    );

    kill_growth_after(&cluster, "promote m2");
    cluster.run_expecting(0, &["resume", "--yes"]);
    assert_eq!(cluster.roles(), ["m1:voter", "m2:voter", "m3:voter"]);
    cluster.prove(&["m1", "m2", "m3"], &writes).await;

    let refused = cluster.run_expecting(3, &["undo", "--yes"]);
    assert!(
        refused.stderr.contains("[no-way-back]"),
        "{}",
        refused.stderr
    );
}
