//! Bad manifests for M011–M019.

use super::*;

pub(super) fn cases() -> Vec<Case> {
    let elsewhere = edited(
        &etcd(),
        &[(
            "path: /etc/kubernetes/pki/etcd\n",
            "path: /etc/kubernetes/pki/etcd-old\n",
        )],
    );
    vec![
        text(
            "M011",
            &[(
                "    volumeMounts:\n",
                "    volumeMounts:\n    - {name: gone, mountPath: /x}\n",
            )],
        ),
        text(
            "M012",
            &[(
                "--cert-file=/etc/kubernetes/pki/etcd/",
                "--cert-file=/etc/kubernetes/pki/etcd-certs/",
            )],
        ),
        apiserver_text(
            "M012",
            &[("--etcd-cafile=/etc/kubernetes/pki/", "--etcd-cafile=/srv/")],
        ),
        host_of("M013", &elsewhere, |evidence| {
            evidence
                .paths
                .retain(|path, _| !path.ends_with(".crt") && !path.ends_with(".key"));
        }),
        host("M014", |evidence| {
            evidence.paths.insert(
                "/etc/kubernetes/pki/etcd/server.crt".into(),
                PathFact::Missing,
            );
        }),
        host("M015", |evidence| {
            evidence.paths.insert(
                "/etc/kubernetes/pki/etcd/peer.key".into(),
                PathFact::Directory,
            );
        }),
        text(
            "M016",
            &[("--data-dir=/var/lib/etcd", "--data-dir=/data/etcd")],
        ),
        text("M016", &[("    - --data-dir=/var/lib/etcd\n", "")]),
        text(
            "M017",
            &[("type: DirectoryOrCreate", "type: DirectoryOrMake")],
        ),
        host_of(
            "M017",
            &edited(&etcd(), &[("type: DirectoryOrCreate", "type: Directory")]),
            |evidence| {
                evidence
                    .paths
                    .insert("/etc/kubernetes/pki/etcd".into(), PathFact::Missing);
            },
        ),
        text(
            "M018",
            &[(
                "    - mountPath: /var/lib/etcd\n",
                "    - readOnly: true\n      mountPath: /var/lib/etcd\n",
            )],
        ),
        text(
            "M019",
            &[(
                "    volumeMounts:\n",
                "    volumeMounts:\n    - {name: etcd-certs, mountPath: /var/lib/etcd}\n",
            )],
        ),
    ]
}
