//! After growing, every apiserver is pointed at every member, and outlives its own.

use etcdha_testbed::wait;

use super::masters::{Masters, READY};

#[test]
fn apiservers_of_a_grown_cluster_use_all_members_and_can_go_back() {
    let masters = Masters::grown(["m1", "m2", "m3"]);
    let names = ["m1", "m2", "m3"];
    let before = names.map(|name| masters.manifest(name));
    masters
        .kubectl("m1")
        .run(&["create", "configmap", "kept", "--from-literal=word=here"])
        .unwrap();

    masters.run_expecting(0, &["apiserver", "repoint", "--dry-run"]);
    assert_eq!(
        names.map(|name| masters.manifest(name)),
        before,
        "a dry run changes nothing"
    );

    let done = masters.run_expecting(0, &["apiserver", "repoint", "--yes"]);
    for other in ["m2", "m1"] {
        let seen = format!("one written through {other} is seen by it");
        assert!(done.stdout.contains(&seen), "{}", done.stdout);
    }
    assert_eq!(masters.servers("m1"), masters.urls(&["m1", "m2", "m3"]));
    assert_eq!(masters.servers("m2"), masters.urls(&["m2", "m1", "m3"]));
    assert_eq!(masters.servers("m3"), masters.urls(&["m3", "m1", "m2"]));
    for (name, before) in names.iter().zip(&before) {
        let own = format!("--etcd-servers={}", masters.servers(name));
        let restored = masters
            .manifest(name)
            .replace(&own, "--etcd-servers=https://127.0.0.1:2379");
        assert_eq!(restored, *before, "nothing else has changed");
        assert_eq!(masters.leftovers(name), Vec::<String>::new());
    }

    let again = masters.run_expecting(0, &["apiserver", "repoint", "--yes"]);
    assert!(again.stdout.contains("Nothing to do"), "{}", again.stdout);
    let status = masters.status();
    for apiserver in status["apiservers"].as_array().unwrap() {
        assert_eq!(apiserver["ready"], true, "{status}");
        assert_eq!(apiserver["version"], "v1.20.2", "{status}");
        assert_eq!(
            apiserver["etcdServers"], apiserver["runningEtcdServers"],
            "{status}"
        );
    }
    assert_eq!(
        status["unusedMembers"].as_array().unwrap().len(),
        0,
        "{status}"
    );

    an_apiserver_outlives_its_own_member(&masters);

    masters.run_expecting(0, &["apiserver", "rollback", "--yes"]);
    assert_eq!(names.map(|name| masters.manifest(name)), before);
    for name in names {
        masters.kubectl(name).wait_ready(READY).unwrap();
        masters
            .kubectl(name)
            .get_json(&["configmap", "later"])
            .unwrap();
    }
    let back = masters.run_expecting(0, &["apiserver", "rollback", "--yes"]);
    assert!(back.stdout.contains("Nothing to do"), "{}", back.stdout);
}

/// m1 loses its own member; its apiserver serves on. Ends with the member back.
fn an_apiserver_outlives_its_own_member(masters: &Masters) {
    let etcd = std::fs::read_to_string(masters.host("m1").manifest_path("etcd.yaml")).unwrap();
    masters.host("m1").remove_manifest("etcd.yaml").unwrap();
    wait::until("m1's etcd to be gone", READY, || {
        let pod = masters.host("m1").pod("etcd")?;
        anyhow::ensure!(pod.is_none(), "found {pod:?}");
        Ok(())
    })
    .unwrap();
    masters.kubectl("m1").wait_ready(READY).unwrap();
    let kept = masters
        .kubectl("m1")
        .get_json(&["configmap", "kept"])
        .unwrap();
    assert_eq!(kept["data"]["word"], "here");
    masters
        .kubectl("m1")
        .run(&["create", "configmap", "later", "--from-literal=a=b"])
        .unwrap();
    // Going back would lead m1's apiserver to a member that is down.
    let refused = masters.run_expecting(3, &["apiserver", "rollback", "--yes"]);
    assert!(
        refused.stderr.contains("refused [etcd-server-unusable]"),
        "{}",
        refused.stderr
    );
    masters
        .host("m1")
        .write_manifest("etcd.yaml", &etcd)
        .unwrap();
    wait::until("m1's etcd to be back", READY, || {
        masters.run_quietly(&["apiserver", "rollback", "--dry-run"])
    })
    .unwrap();
}
