//! Bad manifests for M001–M010.

use super::*;

pub(super) fn cases() -> Vec<Case> {
    let two_files = vec![
        at_home("etcd.yaml", &etcd()),
        at_home("etcd.yaml.bak", &etcd()),
    ];
    let in_one_folder = vec![
        file("out/etcd.yaml", &etcd()),
        file("out/copy.yaml", &etcd()),
    ];
    let other = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: x}]}";
    vec![
        Case {
            rule: "M001",
            files: with_good_evidence(vec![file("x.yaml", other)]),
        },
        Case {
            rule: "M002",
            files: with_good_evidence(vec![at_home(".etcd.yaml", &etcd())]),
        },
        Case {
            rule: "M003",
            files: with_good_evidence(two_files),
        },
        Case {
            rule: "M003",
            files: with_good_evidence(in_one_folder),
        },
        host("M003", |evidence| {
            let (file, pod) = ("etcd.yaml.2023".into(), "etcd".into());
            evidence.siblings.push(Sibling { file, pod });
        }),
        host("M004", |evidence| evidence.mode = Some(0o664)),
        host("M005", |evidence| evidence.mode = Some(0o644)),
        text("M006", &[("namespace: kube-system", "namespace: default")]),
        text("M007", &[("hostNetwork: true", "hostNetwork: false")]),
        text("M007", &[("  hostNetwork: true\n", "")]),
        text(
            "M008",
            &[("  priorityClassName: system-node-critical\n", "")],
        ),
        text("M009", &[("etcd:3.5.16-0", "etcd:latest")]),
        apiserver_text("M009", &[("kube-apiserver:v1.20.2", "kube-apiserver")]),
        text("M010", &[("    - etcd\n", "    - sh\n    - -c\n")]),
    ]
}
