//! Bad manifests for M060–M069.

use super::*;

pub(super) fn cases() -> Vec<Case> {
    let liveness = "path: /livez";
    let name = "    - --name=m3\n";
    let no_liveness = etcd();
    let start = no_liveness.find("    livenessProbe:").unwrap();
    let end = no_liveness.find("    name: etcd\n").unwrap();
    let no_liveness = no_liveness[start..end].to_owned();
    vec![
        text("M060", &[(liveness, "path: /health?serializable=true")]),
        text("M061", &[(liveness, "path: /health?exclude=NOSPACE")]),
        text_of(
            "M061",
            "3.5.2",
            &[(
                "path: /metrics",
                "path: /health?exclude=NOSPACE&serializable=true",
            )],
        ),
        text("M062", &[(liveness, "path: /readyz")]),
        text(
            "M063",
            &[(
                "    startupProbe:\n      failureThreshold: 24\n      httpGet:\n        host: 127.0.0.1\n        path: /livez",
                "    startupProbe:\n      failureThreshold: 24\n      httpGet:\n        host: 127.0.0.1\n        path: /readyz",
            )],
        ),
        text_of(
            "M063",
            "3.4.23",
            &[("failureThreshold: 8640", "failureThreshold: 24")],
        ),
        text_of(
            "M064",
            "3.5.10",
            &[(
                "path: /health?exclude=NOSPACE&serializable=true",
                "path: /livez",
            )],
        ),
        text("M065", &[(&no_liveness, "")]),
        text("M066", &[("    - --quota-backend-bytes=8589934592\n", "")]),
        text("M067", &[("bytes=8589934592", "bytes=17179869184")]),
        text(
            "M068",
            &[(name, "    - --name=m3\n    - --force-new-cluster\n")],
        ),
        text(
            "M069",
            &[(name, "    - --name=m3\n    - --unsafe-no-fsync=true\n")],
        ),
    ]
}
