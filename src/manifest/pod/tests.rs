//! Manifests as people write them.

use proptest::prelude::*;

use super::*;

const CORPUS: [(&str, &[u8]); 8] = [
    (
        "etcd-kubeadm-1.20",
        include_bytes!("../../../tests/data/manifests/etcd-kubeadm-1.20.yaml"),
    ),
    (
        "etcd-kubeadm-1.34",
        include_bytes!("../../../tests/data/manifests/etcd-kubeadm-1.34.yaml"),
    ),
    (
        "etcd-by-hand",
        include_bytes!("../../../tests/data/manifests/etcd-by-hand.yaml"),
    ),
    (
        "etcd-ipv6",
        include_bytes!("../../../tests/data/manifests/etcd-ipv6.json"),
    ),
    (
        "etcd-flow",
        include_bytes!("../../../tests/data/manifests/etcd-flow.yaml"),
    ),
    (
        "apiserver-1.20",
        include_bytes!("../../../tests/data/manifests/apiserver-kubeadm-1.20.yaml"),
    ),
    (
        "apiserver-by-hand",
        include_bytes!("../../../tests/data/manifests/apiserver-by-hand.yaml"),
    ),
    (
        "apiserver-windows",
        include_bytes!("../../../tests/data/manifests/apiserver-windows.yaml"),
    ),
];

fn load(name: &str) -> StaticPod {
    let (_, bytes) = CORPUS.iter().find(|(known, _)| *known == name).unwrap();
    StaticPod::parse(bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_span_covers_the_value_it_names() {
    for (name, _) in CORPUS {
        let pod = load(name);
        for container in &pod.containers {
            for word in container.command.iter().chain(&container.args) {
                let written = &pod.text()[word.span.clone()];
                let bare = written.trim_matches(['"', '\'']);
                assert_eq!(bare, word.value, "{name} {}", word.at);
            }
        }
    }
}

#[test]
fn a_hand_written_etcd_reads_in_full() {
    let pod = load("etcd-by-hand");
    let container = &pod.containers[0];
    assert_eq!(
        (pod.name(), container.command.len(), container.args.len()),
        ("etcd", 1, 20)
    );
    assert_eq!(container.args[3].at.to_string(), "27:11");
    assert_eq!(
        pod.annotations["ops.example.com/note"]
            .value
            .lines()
            .count(),
        2
    );
    assert!(container.mounts[1].read_only);
    let Some(ProbeAction::HttpGet(http)) = container.liveness.as_ref().map(|p| &p.action) else {
        panic!("no probe");
    };
    assert_eq!(
        (http.path.value.as_str(), &http.port.value),
        ("/livez", &ProbePort::Number(2381))
    );
}

#[test]
fn aliases_columns_and_byte_order_marks_are_read() {
    let pod = load("apiserver-by-hand");
    let server = &pod.containers[1];
    assert!(matches!(
        server.startup.as_ref().unwrap().action,
        ProbeAction::HttpGet(_)
    ));
    let pod = load("apiserver-windows");
    assert_eq!(pod.namespace.as_ref().unwrap().at.to_string(), "11:14");
    let word = &pod.containers[0].command[10];
    assert_eq!(
        (word.value.as_str(), word.at.to_string().as_str()),
        ("--etcd-servers=https://127.0.0.1:2379", "26:7")
    );
    let named = load("etcd-kubeadm-1.34");
    let container = &named.containers[0];
    assert_eq!(
        container.port_number(&ProbePort::Name("probe-port".into())),
        Some(2381)
    );
}

fn error(text: &str) -> String {
    StaticPod::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn what_the_kubelet_would_refuse_is_refused_with_its_place() {
    let head = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: etcd\n";
    let with = |rest: &str| error(&format!("{head}{rest}"));
    insta::assert_snapshot!(
        [
            error("kind: List\n"),
            error("- a\n"),
            error("kind: Pod\n"),
            error("apiVersion: v1\nkind: Pod\nmetadata: {}\n"),
            with("spec: {}\n"),
            with("spec:\n  containers: etcd\n"),
            with("spec:\n  hostNetwork: \"true\"\n  containers: [{name: a}]\n"),
            with("spec:\n  containers:\n  - name: etcd\n    command:\n    - etcd\n    - 2379\n"),
            with("  annotations:\n    etcdha.dev/attempt: 2\nspec: {}\n"),
            with("spec:\n  containers:\n  - image: x\n"),
            with("spec:\n  containers:\n  - name: a\n    livenessProbe: {httpGet: {port: 99999}}\n"),
        ]
        .join("\n"),
        @r#"
    1:7: kind List; expected kind Pod: the kubelet runs nothing else from a file
    1:1: a list; expected a Pod
    1:1: no apiVersion; expected apiVersion: v1
    1:1: no spec; expected spec:
    5:7: no containers; expected at least one container
    6:15: "etcd"; expected a list of containers
    6:16: "true"; expected true or false
    10:7: the number 2379; expected a string: put it in quotes
    6:25: the number 2; expected a string: put it in quotes
    7:5: no name; expected name:
    8:37: the number 99999; expected a port number or a container port's name
    "#
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = StaticPod::parse(&bytes);
    }

    #[test]
    fn damaged_manifests_never_panic(
        pick in 0..CORPUS.len(), cut in any::<prop::sample::Index>(),
        insert in "[-:{}\\[\\]&*!|>'\"%#,\t\n a~<]{0,6}",
    ) {
        let mut bytes = CORPUS[pick].1.to_vec();
        let at = cut.index(bytes.len());
        bytes.splice(at..at, insert.bytes());
        let _ = StaticPod::parse(&bytes);
        bytes.truncate(at);
        let _ = StaticPod::parse(&bytes);
    }
}
