//! Bad manifests for M020–M029.

use super::*;

pub(super) fn cases() -> Vec<Case> {
    let client_auth = "    - --client-cert-auth=true\n";
    let client_ca = "    - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt\n";
    let peer_ca = "    - --peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt\n";
    vec![
        text("M020", &[("    - --peer-client-cert-auth=true\n", "")]),
        text(
            "M020",
            &[
                (
                    "--peer-client-cert-auth=true",
                    "--peer-client-cert-auth=false",
                ),
                (peer_ca, ""),
            ],
        ),
        text("M021", &[(client_auth, "")]),
        text("M021", &[(client_auth, ""), (client_ca, "")]),
        text("M022", &[(client_ca, "")]),
        text("M023", &[(peer_ca, "")]),
        text(
            "M024",
            &[(
                "listen-client-urls=https://127.0.0.1:2379,https",
                "listen-client-urls=http://127.0.0.1:2379,https",
            )],
        ),
        text(
            "M024",
            &[
                (
                    "listen-client-urls=https://127.0.0.1:2379,https",
                    "listen-client-urls=http://127.0.0.1:2379,http",
                ),
                ("client-urls: https", "client-urls: http"),
                (
                    "--advertise-client-urls=https",
                    "--advertise-client-urls=http",
                ),
            ],
        ),
        text(
            "M025",
            &[("--listen-peer-urls=https", "--listen-peer-urls=http")],
        ),
        text(
            "M026",
            &[("    - --key-file=/etc/kubernetes/pki/etcd/server.key\n", "")],
        ),
        text(
            "M027",
            &[(
                "    - --name=m3\n",
                "    - --name=m3\n    - --peer-auto-tls\n",
            )],
        ),
        text(
            "M028",
            &[(
                "metrics-urls=http://127.0.0.1:2381",
                "metrics-urls=http://0.0.0.0:2381",
            )],
        ),
        text(
            "M029",
            &[(
                "    - --name=m3\n",
                "    - --name=m3\n    - --experimental-peer-skip-client-san-verification\n",
            )],
        ),
    ]
}
