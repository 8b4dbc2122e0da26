//! Whether a declared cluster makes sense: what single values can't tell.
//!
//! Invariant: checks look at the declaration alone. What the hosts and the running cluster say is the
//! business of the commands.

use std::path::{Component, Path};
use std::time::Duration;

use super::check_frontend;
use super::check_kubernetes;
use super::check_members;
use super::cluster::{ClusterSpec, Role, Topology};
use super::etcd::ExtraArg;
use super::mistake::Mistake;
use super::quantity::thousandths;
use crate::model::{EtcdVersion, Host, parse_duration};

/// Longest lifetime of a certificate that is taken for meant: 100 years.
const LONGEST_VALIDITY: Duration = Duration::from_secs(100 * 365 * 86_400);

/// What etcd's documentation calls the largest sensible database: 8 GiB.
const LARGEST_QUOTA: u64 = 8 << 30;

/// Flags that say who a member is. etcdha derives them; another value would break the cluster.
const OWN_FLAGS: [(&str, &str); 12] = [
    ("name", "members[].name"),
    ("data-dir", "etcd.dataDir"),
    ("wal-dir", "etcd.dataDir"),
    ("initial-cluster", "members"),
    ("initial-cluster-state", "members"),
    ("initial-cluster-token", "etcd.clusterToken"),
    (
        "initial-advertise-peer-urls",
        "members[].address and etcd.peerPort",
    ),
    (
        "advertise-client-urls",
        "members[].address and etcd.clientPort",
    ),
    ("quota-backend-bytes", "etcd.quotaBackendBytes"),
    ("snapshot-count", "etcd.snapshotCount"),
    ("force-new-cluster", "etcdha's own recovery"),
    (
        "config-file",
        "this file: etcd ignores every other flag beside it",
    ),
];

/// A mistake, and another field it has to do with.
pub(super) struct Finding {
    pub(super) mistake: Mistake,
    pub(super) related: Option<String>,
}

impl From<Mistake> for Finding {
    fn from(mistake: Mistake) -> Self {
        Self {
            mistake,
            related: None,
        }
    }
}

/// Everything that is wrong or should be looked at.
pub(super) fn check(spec: &ClusterSpec) -> Vec<Finding> {
    let mut findings = check_members::check(spec);
    let mut single = Vec::new();
    name(spec, &mut single);
    version(spec, &mut single);
    etcd(spec, &mut single);
    extra_args(spec, &mut single);
    resources(spec, &mut single);
    pki(spec, &mut single);
    validity(spec, &mut single);
    host_paths(spec, &mut single);
    check_kubernetes::check(spec, &mut single);
    findings.extend(single.into_iter().map(Finding::from));
    findings.extend(check_frontend::of_cluster(spec));
    findings.extend(ports(spec));
    findings
}

fn name(spec: &ClusterSpec, found: &mut Vec<Mistake>) {
    let token = spec.etcd.cluster_token.as_ref();
    let fields = [("name", Some(&spec.name)), ("etcd.clusterToken", token)];
    for (path, value) in fields {
        let Some(value) = value else { continue };
        let fits = !value.is_empty()
            && value.len() <= 63
            && value
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !fits {
            let mistake = Mistake::error(path, format!("{path}: {value:?} is no cluster name"));
            found.push(mistake.expected("up to 63 letters, digits, -, _ and ."));
        }
    }
    if let Some(user) = &spec.ssh.user
        && (user.is_empty() || user.starts_with('-') || user.contains([' ', '@', ':']))
    {
        let mistake = Mistake::error("ssh.user", format!("ssh.user: {user:?} is no user's name"));
        found.push(mistake.expected("a login name, such as root"));
    }
}

fn version(spec: &ClusterSpec, found: &mut Vec<Mistake>) {
    let etcd = &spec.etcd;
    if etcd.image.is_empty() || etcd.image.contains(char::is_whitespace) {
        let message = format!("etcd.image: {:?} is no image", etcd.image);
        let example = EtcdVersion::new(3, 5, 24);
        let mistake = Mistake::error("etcd.image", message);
        found.push(mistake.expected(format!("such as registry.k8s.io/etcd:{example}-0")));
    }
    let tagged = EtcdVersion::from_image(&etcd.image);
    if let Some(tagged) = tagged.filter(|tagged| *tagged != etcd.version) {
        let message = format!(
            "etcd.image is tagged {tagged}, but etcd.version is {}: flags would not fit the server",
            etcd.version
        );
        let fix = format!("set etcd.version to {tagged}, or leave etcd.image out");
        found.push(Mistake::warning("etcd.image", message).fix(fix));
    }
    if etcd.version.minor() == (3, 5) && !etcd.version.at_least(3, 5, 3) {
        let message = format!(
            "etcd {} has a known bug by which members come to hold different data",
            etcd.version
        );
        found.push(Mistake::warning("etcd.version", message).fix("use 3.5.3 or later"));
    }
}

fn etcd(spec: &ClusterSpec, found: &mut Vec<Mistake>) {
    if spec.etcd.snapshot_count == 0 {
        let mistake = Mistake::error("etcd.snapshotCount", "etcd.snapshotCount: 0 is too small");
        found.push(mistake.expected("a number from 1"));
    }
    let path = "etcd.quotaBackendBytes";
    match spec.etcd.quota_backend_bytes {
        Some(0) => {
            let mistake = Mistake::error(path, format!("{path}: 0 leaves no room"));
            found.push(mistake.fix("leave it out for etcd's default of 2 GiB"));
        }
        Some(quota) if quota > LARGEST_QUOTA => {
            let message = format!("{path}: {quota} is more than the 8 GiB that etcd recommends");
            found.push(Mistake::warning(path, message));
        }
        _ => {}
    }
}

fn extra_args(spec: &ClusterSpec, found: &mut Vec<Mistake>) {
    let etcd = ("etcd", "such as auto-compaction-retention");
    found.extend(check_args(etcd, &spec.etcd.extra_args, &OWN_FLAGS));
}

/// Flags of a program that are none, or that follow from other fields of the file. `program` is the
/// section, and an example of a flag.
pub(super) fn check_args(
    program: (&str, &str),
    args: &[ExtraArg],
    own: &[(&str, &str)],
) -> Vec<Mistake> {
    let (section, example) = program;
    let mut found = Vec::new();
    for (index, arg) in args.iter().enumerate() {
        let path = format!("{section}.extraArgs[{index}].name");
        let bare = arg.name.trim_start_matches('-');
        let is_flag = !bare.is_empty()
            && bare
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_flag {
            let mistake = Mistake::error(&path, format!("{path}: {:?} is no flag", arg.name));
            found.push(mistake.expected(format!("a flag of {section}, {example}")));
        } else if bare != arg.name {
            let message = format!("{path}: {:?} has dashes in front", arg.name);
            found.push(Mistake::error(&path, message).fix(format!("write {bare}")));
        } else if let Some((_, home)) = own.iter().find(|(flag, _)| *flag == bare) {
            let message = format!("{path}: etcdha sets --{bare} itself");
            found.push(Mistake::error(&path, message).fix(format!("it comes from {home}")));
        }
    }
    found
}

fn resources(spec: &ClusterSpec, found: &mut Vec<Mistake>) {
    let resources = &spec.etcd.resources;
    let pairs = [
        (
            "cpu",
            &resources.requests.cpu,
            &resources.limits.cpu,
            "100m or 2",
        ),
        (
            "memory",
            &resources.requests.memory,
            &resources.limits.memory,
            "100Mi or 2Gi",
        ),
    ];
    for (key, request, limit, examples) in pairs {
        for (list, amount) in [("requests", request), ("limits", limit)] {
            let Some(text) = amount else { continue };
            if thousandths(text).is_none() {
                let path = format!("etcd.resources.{list}.{key}");
                let mistake = Mistake::error(&path, format!("{path}: {text:?} is no quantity"));
                found.push(mistake.expected(format!("such as {examples}")));
            }
        }
        let amount = |text: &Option<String>| text.as_deref().and_then(thousandths);
        if let (Some(requested), Some(limited)) = (amount(request), amount(limit))
            && requested > limited
        {
            let path = format!("etcd.resources.limits.{key}");
            let message = format!("{path}: less than is requested");
            found.push(Mistake::error(path, message));
        }
    }
}

fn pki(spec: &ClusterSpec, found: &mut Vec<Mistake>) {
    for (index, name) in spec.pki.extra_names.iter().enumerate() {
        found.extend(certificate_name(&format!("pki.extraNames[{index}]"), name));
    }
    if spec.pki.include_vip && spec.frontend.vip.is_none() {
        let message = "pki.includeVip is true, but there is no frontend.vip";
        let fix = "set frontend.vip, or leave pki.includeVip out";
        found.push(Mistake::error("pki.includeVip", message).fix(fix));
    }
    if let Some(ca) = &spec.pki.ca
        && ca.cert == ca.key
    {
        let message = "pki.ca: certificate and key are the same file";
        found.push(Mistake::error("pki.ca.key", message));
    }
}

/// A name that can stand in a certificate: an address or a DNS name, `*` allowed as its first label.
pub(super) fn certificate_name(path: &str, name: &str) -> Option<Mistake> {
    let host = name.strip_prefix("*.").unwrap_or(name);
    let fits = match host.parse::<Host>() {
        Ok(Host::Ip(_)) => host == name && !name.starts_with('['),
        Ok(Host::Dns(dns)) => dns.split('.').all(is_label),
        Err(_) => false,
    };
    if fits {
        return None;
    }
    let mistake = Mistake::error(
        path,
        format!("{path}: {name:?} is neither a DNS name nor an address"),
    );
    Some(mistake.expected("such as etcd.example.com, *.example.com or 10.0.0.1"))
}

pub(super) fn is_label(label: &str) -> bool {
    !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
}

fn validity(spec: &ClusterSpec, found: &mut Vec<Mistake>) {
    let fields = [
        ("pki.leafValidity", &spec.pki.leaf_validity),
        ("pki.caValidity", &spec.pki.ca_validity),
    ];
    for (path, value) in fields {
        let Some(text) = value else { continue };
        match parse_duration(text) {
            Err(error) => {
                let message = format!("{path}: {text:?} is no duration: {}", error.reason);
                let mistake = Mistake::error(path, message);
                found.push(mistake.expected("a number and a unit, such as 8760h, 365d or 5y"));
            }
            Ok(Duration::ZERO) => {
                found.push(Mistake::error(
                    path,
                    format!("{path}: {text:?} is no time at all"),
                ));
            }
            Ok(long) if long > LONGEST_VALIDITY => {
                let mistake = Mistake::error(path, format!("{path}: {text:?} is too long"));
                found.push(mistake.expected("at most 100y"));
            }
            Ok(_) => {}
        }
    }
    let length = |text: &Option<String>| parse_duration(text.as_deref()?).ok();
    let leaf = length(&spec.pki.leaf_validity);
    let ca = length(&spec.pki.ca_validity);
    if let (Some(leaf), Some(ca)) = (leaf, ca)
        && leaf > ca
    {
        let message =
            "pki.leafValidity is longer than pki.caValidity: leaves will end with their CA";
        found.push(Mistake::warning("pki.leafValidity", message));
    }
}

fn host_paths(spec: &ClusterSpec, found: &mut Vec<Mistake>) {
    let paths = [
        ("etcd.dataDir", spec.etcd.data_dir.as_path()),
        ("pki.hostDir", spec.pki.host_dir.as_path()),
        ("etcd.service.unit", spec.etcd.service.unit.as_path()),
        (
            "etcd.service.environmentFile",
            spec.etcd.service.environment_file.as_path(),
        ),
        ("etcd.service.binary", spec.etcd.service.binary.as_path()),
    ];
    for (path, value) in paths {
        let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
        let fits = value.is_absolute() && value != Path::new("/") && value.components().all(plain);
        if !fits {
            let mistake = Mistake::error(path, format!("{path}: {value:?} is no place on a host"));
            found.push(mistake.expected("an absolute path without .."));
        }
    }
    let unit = &spec.etcd.service.unit;
    if unit
        .extension()
        .is_none_or(|extension| extension != "service")
    {
        let path = "etcd.service.unit";
        let mistake = Mistake::error(path, format!("{path}: {unit:?} is no service's unit"));
        found.push(mistake.expected("such as /etc/systemd/system/etcd.service"));
    }
    let (data, pki) = (&spec.etcd.data_dir, &spec.pki.host_dir);
    if data.starts_with(pki) || pki.starts_with(data) {
        let message = "etcd.dataDir and pki.hostDir lie within each other";
        found.push(
            Mistake::error("etcd.dataDir", message).fix("give them directories of their own"),
        );
    }
    if spec.pki.dir.as_os_str().is_empty() {
        found.push(
            Mistake::error("pki.dir", "pki.dir is empty").expected("a directory, such as pki"),
        );
    }
}

/// Ports that the same host would need twice.
fn ports(spec: &ClusterSpec) -> Vec<Finding> {
    let mut used = vec![
        ("etcd.clientPort", spec.etcd.client_port),
        ("etcd.peerPort", spec.etcd.peer_port),
        ("etcd.metricsPort", spec.etcd.metrics_port),
    ];
    let shares_hosts = spec.topology == Topology::Stacked
        || spec
            .etcd_members()
            .any(|m| m.roles.contains(&Role::ControlPlane));
    if shares_hosts {
        used.push(("apiserver.port", spec.apiserver.port));
    }
    let mut found = Vec::new();
    for (index, (path, port)) in used.iter().enumerate() {
        if let Some((other, _)) = used[..index].iter().find(|(_, taken)| taken == port) {
            let message = format!("{path}: port {port} is already {other}");
            found.push(Finding {
                mistake: Mistake::error(*path, message).fix("give each its own port"),
                related: Some((*other).to_owned()),
            });
        }
    }
    found
}
