//! What etcd's static pod says about its member, whoever wrote it.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::manifest::flags::{Flags, Program};
use crate::manifest::pod::StaticPod;
use crate::model::{EtcdUrl, EtcdVersion, ExtraArg, Host, NodeName, Scheme};

/// Flags that the cluster file says in its own words, or that follow from it.
const DERIVED: [&str; 20] = [
    "advertise-client-urls",
    "cert-file",
    "client-cert-auth",
    "data-dir",
    "initial-advertise-peer-urls",
    "initial-cluster",
    "initial-cluster-state",
    "initial-cluster-token",
    "key-file",
    "listen-client-urls",
    "listen-metrics-urls",
    "listen-peer-urls",
    "name",
    "peer-cert-file",
    "peer-client-cert-auth",
    "peer-key-file",
    "peer-trusted-ca-file",
    "quota-backend-bytes",
    "snapshot-count",
    "trusted-ca-file",
];

/// Flags that etcdha sets as kubeadm does, so that they need not be said.
const USUAL: [(&str, &str); 4] = [
    ("experimental-initial-corrupt-check", "true"),
    ("experimental-watch-progress-notify-interval", "5s"),
    ("feature-gates", "InitialCorruptCheck=true"),
    ("watch-progress-notify-interval", "5s"),
];

/// A member as its manifest describes it.
#[derive(Clone, Debug)]
pub(super) struct EtcdPodFacts {
    pub(super) name: NodeName,
    pub(super) address: IpAddr,
    pub(super) extra_addresses: Vec<IpAddr>,
    pub(super) image: Option<String>,
    pub(super) version: Option<EtcdVersion>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) client_port: Option<u16>,
    pub(super) peer_port: Option<u16>,
    pub(super) metrics_port: Option<u16>,
    pub(super) cluster_token: Option<String>,
    pub(super) quota: Option<u64>,
    pub(super) snapshot_count: Option<u64>,
    pub(super) extra_args: Vec<ExtraArg>,
    /// Members that `--initial-cluster` names before this one, where their address is one.
    pub(super) before: Vec<(NodeName, IpAddr)>,
    /// Members that it names behind this one.
    pub(super) behind: Vec<(NodeName, IpAddr)>,
    pub(super) cert_file: Option<PathBuf>,
    pub(super) peer_cert_file: Option<PathBuf>,
    pub(super) trusted_ca: Option<PathBuf>,
    /// What a person should know about the translation.
    pub(super) notes: Vec<String>,
}

/// Reads the facts.
///
/// # Errors
/// What is missing, in words.
pub(super) fn read(pod: &StaticPod) -> Result<EtcdPodFacts, String> {
    let container = Program::Etcd
        .container(pod)
        .ok_or("no container runs etcd")?;
    let flags = Flags::of(container, Program::Etcd.dialect());
    if flags.in_shell() {
        return Err("a shell starts etcd, so its flags can't be read".to_owned());
    }
    let name = flags.value("name").ok_or("--name is missing")?;
    let name: NodeName = name.parse().map_err(|error| format!("--name: {error}"))?;
    let mut notes = Vec::new();
    let addresses = addresses(&flags);
    let (address, extra_addresses) = match addresses.split_first() {
        Some((address, extra)) => (*address, extra.to_vec()),
        None => return Err("its URLs name no address".to_owned()),
    };
    let image = container.image.as_ref().map(|image| image.value.clone());
    let path = |flag: &str| flags.value(flag).map(PathBuf::from);
    let number = |flag: &str| flags.value(flag).and_then(|text| text.parse().ok());
    let (before, behind) = others(&flags, &name, &mut notes);
    clear_text(&flags, &mut notes);
    Ok(EtcdPodFacts {
        extra_args: extra_args(&flags, &mut notes),
        version: image.as_deref().and_then(EtcdVersion::from_image),
        data_dir: path("data-dir"),
        client_port: port(&flags, "advertise-client-urls"),
        peer_port: port(&flags, "initial-advertise-peer-urls"),
        metrics_port: port(&flags, "listen-metrics-urls"),
        cluster_token: flags.value("initial-cluster-token").map(str::to_owned),
        quota: number("quota-backend-bytes").filter(|quota| *quota > 0),
        snapshot_count: number("snapshot-count").filter(|count| *count > 0),
        cert_file: path("cert-file"),
        peer_cert_file: path("peer-cert-file"),
        trusted_ca: path("trusted-ca-file"),
        name,
        address,
        extra_addresses,
        image,
        before,
        behind,
        notes,
    })
}

fn urls(flags: &Flags<'_>, flag: &str) -> Vec<EtcdUrl> {
    let texts = flags.list(flag).into_iter();
    texts.filter_map(|text| text.parse().ok()).collect()
}

/// Addresses under which others can reach the member, the one that it advertises to peers first.
fn addresses(flags: &Flags<'_>) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for flag in [
        "initial-advertise-peer-urls",
        "advertise-client-urls",
        "listen-peer-urls",
        "listen-client-urls",
    ] {
        for url in urls(flags, flag) {
            if let Host::Ip(ip) = url.host
                && !ip.is_unspecified()
                && !found.contains(&ip)
            {
                found.push(ip);
            }
        }
    }
    let reachable: Vec<_> = found
        .iter()
        .copied()
        .filter(|ip| !ip.is_loopback())
        .collect();
    // A member that only knows loopback is alone, but it is a member.
    if reachable.is_empty() {
        found
    } else {
        reachable
    }
}

fn port(flags: &Flags<'_>, flag: &str) -> Option<u16> {
    urls(flags, flag).first().map(|url| url.port)
}

type Members = Vec<(NodeName, IpAddr)>;

/// The other members, parted where this one stands: their order decides cfssl's file names.
fn others(flags: &Flags<'_>, own: &NodeName, notes: &mut Vec<String>) -> (Members, Members) {
    let (mut before, mut behind) = (Members::new(), Members::new());
    let mut passed = false;
    for entry in flags.list("initial-cluster") {
        let Some((name, url)) = entry.split_once('=') else {
            continue;
        };
        if name == own.as_str() {
            passed = true;
            continue;
        }
        let mut known = before.iter().chain(&behind);
        if known.any(|(known, _)| known.as_str() == name) {
            continue;
        }
        let list = if passed { &mut behind } else { &mut before };
        match (name.parse(), url.parse::<EtcdUrl>().map(|url| url.host)) {
            (Ok(name), Ok(Host::Ip(ip))) => list.push((name, ip)),
            _ => notes.push(format!(
                "--initial-cluster names {entry}, which has no address: add that member yourself"
            )),
        }
    }
    (before, behind)
}

fn clear_text(flags: &Flags<'_>, notes: &mut Vec<String>) {
    for flag in ["advertise-client-urls", "initial-advertise-peer-urls"] {
        if urls(flags, flag)
            .iter()
            .any(|url| url.scheme == Scheme::Http)
        {
            notes.push(format!(
                "--{flag} is http: etcdha sets up members with TLS only"
            ));
        }
    }
    for flag in ["client-cert-auth", "peer-client-cert-auth"] {
        if flags.is_true(flag) == Some(false) {
            notes.push(format!(
                "--{flag} is off here: whoever reaches the port is let in; etcdha switches it on"
            ));
        }
    }
}

/// Flags that no other field of the cluster file says.
fn extra_args(flags: &Flags<'_>, notes: &mut Vec<String>) -> Vec<ExtraArg> {
    let mut extra = Vec::new();
    for flag in flags.iter() {
        let Some(value) = &flag.value else {
            notes.push(format!(
                "--{}: its value is not in the manifest, so it is left out",
                flag.name
            ));
            continue;
        };
        let usual = USUAL
            .iter()
            .any(|(name, usual)| *name == flag.name && usual == value);
        let derived =
            DERIVED.contains(&flag.name.as_str()) && !listens_everywhere(&flag.name, value);
        if !usual && !derived {
            extra.push(ExtraArg {
                name: flag.name.clone(),
                value: value.clone(),
            });
        }
    }
    extra
}

/// A listen URL on every address holds for every member; one with an address is the member's own.
fn listens_everywhere(flag: &str, value: &str) -> bool {
    let mut urls = value
        .split(',')
        .filter_map(|url| url.trim().parse::<EtcdUrl>().ok());
    let everywhere = |url: EtcdUrl| matches!(url.host, Host::Ip(ip) if ip.is_unspecified());
    flag.starts_with("listen-") && urls.any(everywhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(manifest: &str) -> Result<EtcdPodFacts, String> {
        read(&StaticPod::parse(manifest.as_bytes()).unwrap())
    }

    fn pod(flags: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: etcd}}\nspec:\n  containers:\n  - name: \
             etcd\n    image: registry.k8s.io/etcd:3.5.16-0\n    command: [etcd, --name=m1, {flags}]\n"
        )
    }

    #[test]
    fn ipv6_and_dual_stack_members_keep_both_addresses() {
        let manifest = include_str!("../../../tests/data/manifests/etcd-ipv6.json");
        let facts = facts(manifest).unwrap();
        assert!(facts.address.is_ipv6(), "{facts:?}");
        let both = pod("'--initial-advertise-peer-urls=https://[fd00::1]:2380', \
             '--listen-client-urls=https://[::1]:2379,https://[fd00::1]:2379,https://10.0.0.1:2379'");
        let facts = self::facts(&both).unwrap();
        assert_eq!(facts.address.to_string(), "fd00::1");
        assert_eq!(
            facts.extra_addresses,
            ["10.0.0.1".parse::<IpAddr>().unwrap()]
        );
    }

    #[test]
    fn flags_of_the_operator_s_own_survive_and_usual_ones_do_not() {
        let flags = "'--advertise-client-urls=https://10.0.0.1:12379', --heartbeat-interval=200, \
                     --listen-metrics-urls=http://0.0.0.0:2381, --experimental-initial-corrupt-check=true, \
                     --snapshot-count=5000, --auto-compaction-retention=$(KEEP)";
        let facts = facts(&pod(flags)).unwrap();
        let extra: Vec<_> = facts
            .extra_args
            .iter()
            .map(|arg| format!("{}={}", arg.name, arg.value))
            .collect();
        assert_eq!(
            extra,
            [
                "heartbeat-interval=200",
                "listen-metrics-urls=http://0.0.0.0:2381",
                "auto-compaction-retention=$(KEEP)"
            ]
        );
        assert_eq!(
            (facts.client_port, facts.metrics_port),
            (Some(12379), Some(2381))
        );
        assert_eq!(facts.snapshot_count, Some(5000));
    }

    #[test]
    fn a_member_that_can_t_be_told_is_an_error() {
        for (manifest, why) in [
            (pod("--data-dir=/d"), "its URLs name no address"),
            (
                pod("--name").replace("--name=m1, ", ""),
                "--name is missing",
            ),
            (
                pod("").replace("[etcd, --name=m1, ]", "[sh, -c, etcd]"),
                "a shell starts etcd, so its flags can't be read",
            ),
            (
                pod("").replace("[etcd,", "[backup,"),
                "no container runs etcd",
            ),
        ] {
            assert_eq!(facts(&manifest).unwrap_err(), why, "{manifest}");
        }
    }
}
