//! Bad manifests for M040–M049.

use super::*;

pub(super) fn cases() -> Vec<Case> {
    let new = "--initial-cluster-state=new";
    let existing = "--initial-cluster-state=existing";
    let list = "--initial-cluster=m1=https://10.0.0.11:2380,m2=https://10.0.0.12:2380,";
    let data = |text: &str, rule: &'static str, fact: DataDirFact| {
        host_of(rule, text, |evidence| {
            evidence.data_dirs.insert("/var/lib/etcd".into(), fact);
        })
    };
    vec![
        text("M040", &[("--name=m3", "--name=etcd3")]),
        text("M040", &[("    - --name=m3\n", "")]),
        text(
            "M041",
            &[(
                ",m2=https://10.0.0.12:2380",
                ",m1=https://10.0.0.12:2380,m4=https://10.0.0.14:2380",
            )],
        ),
        text(
            "M042",
            &[(",m2=https://10.0.0.12:2380", ",m2=https://10.0.0.11:2380")],
        ),
        text(
            "M043",
            &[("m3=https://10.0.0.13:2380", "m3=https://10.0.0.33:2380")],
        ),
        text(
            "M044",
            &[(
                ",m2=https://10.0.0.12:2380",
                ",m2=https://10.0.0.12:2380,10.0.0.14:2380",
            )],
        ),
        text("M045", &[(existing, "--initial-cluster-state=exists")]),
        text("M046", &[(list, "--initial-cluster=")]),
        data(&edited(&etcd(), &[(existing, new)]), "M047", identity(1, 3)),
        data(&etcd(), "M048", identity(2, 3)),
        text(
            "M049",
            &[(
                "    - --initial-cluster=m1=https://10.0.0.11:2380,m2=https://10.0.0.12:2380,m3=https://10.0.0.13:2380\n",
                "",
            )],
        ),
    ]
}
