//! The cluster file from the command line.

use crate::harness::Sandbox;

const GOOD: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
etcd: {version: 3.5.16}
members:
  - {name: m1, address: 10.0.0.11}
  - {name: m2, address: 10.0.0.12}
";

fn sandbox(text: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("etcdha.yaml", text);
    sandbox
}

#[test]
fn a_good_file_is_summed_up() {
    let third = format!("{GOOD}  - {{name: m3, address: 10.0.0.13}}\n");
    let run = sandbox(&third).run("config check");
    insta::assert_snapshot!(run.all(), @r"
    exit 0
    --- stdout
    etcdha.yaml: cluster prod, 3 members, etcd 3.5.16, stacked. No mistakes.
    --- stderr
    ");
}

#[test]
fn warnings_are_no_failure() {
    insta::assert_snapshot!(sandbox(GOOD).run("config check").all(), @r"
    exit 0
    --- stdout
    warning: etcdha.yaml:5:1: 2 etcd members tolerate no more failures than 1
        5 | members:
          | ^^^^^^^
    fix: use an odd number: 1, 3, 5 or 7

    etcdha.yaml: cluster prod, 2 members, etcd 3.5.16, stacked. No mistakes, 1 warning.
    --- stderr
    ");
}

#[test]
fn a_mistake_is_shown_where_it_stands() {
    let text = format!("{GOOD}  - {{name: m3, address: 10.0.0.12}}\nbackup: daily\n");
    let sandbox = sandbox(&text);
    insta::assert_snapshot!(sandbox.run("config check").all(), @r#"
    exit 5
    --- stdout
    error: etcdha.yaml:8:25: m3: address 10.0.0.12 is already m2's
        7 |   - {name: m2, address: 10.0.0.12}
        8 |   - {name: m3, address: 10.0.0.12}
          |                         ^^^^^^^^^
    fix: give every member its own address

    error: etcdha.yaml:9:1: unknown key "backup" in the cluster file
        9 | backup: daily
          | ^^^^^^
    expected: apiVersion, kind, name, topology, etcd, members, pki, kubernetes, networking, apiserver, frontend, ssh
    --- stderr
    "#);
    insta::assert_snapshot!(sandbox.run("config check -o json").all(), @r#"
    exit 5
    --- stdout
    {
      "apiVersion": "etcdha.dev/v1",
      "kind": "ConfigCheck",
      "file": "etcdha.yaml",
      "cluster": null,
      "findings": [
        {
          "severity": "error",
          "path": "members[2].address",
          "line": 8,
          "column": 25,
          "message": "m3: address 10.0.0.12 is already m2's",
          "expected": null,
          "fix": "give every member its own address"
        },
        {
          "severity": "error",
          "path": "backup",
          "line": 9,
          "column": 1,
          "message": "unknown key \"backup\" in the cluster file",
          "expected": "apiVersion, kind, name, topology, etcd, members, pki, kubernetes, networking, apiserver, frontend, ssh",
          "fix": null
        }
      ]
    }
    --- stderr
    "#);
    insta::assert_snapshot!(sandbox.run("config show").all(), @r#"
    exit 2
    --- stdout
    --- stderr
    error: etcdha.yaml:8:25: m3: address 10.0.0.12 is already m2's
        7 |   - {name: m2, address: 10.0.0.12}
        8 |   - {name: m3, address: 10.0.0.12}
          |                         ^^^^^^^^^
    fix: give every member its own address

    error: etcdha.yaml:9:1: unknown key "backup" in the cluster file
        9 | backup: daily
          | ^^^^^^
    expected: apiVersion, kind, name, topology, etcd, members, pki, kubernetes, networking, apiserver, frontend, ssh
    "#);
}

#[test]
fn a_missing_file_is_told_with_what_to_do() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(sandbox.run("config check").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: there is no cluster file
      looked for etcdha.yaml and /etc/etcdha/etcdha.yaml
    fix: write one: etcdha init --from-host, or etcdha init --member m1=10.0.0.11
    ");
    insta::assert_snapshot!(sandbox.run("config check -c other.yaml").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: other.yaml does not exist
    fix: write it: etcdha init
    ");
    insta::assert_snapshot!(sandbox.run("config show").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: there is no cluster file
      looked for etcdha.yaml and /etc/etcdha/etcdha.yaml
    fix: write one: etcdha init --from-host, or etcdha init --member m1=10.0.0.11
    fix: or name the nodes: --member m1=10.0.0.11 --member …
    ");
}

#[test]
fn show_fills_in_defaults_and_is_a_cluster_file_itself() {
    let sandbox = sandbox(GOOD);
    let run = sandbox.run("config show --etcd-version 3.4.23 --member m2=fd00::12");
    insta::assert_snapshot!(run.all());
    sandbox.file("again.yaml", &run.stdout);
    let again = sandbox.run("config show -c again.yaml");
    assert_eq!(again.stdout, run.stdout);
    assert!(
        sandbox
            .run("config show -o json")
            .stdout
            .contains("\"apiVersion\": \"etcdha.dev/v1alpha1\"")
    );
}

#[test]
fn flags_alone_stand_for_a_file() {
    let sandbox = Sandbox::new();
    let run = sandbox.run("config show --member m1=10.0.0.11,fd00::11 --member-root m1=/mnt/m1");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("root: /mnt/m1"), "{}", run.stdout);
    let clash = sandbox.run("config show --member m1=10.0.0.11 --member m2=10.0.0.11");
    insta::assert_snapshot!(clash.all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: m2: address 10.0.0.11 is already m1's
    fix: give every member its own address
    ");
    let from_variable = Sandbox::new().variable("ETCDHA_MEMBER", "m1=10.0.0.1 m2=10.0.0.2");
    assert!(from_variable.run("config show").stdout.contains("name: m2"));
}

#[test]
fn the_schema_is_json_or_yaml() {
    let sandbox = Sandbox::new();
    let json = sandbox.run("config schema").stdout;
    let schema: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(schema["properties"]["kind"]["const"], "Cluster");
    assert!(
        sandbox
            .run("config schema -o yaml")
            .stdout
            .contains("const: Cluster")
    );
}
