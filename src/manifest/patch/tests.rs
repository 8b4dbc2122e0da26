//! Edits on manifests as people write them: what changes, and that nothing else does.

use proptest::prelude::*;

use super::*;
use crate::manifest::flags::{Flags, Program};
use crate::manifest::pod::StaticPod;

const KUBEADM: &str = include_str!("../../../tests/data/manifests/apiserver-kubeadm-1.20.yaml");
const BY_HAND: &str = include_str!("../../../tests/data/manifests/apiserver-by-hand.yaml");
const WINDOWS: &str = include_str!("../../../tests/data/manifests/apiserver-windows.yaml");
const ETCD: &str = include_str!("../../../tests/data/manifests/etcd-by-hand.yaml");
const FLOW: &str = include_str!("../../../tests/data/manifests/etcd-flow.yaml");
const JSON: &str = include_str!("../../../tests/data/manifests/etcd-ipv6.json");

const CORPUS: [(&str, &str); 6] = [
    ("kube-apiserver", KUBEADM),
    ("kube-apiserver", BY_HAND),
    ("kube-apiserver", WINDOWS),
    ("etcd", ETCD),
    ("etcd", FLOW),
    ("etcd", JSON),
];

fn set(container: &str, name: &str, value: &str) -> Edit {
    Edit::SetFlag {
        container: container.into(),
        name: name.into(),
        value: value.into(),
    }
}

fn add(container: &str, name: &str, value: &str, after: Option<&str>) -> Edit {
    let after = after.map(str::to_owned);
    Edit::AddFlag {
        container: container.into(),
        name: name.into(),
        value: value.into(),
        after,
    }
}

fn remove(container: &str, name: &str) -> Edit {
    Edit::RemoveFlag {
        container: container.into(),
        name: name.into(),
    }
}

fn annotate(key: &str, value: &str) -> Edit {
    Edit::SetAnnotation {
        key: key.into(),
        value: value.into(),
    }
}

fn mount(container: &str, path: &str) -> Edit {
    let mount = HostMount {
        volume: "etcd-pki".into(),
        host_path: path.into(),
        host_type: Some("Directory".into()),
        mount_path: path.into(),
        read_only: true,
    };
    Edit::AddMount {
        container: container.into(),
        mount,
    }
}

/// The lines that differ, as `-old` and `+new`, carriage returns made visible.
fn changes(before: &str, after: &str) -> String {
    let split = |text: &str| -> Vec<String> {
        text.split_inclusive('\n')
            .map(|line| line.replace('\r', "␍").replace('\n', ""))
            .collect()
    };
    let (old, new) = (split(before), split(after));
    // Longest common subsequence of the tails.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, String::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || i < old.len() && common[i + 1][j] >= common[i][j + 1] {
            out.push_str(&format!("-{}\n", old[i]));
            i += 1;
        } else {
            out.push_str(&format!("+{}\n", new[j]));
            j += 1;
        }
    }
    out
}

fn check(text: &str, edits: &[Edit]) -> String {
    match patch(text, edits) {
        Ok(after) => changes(text, &after),
        Err(error) => format!("refused: {error}\n"),
    }
}

const ALL: &str = "https://10.0.0.11:2379,https://10.0.0.12:2379,https://[fd00::13]:2379";

#[test]
fn values_are_set_in_every_form() {
    let api = "kube-apiserver";
    insta::assert_snapshot!(
        [
            check(KUBEADM, &[set(api, "etcd-servers", ALL)]),
            check(BY_HAND, &[set(api, "etcd-servers", ALL)]),
            check(BY_HAND, &[set(api, "etcd-certfile", "/a/b.pem")]),
            check(BY_HAND, &[set(api, "etcd-keyfile", "/a \"b\".pem")]),
            check(WINDOWS, &[set(api, "etcd-servers", ALL)]),
            check(ETCD, &[set("etcd", "name", "etcd-2")]),
            check(ETCD, &[set("etcd", "client-cert-auth", "false")]),
            check(ETCD, &[set("etcd", "quota-backend-bytes", "1")]),
            check(FLOW, &[set("etcd", "name", "a,b")]),
            check(JSON, &[set("etcd", "name", "m2")]),
            check(KUBEADM, &[set(api, "etcd-servers", "https://127.0.0.1:2379")]),
        ]
        .join("\n"),
        @r#"
        -    - --etcd-servers=https://127.0.0.1:2379
        +    - --etcd-servers=https://10.0.0.11:2379,https://10.0.0.12:2379,https://[fd00::13]:2379

        -                - "https://127.0.0.1:2379"
        +                - "https://10.0.0.11:2379,https://10.0.0.12:2379,https://[fd00::13]:2379"

        -                - '--etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt'
        +                - '--etcd-certfile=/a/b.pem'

        -                - "--etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key"
        +                - "--etcd-keyfile=/a \"b\".pem"

        -    - "--etcd-servers=https://127.0.0.1:2379"  # lokal ✓␍
        +    - "--etcd-servers=https://10.0.0.11:2379,https://10.0.0.12:2379,https://[fd00::13]:2379"  # lokal ✓␍

        -        - etcd2
        +        - etcd-2

        -        - --client-cert-auth
        +        - --client-cert-auth=false

        -        - --quota-backend-bytes=8589934592   # 8 GiB
        +        - --quota-backend-bytes=1   # 8 GiB

        -   command: [etcd, --name=m1, '--data-dir=/var/lib/etcd', "--listen-client-urls=https://10.0.0.11:2379,https://127.0.0.1:2379",
        +   command: [etcd, "--name=a,b", '--data-dir=/var/lib/etcd', "--listen-client-urls=https://10.0.0.11:2379,https://127.0.0.1:2379",

        -					"--name=m1",
        +					"--name=m2",
        "#
    );
}

#[test]
fn flags_are_added_behind_a_neighbour() {
    let api = "kube-apiserver";
    insta::assert_snapshot!(
        [
            check(KUBEADM, &[add(api, "etcd-prefix", "/k8s", Some("etcd-keyfile"))]),
            check(BY_HAND, &[add(api, "etcd-prefix", "/k8s", Some("etcd-servers"))]),
            check(BY_HAND, &[add(api, "v", "2", Some("no-such-flag"))]),
            check(WINDOWS, &[add(api, "v", "2", Some("etcd-servers"))]),
            check(ETCD, &[add("etcd", "initial-cluster-token", "x", None)]),
            check(FLOW, &[add("etcd", "a", "b,c", Some("data-dir")), add("etcd", "z", "1", None)]),
            check(JSON, &[add("etcd", "a", "b", Some("name"))]),
            check("{apiVersion: v1, kind: Pod, metadata: {}, spec: {containers: [{name: etcd, command: [etcd]}]}}", &[add("etcd", "a", "b", None)]),
        ]
        .join("\n"),
        @r#"
        +    - --etcd-prefix=/k8s

        +                - "--etcd-prefix=/k8s"

        +                - "--v=2"

        +    - "--v=2"␍

        refused: 31:11: --initial-cluster-token is there already

        -   command: [etcd, --name=m1, '--data-dir=/var/lib/etcd', "--listen-client-urls=https://10.0.0.11:2379,https://127.0.0.1:2379",
        -     --advertise-client-urls=https://10.0.0.11:2379],   # one line was not enough
        +   command: [etcd, --name=m1, '--data-dir=/var/lib/etcd', '--a=b,c', "--listen-client-urls=https://10.0.0.11:2379,https://127.0.0.1:2379",
        +     --advertise-client-urls=https://10.0.0.11:2379,
        +     --z=1],   # one line was not enough

        +					"--a=b",

        -{apiVersion: v1, kind: Pod, metadata: {}, spec: {containers: [{name: etcd, command: [etcd]}]}}
        +{apiVersion: v1, kind: Pod, metadata: {}, spec: {containers: [{name: etcd, command: [etcd, --a=b]}]}}
        "#
    );
}

#[test]
fn flags_are_removed_with_their_words() {
    let api = "kube-apiserver";
    insta::assert_snapshot!(
        [
            check(BY_HAND, &[remove(api, "etcd-servers")]),
            check(BY_HAND, &[remove(api, "etcd-servers-overrides")]),
            check(FLOW, &[remove("etcd", "data-dir")]),
            check(FLOW, &[remove("etcd", "advertise-client-urls")]),
            check(FLOW, &[remove("etcd", "name"), remove("etcd", "data-dir"), remove("etcd", "listen-client-urls")]),
            check(JSON, &[remove("etcd", "peer-client-cert-auth")]),
            check(ETCD, &[remove("etcd", "no-such-flag")]),
        ]
        .join("\n"),
        @r#"
        -                - --etcd-servers            # only the local one for now
        -                - "https://127.0.0.1:2379"

        -                - --etcd-servers-overrides=/events#https://127.0.0.1:4379   # events apart

        -   command: [etcd, --name=m1, '--data-dir=/var/lib/etcd', "--listen-client-urls=https://10.0.0.11:2379,https://127.0.0.1:2379",
        +   command: [etcd, --name=m1, "--listen-client-urls=https://10.0.0.11:2379,https://127.0.0.1:2379",

        -   command: [etcd, --name=m1, '--data-dir=/var/lib/etcd', "--listen-client-urls=https://10.0.0.11:2379,https://127.0.0.1:2379",
        -     --advertise-client-urls=https://10.0.0.11:2379],   # one line was not enough
        +   command: [etcd, --name=m1, '--data-dir=/var/lib/etcd', "--listen-client-urls=https://10.0.0.11:2379,https://127.0.0.1:2379"],   # one line was not enough

        -   command: [etcd, --name=m1, '--data-dir=/var/lib/etcd', "--listen-client-urls=https://10.0.0.11:2379,https://127.0.0.1:2379",
        -     --advertise-client-urls=https://10.0.0.11:2379],   # one line was not enough
        +   command: [etcd, --advertise-client-urls=https://10.0.0.11:2379],   # one line was not enough

        -					"--peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt",
        -					"--peer-client-cert-auth=true"
        +					"--peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt"

        refused: container etcd has no --no-such-flag
        "#
    );
}

#[test]
fn a_repeated_flag_ends_as_one() {
    let text = ETCD.replace(
        "        # peers\n",
        "        - --name=other\n        # peers\n",
    );
    insta::assert_snapshot!(check(&text, &[set("etcd", "name", "etcd9")]), @r#"
    -        - --name
    -        - etcd2
    -        - --name=other
    +        - --name=etcd9
    "#);
}

#[test]
fn annotations_are_set_in_the_files_own_layout() {
    insta::assert_snapshot!(
        [
            check(KUBEADM, &[annotate("etcdha.dev/attempt", "2")]),
            check(ETCD, &[annotate("etcdha.dev/attempt", "2")]),
            check(ETCD, &[annotate("kubeadm.kubernetes.io/etcd.advertise-client-urls", "https://x:1")]),
            check(BY_HAND, &[annotate("a/b", "yes")]),
            check(JSON, &[annotate("a/b", "c")]),
        ]
        .join("\n"),
        @r#"
        +    etcdha.dev/attempt: "2"

        +    etcdha.dev/attempt: "2"

        -    kubeadm.kubernetes.io/etcd.advertise-client-urls: "https://10.1.1.202:2379"
        +    kubeadm.kubernetes.io/etcd.advertise-client-urls: "https://x:1"

        +    annotations:
        +      a/b: "yes"

        -			"kubeadm.kubernetes.io/etcd.advertise-client-urls": "https://[fd00::11]:2379"
        +			"kubeadm.kubernetes.io/etcd.advertise-client-urls": "https://[fd00::11]:2379",
        +			"a/b": "c"
        "#
    );
}

#[test]
fn mounts_are_added_in_the_files_own_layout() {
    let api = "kube-apiserver";
    let bare = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n  - name: etcd\n    command: [etcd]";
    insta::assert_snapshot!(
        [
            check(bare, &[annotate("a/b", "c"), mount("etcd", "/srv/pki")]),
            check(KUBEADM, &[mount(api, "/srv/pki")]),
            check(BY_HAND, &[mount(api, "/srv/pki")]),
            check(BY_HAND, &[mount("audit-shipper", "/srv/pki")]),
            check(WINDOWS, &[mount(api, "/srv/pki")]),
            check(FLOW, &[mount("etcd", "/srv/pki")]),
            check(JSON, &[mount("etcd", "/srv/pki")]),
        ]
        .join("\n"),
        @r#"
        +  annotations:
        +    a/b: c
        +    volumeMounts:
        +    - mountPath: /srv/pki
        +      name: etcd-pki
        +      readOnly: true
        +  volumes:
        +  - hostPath:
        +      path: /srv/pki
        +      type: Directory
        +    name: etcd-pki

        +    - mountPath: /srv/pki
        +      name: etcd-pki
        +      readOnly: true
        +  - hostPath:
        +      path: /srv/pki
        +      type: Directory
        +    name: etcd-pki

        +                - mountPath: /srv/pki
        +                  name: etcd-pki
        +                  readOnly: true
        +        - hostPath:
        +            path: /srv/pki
        +            type: Directory
        +          name: etcd-pki

        -            volumeMounts: [{name: audit, mountPath: /var/log/audit}]
        +            volumeMounts: [{name: audit, mountPath: /var/log/audit}, {mountPath: /srv/pki, name: etcd-pki, readOnly: true}]
        +        - hostPath:
        +            path: /srv/pki
        +            type: Directory
        +          name: etcd-pki

        +    - mountPath: /srv/pki␍
        +      name: etcd-pki␍
        +      readOnly: true␍
        +  - hostPath:␍
        +      path: /srv/pki␍
        +      type: Directory␍
        +    name: etcd-pki␍

        -   volumeMounts: [{mountPath: /var/lib/etcd, name: etcd-data}]}],
        -  volumes: [{name: etcd-data, hostPath: {path: /var/lib/etcd}}]}}
        +   volumeMounts: [{mountPath: /var/lib/etcd, name: etcd-data}, {mountPath: /srv/pki, name: etcd-pki, readOnly: true}]}],
        +  volumes: [{name: etcd-data, hostPath: {path: /var/lib/etcd}}, {hostPath: {path: /srv/pki, type: Directory}, name: etcd-pki}]}}

        -					}
        +					},
        +					{"mountPath": "/srv/pki", "name": "etcd-pki", "readOnly": true}
        -			}
        +			},
        +			{"hostPath": {"path": "/srv/pki", "type": "Directory"}, "name": "etcd-pki"}
        "#
    );
}

#[test]
fn what_can_not_be_kept_is_refused() {
    let with = |from: &str, to: &str| ETCD.replace(from, to);
    let block = with(
        "        - --data-dir=/var/lib/etcd\n",
        "        - >-\n          --data-dir=/var/lib/etcd\n",
    );
    let anchored = with("- --data-dir=", "- &dir --data-dir=");
    let alias = with("        # clients\n", "        - *dir\n")
        .replace("- --data-dir=", "- &dir --data-dir=");
    let shell = with("command: [/usr/local/bin/etcd]", "command: [sh, -c]");
    let variable = with(
        "      volumeMounts:\n",
        "      env: [{name: ETCD_MAX_WALS, value: '5'}]\n      volumeMounts:\n",
    );
    let shared = with("      livenessProbe:\n", "      livenessProbe: &p\n").replace(
        "      volumeMounts:",
        "      startupProbe: *p\n      volumeMounts:",
    );
    let reused = ETCD.replace("args:", "args: &args").replace(
        "  volumes:\n",
        "    - {name: second, image: x, args: *args}\n  volumes:\n",
    );
    let no_value = with("--quota-backend-bytes=8589934592", "--quota-backend-bytes");
    let dir = |text: &str| check(text, &[set("etcd", "data-dir", "/d")]);
    insta::assert_snapshot!(
        [
            dir(&block),
            dir(&anchored),
            dir(&alias),
            dir(&shell),
            dir(&shared),
            dir(&reused),
            check(&reused, &[set("second", "data-dir", "/d")]),
            check(&variable, &[set("etcd", "max-wals", "7")]),
            check(&no_value, &[add("etcd", "max-wals", "7", None)]),
            check(ETCD, &[set("nope", "a", "b")]),
            check(ETCD, &[add("etcd", "name", "b", None)]),
            check(ETCD, &[annotate("ops.example.com/note", "b")]),
            check(ETCD, &[mount("etcd", "/etc/etcd/pki")]),
            check("kind: List", &[]),
            check("kind: List", &[annotate("a", "b")]),
        ]
        .concat(),
        @r#"
        refused: 26:11: can't edit a block scalar; write it as a plain or quoted value on one line
        refused: 25:16: can't edit a value with an anchor; write it as a value of its own
        refused: 25:16: can't edit a value with an anchor; write it as a value of its own
        refused: container etcd starts through a shell; give it the program as its command
        -        - --data-dir=/var/lib/etcd
        +        - --data-dir=/d
        refused: 25:11: the edit would change more than asked for; most likely an anchor there is used elsewhere: write the value out in both places
        refused: 51:38: can't edit a value taken from another place by an alias; write it as the value itself
        refused: 48:20: --max-wals is set by an environment variable; make it a flag first
        refused: 45:1: --max-wals would not reach the program as asked for: a word before it has no value of its own or is no flag; repair the command line there first
        refused: no container "nope"; found etcd
        refused: 23:11: --name is there already
        refused: 13:7: can't edit a block scalar; write it as a plain or quoted value on one line
        refused: 50:36: /etc/etcd/pki is mounted already
        refused: 1:7: kind List; expected kind Pod: the kubelet runs nothing else from a file
        "#
    );
}

/// How many lines an edit may touch: removed and added.
fn allowance(edit: &Edit) -> (usize, usize) {
    match edit {
        Edit::SetFlag { .. } => (1, 1),
        Edit::AddFlag { .. } => (1, 2),
        Edit::RemoveFlag { .. } => (3, 2),
        Edit::SetAnnotation { .. } => (1, 2),
        Edit::AddMount { .. } => (2, 9),
    }
}

fn any_edit(container: &'static str) -> impl Strategy<Value = Edit> {
    let name = prop_oneof![
        Just("name"),
        Just("data-dir"),
        Just("etcd-servers"),
        Just("etcd-cafile"),
        Just("new-flag"),
        Just("listen-client-urls"),
        Just("advertise-address"),
        Just("initial-cluster-state"),
    ];
    let value = prop_oneof!["[a-z0-9:/.,=\\[\\]-]{0,20}", any::<String>()];
    (name, value, 0..5_usize).prop_map(move |(name, value, pick)| match pick {
        0 => set(container, name, &value),
        1 => add(container, name, &value, Some("data-dir")),
        2 => remove(container, name),
        3 => annotate("etcdha.dev/x", &value),
        _ => mount(container, "/srv/pki"),
    })
}

proptest! {
    #[test]
    fn edits_touch_their_own_lines_only(
        (text, edit) in (0..CORPUS.len()).prop_flat_map(|pick| {
            let (container, text) = CORPUS[pick];
            (Just(text), any_edit(container))
        })
    ) {
        let Ok(after) = patch(text, std::slice::from_ref(&edit)) else {
            return Ok(());
        };
        let diff = changes(text, &after);
        let count = |sign: char| diff.lines().filter(|line| line.starts_with(sign)).count();
        let (removed, added) = allowance(&edit);
        prop_assert!(count('-') <= removed && count('+') <= added, "{edit:?}\n{diff}");
        prop_assert_eq!(after.contains("\r\n"), text.contains("\r\n"));
        if let Edit::SetFlag { container, name, value } | Edit::AddFlag { container, name, value, .. } = &edit {
            let pod = StaticPod::parse(after.as_bytes()).unwrap();
            let container = pod.containers.iter().find(|c| c.name.value == *container).unwrap();
            let flags = Flags::of(container, Program::of(container).unwrap().dialect());
            prop_assert_eq!(flags.value(name), Some(value.as_str()));
        }
    }

    #[test]
    fn damaged_text_never_panics(
        pick in 0..CORPUS.len(), cut in any::<prop::sample::Index>(),
        insert in "[-:{}\\[\\]&*|>'\"#,\t\n a]{0,5}", kind in 0..5_usize,
    ) {
        let (container, text) = CORPUS[pick];
        let mut at = cut.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let damaged = format!("{}{insert}{}", &text[..at], &text[at..]);
        let edit = match kind {
            0 => set(container, "data-dir", "/d"),
            1 => add(container, "x", "y", Some("name")),
            2 => remove(container, "name"),
            3 => annotate("a", "b"),
            _ => mount(container, "/m"),
        };
        let _ = patch(&damaged, &[edit]);
    }
}
