//! Reads a cluster file: text in, a checked cluster or every mistake out.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

use super::cluster::{ClusterSpec, MemberSpec, Role, SshSpec, Topology};
use super::etcd::{EtcdSpec, ExtraArg, ResourceList, Resources, ServiceSpec};
use super::mistake::{Checked, Mistake, Severity, SpecError};
use super::node::{self, Item};
use super::parse_frontend::{self, FRONTEND};
use super::parse_kubernetes::{self, APISERVER, KUBERNETES, NETWORKING};
use super::pki::{CaFiles, PkiLayout, PkiSpec};
use super::reader::{self, Reader, Section};
use super::{API_VERSION, KIND, check, quantity};
use crate::model::{EtcdVersion, KeyAlgorithm, NodeName};

/// Every section with its keys, in the order in which they are offered.
pub(super) const KEYS: &[(&str, &[&str])] = &[
    ("", ROOT),
    ("etcd", ETCD),
    ("etcd.service", SERVICE),
    ("members[]", MEMBER),
    ("pki", PKI),
    ("kubernetes", KUBERNETES),
    ("networking", NETWORKING),
    ("apiserver", APISERVER),
    ("frontend", FRONTEND),
    ("ssh", &["user"]),
];
const ROOT: &[&str] = &[
    "apiVersion",
    "kind",
    "name",
    "topology",
    "etcd",
    "members",
    "pki",
    "kubernetes",
    "networking",
    "apiserver",
    "frontend",
    "ssh",
];
const ETCD: &[&str] = &[
    "version",
    "image",
    "dataDir",
    "clientPort",
    "peerPort",
    "metricsPort",
    "clusterToken",
    "quotaBackendBytes",
    "snapshotCount",
    "extraArgs",
    "resources",
    "service",
];
const SERVICE: &[&str] = &["unit", "environmentFile", "binary", "user"];
const MEMBER: &[&str] = &[
    "name",
    "address",
    "extraAddresses",
    "extraNames",
    "roles",
    "topology",
    "root",
];
const PKI: &[&str] = &[
    "dir",
    "hostDir",
    "layout",
    "ca",
    "templates",
    "keyAlgorithm",
    "leafValidity",
    "caValidity",
    "extraNames",
    "includeVip",
];

pub(super) const ADDRESS: &str = "an IPv4 or IPv6 address, such as 10.0.0.12 or fd00::12";
const PORT: &str = "a port from 1 to 65535";

impl ClusterSpec {
    /// Reads a cluster file and checks it.
    ///
    /// # Errors
    /// Every mistake of the file with its place: syntax, unknown keys, values that do not fit, and
    /// values that do not go together.
    pub fn parse(text: &str) -> Result<Checked, SpecError> {
        let tree = node::parse(text).map_err(|mistake| SpecError {
            mistakes: vec![*mistake],
        })?;
        let mut reader = Reader::new(text, KEYS);
        let spec = cluster(&mut reader, &tree);
        let readable = reader.mistakes.is_empty();
        for finding in check::check(&spec) {
            // What is missing or left out because it could not be read is no second mistake.
            let follows =
                finding.mistake.path == "members" || finding.mistake.severity == Severity::Warning;
            if readable || !follows {
                reader.add(finding.mistake, finding.related.as_deref());
            }
        }
        let mut mistakes = reader.mistakes;
        mistakes.sort_by_key(|mistake| mistake.position.map(|place| (place.line, place.column)));
        settle(spec, mistakes)
    }

    /// Checks a cluster that was put together from flags.
    ///
    /// # Errors
    /// As [`ClusterSpec::parse`], without places.
    pub fn checked(self) -> Result<Checked, SpecError> {
        let findings = check::check(&self);
        let mistakes = findings.into_iter().map(|finding| finding.mistake);
        let mistakes = mistakes.collect();
        settle(self, mistakes)
    }
}

fn settle(spec: ClusterSpec, mistakes: Vec<Mistake>) -> Result<Checked, SpecError> {
    if mistakes
        .iter()
        .any(|mistake| mistake.severity == Severity::Error)
    {
        return Err(SpecError { mistakes });
    }
    Ok(Checked {
        spec,
        warnings: mistakes,
    })
}

fn cluster(reader: &mut Reader<'_>, tree: &Item) -> ClusterSpec {
    reader.note("", tree);
    let root = reader.section("", Some(tree), ROOT);
    for (key, value) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        root.require(reader, key, value);
        root.choice(reader, key, &[(value, ())]);
    }
    root.require(reader, "name", "prod");
    root.require(reader, "members", "[{name: m1, address: 10.0.0.11}]");
    let name = root
        .text(reader, "name")
        .unwrap_or_else(|| "cluster".to_owned());
    let topology = root
        .choice(reader, "topology", &topologies())
        .unwrap_or_default();
    let etcd = etcd(reader, &root);
    let mut spec = ClusterSpec::new(name, topology, etcd);
    for (path, item) in root.list(reader, "members") {
        let member = reader.section(&path, Some(item), MEMBER);
        spec.members.extend(read_member(reader, &member, topology));
    }
    spec.pki = pki(reader, &root);
    spec.kubernetes = parse_kubernetes::kubernetes(reader, &root);
    spec.networking = parse_kubernetes::networking(reader, &root);
    spec.apiserver = parse_kubernetes::apiserver(reader, &root);
    spec.frontend = parse_frontend::section(reader, &root);
    let ssh = reader.section("ssh", root.get("ssh"), &["user"]);
    spec.ssh = SshSpec {
        user: ssh.text(reader, "user"),
    };
    spec
}

fn etcd(reader: &mut Reader<'_>, root: &Section<'_>) -> EtcdSpec {
    let section = reader.section("etcd", root.get("etcd"), ETCD);
    let image = section.text(reader, "image");
    let from_image = image.as_deref().and_then(EtcdVersion::from_image);
    if from_image.is_none() {
        section.require(reader, "version", "3.5.24");
    }
    let expected = "a release of etcd 3.4, 3.5 or 3.6, such as 3.5.24";
    let version = section.parsed(reader, "version", expected).or(from_image);
    let mut etcd = version.map_or_else(EtcdSpec::default, EtcdSpec::for_version);
    set(&mut etcd.image, image);
    set(
        &mut etcd.data_dir,
        section.text(reader, "dataDir").map(PathBuf::from),
    );
    set(&mut etcd.client_port, port(reader, &section, "clientPort"));
    set(&mut etcd.peer_port, port(reader, &section, "peerPort"));
    set(
        &mut etcd.metrics_port,
        port(reader, &section, "metricsPort"),
    );
    etcd.cluster_token = section.text(reader, "clusterToken");
    etcd.quota_backend_bytes = quota(reader, &section);
    set(
        &mut etcd.snapshot_count,
        section.parsed(reader, "snapshotCount", "a number from 1"),
    );
    for (path, item) in section.list(reader, "extraArgs") {
        etcd.extra_args.extend(extra_arg(reader, &path, item));
    }
    etcd.resources = resources(reader, &section);
    etcd.service = service(reader, &section);
    etcd
}

fn service(reader: &mut Reader<'_>, etcd: &Section<'_>) -> ServiceSpec {
    let section = reader.section("etcd.service", etcd.get("service"), SERVICE);
    let mut service = ServiceSpec::default();
    let paths = [
        ("unit", &mut service.unit),
        ("environmentFile", &mut service.environment_file),
        ("binary", &mut service.binary),
    ];
    for (key, path) in paths {
        set(path, section.text(reader, key).map(PathBuf::from));
    }
    set(&mut service.user, section.text(reader, "user"));
    service
}

/// `quotaBackendBytes` takes a number of bytes or a quantity such as `8Gi`.
fn quota(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<u64> {
    let text = section.text(reader, "quotaBackendBytes")?;
    let bytes = quantity::thousandths(&text).map(|thousandths| thousandths / 1000);
    let bytes = bytes.and_then(|bytes| u64::try_from(bytes).ok());
    if bytes.is_none() {
        let path = section.path_of("quotaBackendBytes");
        let message = format!("{path}: {text:?} is no size");
        let mistake = Mistake::error(path, message);
        reader.add(mistake.expected("bytes, or a quantity such as 8Gi"), None);
    }
    bytes
}

pub(super) fn extra_arg(reader: &mut Reader<'_>, path: &str, item: &Item) -> Option<ExtraArg> {
    let section = reader.section(path, Some(item), &["name", "value"]);
    section.require(reader, "name", "auto-compaction-retention");
    section.require(reader, "value", "\"8\"");
    Some(ExtraArg {
        name: section.text(reader, "name")?,
        value: section.text(reader, "value")?,
    })
}

fn resources(reader: &mut Reader<'_>, etcd: &Section<'_>) -> Resources {
    let mut resources = Resources::default();
    let keys = &["requests", "limits"];
    let section = reader.section("etcd.resources", etcd.get("resources"), keys);
    for (key, list) in [
        ("requests", &mut resources.requests),
        ("limits", &mut resources.limits),
    ] {
        let Some(item) = section.get(key) else {
            continue;
        };
        let amounts = reader.section(&section.path_of(key), Some(item), &["cpu", "memory"]);
        *list = ResourceList {
            cpu: amounts.text(reader, "cpu"),
            memory: amounts.text(reader, "memory"),
        };
    }
    resources
}

fn topologies() -> [(&'static str, Topology); 2] {
    Topology::ALL.map(|topology| (topology.as_str(), topology))
}

fn read_member(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    topology: Topology,
) -> Option<MemberSpec> {
    section.require(reader, "name", "m1");
    section.require(reader, "address", "10.0.0.11");
    let rule = "at most 253 lower-case letters, digits, - and ., as Kubernetes names a node";
    let name = section.parsed::<NodeName>(reader, "name", rule);
    let address = section.parsed::<IpAddr>(reader, "address", ADDRESS);
    let mut extra_addresses = Vec::new();
    for (path, item) in section.list(reader, "extraAddresses") {
        extra_addresses.extend(reader::parse::<IpAddr>(reader, &path, item, ADDRESS));
    }
    let extra_names = texts(reader, section, "extraNames");
    let own_topology = section.choice(reader, "topology", &topologies());
    let topology = own_topology.unwrap_or(topology);
    let mut roles = topology.default_roles();
    if section.get("roles").is_some() {
        let choices = Role::ALL.map(|role| (role.as_str(), role));
        let listed = section.list(reader, "roles").into_iter();
        let chosen =
            listed.filter_map(|(path, item)| reader::choose(reader, &path, item, &choices));
        roles = chosen.collect();
    }
    let root = section.text(reader, "root").map(PathBuf::from);
    Some(MemberSpec {
        extra_addresses,
        extra_names,
        roles,
        topology: own_topology,
        root,
        ..MemberSpec::new(name?, address?, topology)
    })
}

/// A list of scalars.
pub(super) fn texts(reader: &mut Reader<'_>, section: &Section<'_>, key: &str) -> Vec<String> {
    let listed = section.list(reader, key).into_iter();
    let texts = listed.filter_map(|(path, item)| reader::scalar(reader, &path, item));
    texts.map(str::to_owned).collect()
}

fn pki(reader: &mut Reader<'_>, root: &Section<'_>) -> PkiSpec {
    let section = reader.section("pki", root.get("pki"), PKI);
    let mut pki = PkiSpec::default();
    let layouts = PkiLayout::ALL.map(|layout| (layout.as_str(), layout));
    let algorithms = KeyAlgorithm::ALL.map(|algorithm| (algorithm.as_str(), algorithm));
    set(&mut pki.dir, section.text(reader, "dir").map(PathBuf::from));
    set(
        &mut pki.host_dir,
        section.text(reader, "hostDir").map(PathBuf::from),
    );
    set(&mut pki.layout, section.choice(reader, "layout", &layouts));
    pki.ca = section.get("ca").and_then(|item| ca_files(reader, item));
    pki.templates = section.text(reader, "templates").map(PathBuf::from);
    pki.key_algorithm = section.choice(reader, "keyAlgorithm", &algorithms);
    pki.leaf_validity = section.text(reader, "leafValidity");
    pki.ca_validity = section.text(reader, "caValidity");
    pki.extra_names = texts(reader, &section, "extraNames");
    let truths = [("true", true), ("false", false)];
    set(
        &mut pki.include_vip,
        section.choice(reader, "includeVip", &truths),
    );
    pki
}

fn ca_files(reader: &mut Reader<'_>, item: &Item) -> Option<CaFiles> {
    let section = reader.section("pki.ca", Some(item), &["cert", "key"]);
    section.require(reader, "cert", "/etc/kubernetes/pki/etcd/ca.crt");
    section.require(reader, "key", "/etc/kubernetes/pki/etcd/ca.key");
    Some(CaFiles {
        cert: section.text(reader, "cert")?.into(),
        key: section.text(reader, "key")?.into(),
    })
}

pub(super) fn port(reader: &mut Reader<'_>, section: &Section<'_>, key: &str) -> Option<u16> {
    section
        .parsed::<NonZeroU16>(reader, key, PORT)
        .map(NonZeroU16::get)
}

pub(super) fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
