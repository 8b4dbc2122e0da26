//! Bad manifests for M030–M039.

use super::*;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = addresses();
    cases.extend(probed());
    cases
}

fn addresses() -> Vec<Case> {
    let listen = "--listen-client-urls=https://127.0.0.1:2379,https://10.0.0.13:2379";
    vec![
        text(
            "M030",
            &[(
                "--listen-peer-urls=https://10.0.0.13:2380",
                "--listen-peer-urls=https://10.0.0.13:2380/",
            )],
        ),
        text(
            "M030",
            &[(
                listen,
                "--listen-client-urls=https://127.0.0.1:2379,https://10.0.0.13:2379,10.0.0.14:2379",
            )],
        ),
        text(
            "M031",
            &[(
                listen,
                "--listen-client-urls=https://127.0.0.1:2379,https://10.0.0.13:2379,https://m3:2378",
            )],
        ),
        text(
            "M032",
            &[(
                "--listen-peer-urls=https://10.0.0.13",
                "--listen-peer-urls=https://127.0.0.1",
            )],
        ),
        text(
            "M033",
            &[
                (
                    "--initial-advertise-peer-urls=https://10.0.0.13",
                    "--initial-advertise-peer-urls=https://127.0.0.1",
                ),
                ("m3=https://10.0.0.13", "m3=https://127.0.0.1"),
            ],
        ),
        text(
            "M037",
            &[(
                "--listen-peer-urls=https://10.0.0.13:2380",
                "--listen-peer-urls=https://10.0.0.13:2390",
            )],
        ),
        text(
            "M038",
            &[(
                "--listen-metrics-urls=http://127.0.0.1:2381",
                "--listen-metrics-urls=http://127.0.0.1:2381,http://127.0.0.1:2379",
            )],
        ),
        text(
            "M039",
            &[(
                "advertise-client-urls: https://10.0.0.13",
                "advertise-client-urls: https://10.0.0.31",
            )],
        ),
        text(
            "M039",
            &[(
                "    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://10.0.0.13:2379\n",
                "    a/b: c\n",
            )],
        ),
    ]
}

fn probed() -> Vec<Case> {
    let exec =
        "exec: {command: [/bin/sh, -ec, 'etcdctl --endpoints=https://127.0.0.1:2389 get foo']}";
    let http_get = "httpGet:\n        host: 127.0.0.1\n        path: /livez\n        port: 2381\n        scheme: HTTP";
    let listen = "--listen-client-urls=https://127.0.0.1:2379,https://10.0.0.13:2379";
    let on_client_port = http_get.replace("2381", "2379").replace("HTTP", "HTTPS");
    let outside = exec.replace("2389", "2379");
    vec![
        text("M034", &[("host: 127.0.0.1", "host: 10.0.0.13")]),
        text(
            "M034",
            &[
                (listen, "--listen-client-urls=https://10.0.0.13:2379"),
                (http_get, &outside),
            ],
        ),
        text("M035", &[("        port: 2381", "        port: 2382")]),
        text("M035", &[(http_get, exec)]),
        text(
            "M036",
            &[("        scheme: HTTP\n", "        scheme: HTTPS\n")],
        ),
        text("M036", &[(http_get, &on_client_port)]),
    ]
}
