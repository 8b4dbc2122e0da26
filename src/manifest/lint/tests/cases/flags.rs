//! Bad manifests for M050–M059.

use super::*;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = names();
    cases.extend(shapes_and_values());
    cases
}

/// Adds a line behind the member's name.
fn add(line: &str) -> String {
    format!("    - --name=m3\n    - {line}\n")
}

fn names() -> Vec<Case> {
    let name = "    - --name=m3\n";
    let state = "--initial-cluster-state=existing";
    vec![
        text("M050", &[(state, "--initial-cluster-state=\"existing\"")]),
        text("M050", &[("    - --name=m3", "    - --name='m3'")]),
        apiserver_text(
            "M050",
            &[(
                "--etcd-servers=https://127.0.0.1:2379",
                "--etcd-servers=\"https://127.0.0.1:2379\"",
            )],
        ),
        text("M051", &[(name, &add("--quota-backend-byte=1"))]),
        text(
            "M052",
            &[(name, &add("--watch-progress-notify-interval=5s"))],
        ),
        text_of("M052", "3.6.4", &[(name, &add("--enable-v2=true"))]),
        text_of(
            "M052",
            "3.4.10",
            &[(name, &add("--tls-min-version=TLS1.2"))],
        ),
        text_of(
            "M053",
            "3.6.4",
            &[(name, &add("--experimental-compaction-batch-limit=1000"))],
        ),
        text_of(
            "M053",
            "3.6.4",
            &[(
                "--feature-gates=InitialCorruptCheck=true",
                "--experimental-initial-corrupt-check=true",
            )],
        ),
    ]
}

fn shapes_and_values() -> Vec<Case> {
    let name = "    - --name=m3\n";
    let with_env = "    env: [{name: ETCD_SNAPSHOT_COUNT, value: '5000'}]\n    image:";
    vec![
        text("M054", &[(name, &add("--snapshot-count=5000"))]),
        apiserver_text(
            "M054",
            &[(
                "    - --insecure-port=0\n",
                "    - --etcd-servers=https://10.0.0.12:2379\n",
            )],
        ),
        text(
            "M055",
            &[(
                "    - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt\n",
                "    - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt\n    - --pre-vote\n    - 'true'\n",
            )],
        ),
        text(
            "M056",
            &[(
                "    - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt\n",
                "    - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt\n    - proxy\n",
            )],
        ),
        text(
            "M057",
            &[(
                name,
                &add("--config-file=/etc/kubernetes/pki/etcd/etcd.conf"),
            )],
        ),
        text("M058", &[("    image:", with_env)]),
        text(
            "M059",
            &[("--snapshot-count=10000", "--snapshot-count=10k")],
        ),
        text(
            "M059",
            &[(
                "--client-cert-auth=true",
                "--pre-vote=yes\n    - --client-cert-auth=true",
            )],
        ),
        text("M059", &[("notify-interval=5s", "notify-interval=5")]),
    ]
}
