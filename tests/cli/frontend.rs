//! The front end from the command line, as far as it comes without asking the kernel.

use crate::harness::Sandbox;

const CLUSTER: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
etcd: {version: 3.5.16}
members:
  - {name: m1, address: 10.0.0.11}
";

#[test]
fn without_a_declaration_it_says_where_it_looked() {
    insta::assert_snapshot!(Sandbox::new().run("frontend once").all());
}

#[test]
fn a_cluster_without_a_virtual_address_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.file("etcdha.yaml", CLUSTER);
    insta::assert_snapshot!(sandbox.run("frontend status").all());
    insta::assert_snapshot!(sandbox.run("frontend care").all());
}

#[test]
fn a_virtual_address_among_services_is_a_mistake_of_the_cluster_file() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "etcdha.yaml",
        &format!("{CLUSTER}frontend: {{vip: 10.103.97.2}}\n"),
    );
    insta::assert_snapshot!(sandbox.run("frontend check").all());
}

#[test]
fn mistakes_of_a_node_s_file_are_told_with_their_lines() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "frontend.yaml",
        "apiVersion: etcdha.dev/v1alpha1\nkind: Frontend\nservices:\n  - vip: 224.0.0.1\n    schedular: rr\n    servers: []\n",
    );
    insta::assert_snapshot!(
        sandbox
            .run("frontend once --config frontend.yaml --dry-run")
            .all()
    );
}

#[test]
fn flags_are_judged_as_strictly_as_a_file() {
    let sandbox = Sandbox::new();
    let run = |words: &str| sandbox.run(words).all();
    insta::assert_snapshot!(run("frontend once --vip 169.254.247.1 --yes"));
    insta::assert_snapshot!(run(
        "frontend once --vip 169.254.247.1 --server fd00::11 --yes"
    ));
    insta::assert_snapshot!(run("frontend once --vip 169.254.247.1 --server m1 --yes"));
    insta::assert_snapshot!(run("frontend once --server 10.0.0.11"));
    insta::assert_snapshot!(run(
        "frontend once --vip 169.254.247.1 --server 10.0.0.11 --plane dpdk"
    ));
}

#[test]
fn probes_without_a_ca_are_told_at_once() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "frontend.yaml",
        "apiVersion: etcdha.dev/v1alpha1\nkind: Frontend\nservices:\n- {vip: 169.254.247.1, servers: [{address: 10.0.0.11}]}\n\
         probe: {ca: ca.crt}\n",
    );
    insta::assert_snapshot!(sandbox.run("frontend care --config frontend.yaml").all());
}
