//! What `etcdha apiserver` says where no apiserver and no etcd answers: the addresses are those that
//! RFC 5737 keeps for documents.

use crate::harness::{Run, Sandbox};

const FILE: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
etcd:
  version: 3.4.23
members:
- {name: m1, address: 198.51.100.11, root: m1}
- {name: m2, address: 198.51.100.12, root: m2, roles: [etcd]}
";
const KUBEADM: &str = include_str!("../data/manifests/apiserver-kubeadm-1.20.yaml");
const MANIFEST: &str = "m1/etc/kubernetes/manifests/kube-apiserver.yaml";

/// A host with an apiserver's manifest on which nothing listens.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let state = sandbox.path().join("state").display().to_string();
    let sandbox = sandbox.variable("ETCDHA_STATE_DIR", &state);
    sandbox.file("etcdha.yaml", FILE);
    let lines = KUBEADM.lines().map(|line| match line.trim() {
        line if line.starts_with("- --advertise-address=") => {
            "    - --advertise-address=198.51.100.11".to_owned()
        }
        line if line.starts_with("- --etcd-servers=") => {
            "    - --etcd-servers=https://127.0.0.1:2379".to_owned()
        }
        _ => line.to_owned(),
    });
    let text: Vec<_> = lines.collect();
    sandbox.file(MANIFEST, &(text.join("\n") + "\n"));
    expect(0, sandbox.run("certs gen"));
    sandbox
}

fn expect(code: i32, run: Run) -> Run {
    assert_eq!(run.code, code, "{}", run.all());
    run
}

#[test]
fn mistakes_of_the_command_line_are_named() {
    let sandbox = sandbox();
    let run = expect(2, sandbox.run("apiserver repoint --servers some"));
    assert!(
        run.stderr
            .contains("expected local-first, all, local or https://HOST:2379"),
        "{}",
        run.stderr
    );
    let run = expect(2, sandbox.run("apiserver repoint m2"));
    insta::assert_snapshot!(run.stderr, @r"
    error: m2 is no control plane node of the cluster file
    expected: one of m1
    fix: add it under members: with roles: [control-plane]
    ");
    expect(2, sandbox.run("apiserver repoint --etcd-certfile /x.crt"));
    expect(2, sandbox.run("apiserver rollback --yes --dry-run"));
}

#[test]
fn a_node_that_was_never_repointed_has_nothing_to_go_back_to() {
    let sandbox = sandbox();
    let run = expect(0, sandbox.run("apiserver rollback --dry-run"));
    insta::assert_snapshot!(run.stdout, @r"
    Plan: put 0 apiservers of prod back to the etcd before the last repoint
    Nothing to do.
    ! m1 was never repointed by etcdha.
    ");
    let run = expect(0, sandbox.run("apiserver rollback --yes -o json"));
    insta::assert_snapshot!(run.stdout, @r#"
    {
      "apiVersion": "etcdha.dev/v1",
      "kind": "ApiserverRepointResult",
      "cluster": "prod",
      "command": "apiserver rollback",
      "apiservers": [],
      "receipt": null
    }
    "#);
}

#[test]
fn what_does_not_answer_is_told_and_nothing_is_written() {
    let sandbox = sandbox();
    let before = sandbox.read(MANIFEST);
    let run = expect(1, sandbox.run("apiserver repoint --yes --timeout 1s"));
    assert!(
        run.stderr.contains("no member of the cluster answers"),
        "{}",
        run.stderr
    );
    // With servers named, the apiserver's own files decide, and they are not there.
    let run = expect(
        3,
        sandbox.run("apiserver repoint -q --yes --servers https://198.51.100.12:2379"),
    );
    insta::assert_snapshot!(run.stderr, @r"
    refused [file-not-in-pod]: nothing was changed
      --etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt: m1 has no such file
    fix: issue it (etcdha certs gen), or name another: --etcd-cafile, --etcd-certfile, --etcd-keyfile
    ");
    assert_eq!(sandbox.read(MANIFEST), before);

    let run = expect(5, sandbox.run("apiserver status --timeout 1s"));
    let table: Vec<_> = run.stdout.lines().take(4).collect();
    insta::assert_snapshot!(table.join("\n"), @r"
    Cluster prod

    APISERVER  READY  ETCD ENDPOINTS  RUNNING  VERSION
    m1         no     m1              -        -
    ");
    for problem in ["no endpoint answers", "it is not known how to verify it"] {
        assert!(run.stdout.contains(problem), "{}", run.stdout);
    }
    let run = expect(5, sandbox.run("apiserver status --timeout 1s -o json"));
    let status: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(status["kind"], "ApiserverStatus");
    let apiserver = &status["apiservers"][0];
    assert_eq!(apiserver["etcdServers"][0], "https://127.0.0.1:2379");
    assert_eq!(apiserver["ready"], false);
    let yaml = expect(5, sandbox.run("apiserver status --timeout 1s -o yaml"));
    assert!(
        yaml.stdout
            .starts_with("apiVersion: etcdha.dev/v1\nkind: ApiserverStatus\n")
    );
}

#[test]
fn another_hosts_manifest_is_not_touched() {
    let sandbox = sandbox();
    sandbox.file("etcdha.yaml", &FILE.replace("100.11, root", "100.13, root"));
    let run = expect(
        3,
        sandbox.run("apiserver repoint -q --yes --servers https://198.51.100.12:2379"),
    );
    insta::assert_snapshot!(run.stderr, @r"
    refused [apiserver-manifest-foreign]: nothing was changed
      /etc/kubernetes/manifests/kube-apiserver.yaml under the root of m1 advertises 198.51.100.11
    fix: name where each host's root is mounted: root: in the cluster file, or --member-root NAME=DIR; or name only the nodes that are here
    ");
}
