//! Bad manifests for M090–M099.

use super::*;

const LIST: &str = "--initial-cluster=m1=https://10.0.0.11:2380,m2=https://10.0.0.12:2380,m3=https://10.0.0.13:2380";
const STATE: &str = "    - --initial-cluster-state=existing\n";
const ALL: [&str; 3] = ["m1", "m2", "m3"];

pub(super) fn cases() -> Vec<Case> {
    let list = LIST;
    let four = list.to_owned() + ",m4=https://10.0.0.14:2380";
    vec![
        three(
            "M090",
            &[("m2=https://10.0.0.12:2380", "m2=https://10.0.0.22:2380")],
        ),
        three(
            "M090",
            &[(
                list,
                "--initial-cluster=m1=https://10.0.0.11:2380,m3=https://10.0.0.13:2380,m4=https://10.0.0.14:2380",
            )],
        ),
        namesakes(),
        three(
            "M092",
            &[
                (
                    "client-urls: https://10.0.0.13",
                    "client-urls: https://10.0.0.12",
                ),
                (
                    "--advertise-client-urls=https://10.0.0.13",
                    "--advertise-client-urls=https://10.0.0.12",
                ),
                ("https://10.0.0.13:2379", "https://10.0.0.12:2379"),
            ],
        ),
        tokens(),
        three_with("M094", &[], |_, m3| {
            let fact = m3
                .certificates
                .get_mut("/etc/kubernetes/pki/etcd/ca.crt")
                .unwrap();
            fact.as_mut().unwrap().fingerprint = "two".into();
        }),
        releases(),
        three_with("M096", &[], |m2, m3| {
            data(m2, identity(1, 2));
            data(m3, identity(2, 3));
        }),
        three("M097", &[(list, &four)]),
        three("M098", &[(STATE, "")]),
        three_with("M099", &[], |m2, m3| {
            data(m2, identity(1, 2));
            data(m3, identity(1, 2));
        }),
    ]
}

fn data(evidence: &mut Evidence, fact: DataDirFact) {
    evidence.data_dirs.insert("/var/lib/etcd".into(), fact);
    evidence.cluster = None;
}

/// Two that start a new cluster with different tokens.
fn tokens() -> Case {
    let token = "    - --initial-cluster-token=one\n";
    let files = vec![
        file(
            "m1/etcd.yaml",
            &edited(&member("m1", &ALL), &[(STATE, token)]),
        ),
        file("m2/etcd.yaml", &edited(&member("m2", &ALL), &[(STATE, "")])),
    ];
    Case {
        rule: "M093",
        files: with_good_evidence(files),
    }
}

/// Two of one name; started members need no list, so that only the name speaks against them.
fn namesakes() -> Case {
    let edits = [
        ("--name=m3", "--name=m2"),
        (LIST, "--max-wals=5"),
        (STATE, ""),
    ];
    let mut files = with_good_evidence(vec![
        file("m2/etcd.yaml", &member("m2", &ALL)),
        file("m3/etcd.yaml", &edited(&etcd(), &edits)),
    ]);
    for file in &mut files {
        data(&mut file.evidence, DataDirFact::Member(None));
    }
    Case {
        rule: "M091",
        files,
    }
}

/// Two minor releases apart.
fn releases() -> Case {
    let of = |name, version| render(&config(name, &ALL, version)).unwrap();
    let files = vec![
        file("m1/etcd.yaml", &of("m1", "3.4.23")),
        file("m3/etcd.yaml", &of("m3", "3.6.4")),
    ];
    Case {
        rule: "M095",
        files: with_good_evidence(files),
    }
}
