//! The main job on real Kubernetes: a single master becomes three, and the API outlives each of them.

use std::time::Duration;

use super::api_clients::{Api, ApiClients};
use super::masters::{Masters, READY};

/// What the cluster holds before: a definition of a kind of its own, with objects of it.
const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: boats.example.com
spec:
  group: example.com
  scope: Namespaced
  names: {plural: boats, singular: boat, kind: Boat}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {sails: {type: integer}}}
";

const BOATS: &str = "apiVersion: example.com/v1
kind: Boat
metadata: {name: sloop}
spec: {sails: 2}
---
apiVersion: example.com/v1
kind: Boat
metadata: {name: ketch}
spec: {sails: 4}
";

fn furnish(masters: &Masters) {
    let kubectl = masters.kubectl("m1");
    for number in 0..5 {
        let value = format!("--from-literal=number={number}");
        for kind in [["configmap", ""], ["secret", "generic"]] {
            let name = format!("furniture-{number}");
            let mut create = vec!["create"];
            create.extend(kind.iter().filter(|word| !word.is_empty()));
            create.extend([name.as_str(), value.as_str()]);
            kubectl.run(&create).unwrap();
        }
    }
    for (file, text) in [("definition", DEFINITION), ("boats", BOATS)] {
        let inside = format!("/etc/kubernetes/{file}.yaml");
        std::fs::write(masters.host("m1").path(&inside), text).unwrap();
        kubectl.run(&["apply", "--filename", &inside]).unwrap();
        if file == "definition" {
            let established = ["wait", "--for=condition=Established", "--timeout=120s"];
            kubectl
                .run(&[&established[..], &["crd/boats.example.com"]].concat())
                .unwrap();
        }
    }
}

fn is_furnished(masters: &Masters, name: &str) {
    let kubectl = masters.kubectl(name);
    for number in 0..5 {
        let found = format!("furniture-{number}");
        let map = kubectl.get_json(&["configmap", &found]).unwrap();
        assert_eq!(map["data"]["number"], number.to_string());
        kubectl.get_json(&["secret", &found]).unwrap();
    }
    for (boat, sails) in [("sloop", 2), ("ketch", 4)] {
        let found = kubectl.get_json(&["boat", boat]).unwrap();
        assert_eq!(found["spec"]["sails"], sails);
    }
}

#[test]
fn a_single_master_becomes_three_and_the_api_outlives_each_of_them() {
    let names = ["m1", "m2", "m3"];
    let masters = Masters::single(names);
    furnish(&masters);
    let api = Api::of(&[masters.host("m1")]);
    let clients = ApiClients::start(api.clone());
    let tell =
        |what: &str, gap: Duration| println!("{what}: longest gap between API writes {gap:.0?}");

    clients.wait_for(20, READY);
    clients.longest_gap();
    masters.grow(&names[1..]);
    clients.wait_for(20, READY);
    tell("etcd grown to three", clients.longest_gap());

    masters.add_apiservers(&names[1..]);
    let hosts = names.map(|name| masters.host(name));
    api.use_hosts(&hosts);
    clients.longest_gap();
    masters.run_expecting(0, &["apiserver", "repoint", "--yes"]);
    clients.wait_for(20, READY);
    tell("every apiserver repointed", clients.longest_gap());

    for victim in names {
        masters.host(victim).kill_all();
        clients.wait_for(50, READY);
        tell(&format!("{victim} killed"), clients.longest_gap());
        masters.host(victim).start().unwrap();
        masters.kubectl(victim).wait_ready(READY).unwrap();
        masters.settled();
        clients.longest_gap();
    }
    for name in names {
        is_furnished(&masters, name);
    }
    let written = clients.prove(&hosts, READY);
    println!("{written} objects acknowledged, on every apiserver, and told by the watch");
}
