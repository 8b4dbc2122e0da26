//! A master's etcd moves to hosts of its own, and back, while the API is written to.

use etcdha_testbed::kubernetes::{Api, ApiClients};

use super::masters::{Masters, READY};
use crate::member_add::services::UNIT;

const HOSTS: [&str; 3] = ["e1", "e2", "e3"];

/// The members as `member list` has them, without those that are not listed.
fn listed(masters: &Masters) -> Vec<(String, String)> {
    let output = masters.run_expecting(0, &["member", "list", "-o", "json"]);
    let list: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let members = list["members"].as_array().unwrap().iter();
    let text = |member: &serde_json::Value, key: &str| member[key].as_str().unwrap().to_owned();
    members
        .map(|member| (text(member, "name"), text(member, "id")))
        .collect()
}

/// What docs/topology.md has a person do for a member: remove it first, then stop it.
fn remove_by_hand(masters: &Masters, name: &str, via: &str) {
    let members = listed(masters);
    let (_, id) = members.iter().find(|(member, _)| member == name).unwrap();
    masters.etcdctl(&masters.urls(&[via]), &["member", "remove", id]);
}

fn declare(masters: &Masters, topology: &str, m1: &str, others: &str) {
    let others = HOSTS.map(|name| (name, others));
    masters.declare(topology, &[&[("m1", m1)][..], &others].concat());
}

/// `topology move`, with a person who starts the services when told.
fn move_to_services(masters: &Masters) {
    let mut run = masters.start(&["topology", "move", "--yes"]);
    for name in HOSTS {
        run.wait_for(true, &["wait until it tries to join", name]);
        masters.host(name).start_service(UNIT).unwrap();
    }
    let (status, told) = run.end();
    assert!(status.success(), "{told}");
}

fn runs_with(masters: &Masters, servers: &str) {
    assert_eq!(masters.servers("m1"), servers);
    let status = masters.status();
    let apiserver = &status["apiservers"][0];
    assert_eq!(apiserver["ready"], true, "{status}");
    assert_eq!(
        apiserver["runningEtcdServers"],
        serde_json::json!(servers.split(',').collect::<Vec<_>>()),
        "{status}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_masters_etcd_moves_to_hosts_of_its_own_and_back() {
    let masters = Masters::beside(HOSTS);
    let stacked = masters.manifest("m1");
    let external = masters.urls(&HOSTS);
    declare(&masters, "external", "topology: stacked", "");
    let clients = ApiClients::start(Api::new(masters.host("m1"), &[masters.host("m1")])).unwrap();
    clients.wait_for(5, READY).await.unwrap();

    let early = masters.run_expecting(3, &["apiserver", "repoint", "--yes"]);
    assert!(
        early.stderr.contains("etcdha topology move"),
        "{}",
        early.stderr
    );
    let dry = masters.run_expecting(0, &["topology", "move", "--dry-run"]);
    for part in [
        "systemctl enable --now etcd",
        "promote e3",
        "kube-apiserver.yaml (etcd: e1 e2 e3)",
        "The plan ends there: m1 votes on until it is removed by hand",
    ] {
        assert!(dry.stdout.contains(part), "{part}: {}", dry.stdout);
    }
    assert_eq!(masters.manifest("m1"), stacked);

    move_to_services(&masters);
    runs_with(&masters, &external);
    let only_servers = |text: &str, servers| text.replace(servers, "https://127.0.0.1:2379");
    assert_eq!(only_servers(&masters.manifest("m1"), &external), stacked);
    assert_eq!(masters.status()["unusedMembers"], serde_json::json!(["m1"]));

    masters.run_expecting(0, &["apiserver", "rollback", "--yes"]);
    assert_eq!(masters.manifest("m1"), stacked);
    masters.run_expecting(0, &["topology", "move", "--yes"]);
    runs_with(&masters, &external);
    clients.wait_for(5, READY).await.unwrap();

    // The old member leaves; nothing is left of it on its host.
    remove_by_hand(&masters, "m1", "e1");
    let m1 = masters.host("m1");
    m1.remove_manifest("etcd.yaml").unwrap();
    declare(&masters, "external", "roles: [control-plane]", "");
    masters.settled();
    clients.wait_for(5, READY).await.unwrap();
    std::fs::remove_dir_all(m1.path("/var/lib/etcd/member")).unwrap();

    declare(&masters, "stacked", "", "topology: external");
    masters.run_expecting(0, &["topology", "move", "--yes"]);
    runs_with(&masters, &masters.urls(&["m1"]));
    for name in HOSTS {
        remove_by_hand(&masters, name, "m1");
        masters.host(name).kill_all();
    }
    masters.declare("stacked", &[("m1", "")]);
    masters.settled();
    clients.wait_for(5, READY).await.unwrap();
    let written = clients.prove_stored(&[m1]).unwrap();
    println!("{written} objects acknowledged, none lost");
}
