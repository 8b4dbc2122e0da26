//! What is written reads back, and no text is too strange to be answered.

use std::net::IpAddr;

use proptest::prelude::*;

use super::GOOD;
use crate::model::spec::parse::KEYS;
use crate::model::{
    CaFiles, ClusterSpec, EtcdSpec, EtcdVersion, ExtraArg, KeyAlgorithm, KubernetesSpec,
    MemberSpec, NetworkingSpec, ProxyMode, Topology,
};

#[test]
fn a_short_file_gets_every_default() {
    let checked = ClusterSpec::parse(GOOD).unwrap();
    assert_eq!(checked.warnings, []);
    let spec = checked.spec;
    assert_eq!(spec.etcd.image, "registry.k8s.io/etcd:3.5.16-0");
    assert_eq!(spec.members[0].roles, Topology::Stacked.default_roles());
    insta::assert_snapshot!(serde_json::to_string_pretty(&spec).unwrap());
}

#[test]
fn the_commented_file_reads_well() {
    let mut spec = ClusterSpec::parse(GOOD).unwrap().spec;
    let name = "m2".parse().unwrap();
    let address = "fd00::12".parse().unwrap();
    let mut member = MemberSpec::new(name, address, spec.topology);
    member.extra_names = vec!["*.example.com".into()];
    member.root = Some("/mnt/m 2".into());
    spec.members.push(member);
    insta::assert_snapshot!(spec.render());
}

#[test]
fn the_comments_show_the_defaults() {
    let spec = ClusterSpec::parse(GOOD).unwrap().spec;
    let examples = [
        "quotaBackendBytes",
        "clusterToken",
        "extraArgs",
        "ca",
        "templates",
        "keyAlgorithm",
        "leafValidity",
        "caValidity",
        "extraNames",
        "version",
        "imageRepository",
        "proxyMode",
        "podSubnet",
        "controlPlaneEndpoint",
        "certSANs",
        "vip",
        "secondVip",
        "port",
        "ssh",
    ];
    let uncommented: Vec<_> = spec
        .render()
        .lines()
        .map(|line| uncomment(line, &examples))
        .collect();
    let read = ClusterSpec::parse(&uncommented.join("\n")).unwrap().spec;
    assert_eq!(read, spec);
}

/// Turns `# key: value` into a line, unless it is a sentence or an example.
fn uncomment(line: &str, examples: &[&str]) -> String {
    let Some((indent, rest)) = line.split_once("# ") else {
        return line.to_owned();
    };
    let key = rest.trim_start().split(':').next().unwrap_or_default();
    let is_key =
        KEYS.iter().any(|(_, keys)| keys.contains(&key)) || matches!(key, "requests" | "limits");
    if is_key && !examples.contains(&key) {
        format!("{indent}{rest}")
    } else {
        String::new()
    }
}

#[test]
fn relative_paths_start_at_the_file() {
    let mut spec = ClusterSpec::parse(GOOD).unwrap().spec;
    spec.pki.ca = Some(CaFiles {
        cert: "/ca.crt".into(),
        key: "../ca.key".into(),
    });
    spec.pki.dir = "./pki".into();
    spec.members[0].root = Some("hosts/m1".into());
    spec.resolve_paths(std::path::Path::new("/srv/prod"));
    let ca = spec.pki.ca.unwrap();
    let paths = [
        &spec.pki.dir,
        &ca.cert,
        &ca.key,
        spec.members[0].root.as_ref().unwrap(),
    ];
    let paths = paths.map(|path| path.display().to_string());
    assert_eq!(
        paths,
        [
            "/srv/prod/pki",
            "/ca.crt",
            "/srv/prod/../ca.key",
            "/srv/prod/hosts/m1"
        ]
    );
}

fn words() -> impl Strategy<Value = String> {
    "[ -~]{1,12}|\\PC{1,8}|null|true|3\\.5|0x10|a: b|# c|\\[x\\]"
}

fn arbitrary_member() -> impl Strategy<Value = (bool, u8, Vec<String>, Option<String>)> {
    let names = proptest::collection::vec("(\\*\\.)?[a-z]{1,5}\\.[a-z]{1,3}", 0..3);
    (
        any::<bool>(),
        any::<u8>(),
        names,
        proptest::option::of(words()),
    )
}

prop_compose! {
    fn arbitrary_kubernetes()(
        minor in proptest::option::of(29_u8..40),
        repository in proptest::option::of("[a-z]{1,9}(\\.[a-z]{2}:[0-9]{2})?/[a-z]{1,4}"),
        mode in proptest::option::of(proptest::sample::select(&ProxyMode::ALL[..])),
        services in proptest::sample::select(&["10.96.0.0/12", "172.20.0.0/16,fd01:96::/112"][..]),
        pods in proptest::option::of(proptest::sample::select(&["10.244.0.0/16", "fd01:244::/56"][..])),
        domain in "[a-z]{1,5}(\\.[a-z]{1,5})?",
    ) -> (KubernetesSpec, NetworkingSpec) {
        let kubernetes = KubernetesSpec {
            version: minor.map(|minor| format!("v1.{minor}.0").parse().unwrap()),
            image_repository: repository,
            proxy_mode: mode,
        };
        let networking = NetworkingSpec {
            service_subnet: services.parse().unwrap(),
            pod_subnet: pods.map(|pods| pods.parse().unwrap()),
            dns_domain: domain,
        };
        (kubernetes, networking)
    }
}

prop_compose! {
    fn arbitrary_spec()(
        name in "[A-Za-z0-9_.-]{1,20}",
        external in any::<bool>(),
        members in proptest::collection::vec(arbitrary_member(), 1..6),
        patch in 0_u64..40,
        ports in (1_u16..1000, 1000_u16..2000, 2000_u16..3000, 3000_u16..),
        image in proptest::option::of("[a-z]{1,9}(\\.[a-z]{2}:[0-9]{2})?/[a-z]{1,4}(:v?[0-9.]{1,5})?"),
        args in proptest::collection::vec(("[a-z]{1,4}-x", words()), 0..3),
        algorithm in proptest::option::of(proptest::sample::select(&KeyAlgorithm::ALL[..])),
        texts in (words(), words(), proptest::option::of(words())),
        cpu in proptest::option::of("[1-9]00m"),
        quota in proptest::option::of(prop_oneof![1_u64.., (1_u64..99).prop_map(|gib| gib << 30)]),
        user in proptest::option::of("[a-z]{1,8}"),
        kubernetes in arbitrary_kubernetes(),
        (endpoint, sans) in (any::<Option<bool>>(), proptest::collection::vec("[a-z]{1,5}\\.[a-z]{1,3}", 0..3)),
    ) -> ClusterSpec {
        let topology = if external { Topology::External } else { Topology::Stacked };
        let mut etcd = EtcdSpec::for_version(EtcdVersion::new(3, 5, patch));
        etcd.image = image.unwrap_or(etcd.image);
        (etcd.client_port, etcd.peer_port, etcd.metrics_port) = (ports.0, ports.1, ports.2);
        etcd.extra_args = args.into_iter().map(|(name, value)| ExtraArg { name, value }).collect();
        etcd.resources.requests.cpu = cpu;
        etcd.quota_backend_bytes = quota;
        if external {
            etcd.service.user = "etcd-2".into();
            etcd.service.unit = "/etc/systemd/system/etcd 2.service".into();
        }
        let mut spec = ClusterSpec::new(name, topology, etcd);
        for (index, (is_v6, host, names, root)) in members.into_iter().enumerate() {
            let address = if is_v6 { format!("fd00::{index}:{host:x}") } else { format!("10.0.{index}.{host}") };
            let address: IpAddr = address.parse().unwrap();
            let mut member = MemberSpec::new(format!("m{index}").parse().unwrap(), address, topology);
            member.extra_names = names;
            // The first stays, so that not all are on their way out.
            if index > 0 && host % 2 == 1 {
                member.topology = Topology::ALL.into_iter().find(|other| *other != topology);
                member.roles = spec.topology_of(&member).default_roles();
            }
            member.root = root.map(|root| format!("{index}{root}").into());
            spec.members.push(member);
        }
        spec.pki.key_algorithm = algorithm;
        spec.pki.dir = texts.0.into();
        spec.pki.ca = texts.2.map(|key| CaFiles { cert: "c".into(), key: key.into() });
        spec.pki.templates = Some(texts.1.into());
        spec.apiserver.port = ports.3;
        spec.apiserver.extra_args = spec.etcd.extra_args.clone();
        spec.apiserver.cert_sans = sans;
        let endpoints = ["api.example.com:443", "[fd00:ffff::1]:6443"];
        spec.apiserver.control_plane_endpoint =
            endpoint.map(|is_v6| endpoints[usize::from(is_v6)].parse().unwrap());
        (spec.kubernetes, spec.networking) = kubernetes;
        spec.ssh.user = user;
        spec
    }
}

proptest! {
    #[test]
    fn a_rendered_spec_parses_to_itself(spec in arbitrary_spec()) {
        let text = spec.render();
        let read = ClusterSpec::parse(&text);
        prop_assert_eq!(read.map(|checked| checked.spec), Ok(spec), "{}", text);
    }

    #[test]
    fn no_text_panics(text in "\\PC*|([a-z]{1,9}: ?[\\[{\"'&*|>0-9a-z,\\]}-]{0,9}\n? {0,4}){0,12}") {
        let _ = ClusterSpec::parse(&text);
        let _ = ClusterSpec::parse(&format!("{GOOD}{text}"));
    }

    #[test]
    fn no_damage_to_a_good_file_panics(at in 0..GOOD.len(), text in "\\PC{0,3}") {
        let _ = ClusterSpec::parse(&format!("{}{text}{}", &GOOD[..at], &GOOD[at..]));
    }
}
