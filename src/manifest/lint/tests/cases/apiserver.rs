//! Bad manifests for M080–M089.

use super::*;

pub(super) fn cases() -> Vec<Case> {
    let servers = "--etcd-servers=https://127.0.0.1:2379";
    let alone = render(&config("m1", &["m1"], "3.4.13")).unwrap();
    let mut usage = apiserver_text("M085", &[]);
    for fact in usage.files[0].evidence.certificates.values_mut().flatten() {
        fact.client_auth = false;
    }
    let mut issuer = stacked("M086", &alone, &[]);
    for signed in issuer.files[1].evidence.signatures.values_mut() {
        *signed = false;
    }
    let both = "--etcd-servers=https://10.0.0.11:2379,https://10.0.0.12:2379";
    let mixed = with_good_evidence(vec![
        file("m1/etcd.yaml", &member("m1", &["m1"])),
        file("m2/etcd.yaml", &member("m2", &["m1", "m2", "m3"])),
        file(
            "m1/kube-apiserver.yaml",
            &edited(APISERVER, &[(servers, both)]),
        ),
    ]);
    let mut mixed = mixed;
    mixed[0]
        .evidence
        .data_dirs
        .insert("/var/lib/etcd".into(), identity(1, 1));
    // The other member's data tell that it is of another cluster; that alone is M096.
    mixed[1] = with_good_evidence(vec![file("m2/etcd.yaml", &apart())]).remove(0);
    vec![
        apiserver_text(
            "M080",
            &[("    - --etcd-servers=https://127.0.0.1:2379\n", "")],
        ),
        apiserver_text("M081", &[(servers, "--etcd-servers=http://127.0.0.1:2379")]),
        apiserver_text(
            "M082",
            &[(
                servers,
                "--etcd-servers=https://127.0.0.1:2379,https://10.0.0.12",
            )],
        ),
        apiserver_text(
            "M082",
            &[(
                servers,
                "--etcd-servers=https://127.0.0.1:2379\n    - --etcd-servers-overrides=events#https://127.0.0.1:2379",
            )],
        ),
        apiserver_text(
            "M083",
            &[("    - --etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt\n", "")],
        ),
        apiserver_text(
            "M084",
            &[(
                "    - --etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key\n",
                "",
            )],
        ),
        usage,
        issuer,
        stacked(
            "M087",
            &alone,
            &[(servers, "--etcd-servers=https://10.0.0.99:2379")],
        ),
        stacked(
            "M087",
            &alone,
            &[(servers, "--etcd-servers=https://127.0.0.1:2399")],
        ),
        stacked(
            "M088",
            &render(&config("m1", &["m1", "m2", "m3"], "3.4.13")).unwrap(),
            &[],
        ),
        Case {
            rule: "M089",
            files: mixed,
        },
    ]
}

/// m2 alone in a cluster of its own.
fn apart() -> String {
    member("m2", &["m2"])
}
