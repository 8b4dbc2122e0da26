//! The member's flags, final: kubeadm's set for the release, then what the operator overrides.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::config::{ClusterState, EtcdConfig, RenderError};
use crate::manifest::etcd_flags::{self, Kind};
use crate::model::{ClientUrl, EtcdUrl, EtcdVersion, Host, PeerUrl, Scheme};

/// kubeadm's interval: a watch of the apiserver learns of the newest revision this often.
const PROGRESS_INTERVAL: &str = "5s";

/// Name and value of every flag, sorted by name; a repeated name keeps its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlagSet(Vec<(String, String)>);

impl FlagSet {
    /// Builds the flags of a member.
    ///
    /// # Errors
    /// When etcd would refuse them, or would start something other than what is meant.
    pub(crate) fn of(config: &EtcdConfig) -> Result<Self, RenderError> {
        check_initial_cluster(config)?;
        let mut flags = address_flags(config);
        flags.extend(cluster_flags(config));
        flags.extend(path_flags(config));
        flags.extend(release_flags(config));
        let mut flags: Vec<(String, String)> = flags
            .into_iter()
            .filter(|(name, _)| config.extra_args.iter().all(|extra| extra.name != *name))
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let extra = config.extra_args.iter();
        flags.extend(extra.map(|extra| (extra.name.clone(), extra.value.clone())));
        flags.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, value) in &flags {
            check_flag(config, name, value)?;
        }
        Ok(Self(flags))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The flags that newer kubeadms set for every member, in the spelling of the release.
    pub(crate) fn guards(version: &EtcdVersion) -> Vec<(&'static str, String)> {
        let knows = |name| etcd_flags::knows(version, name);
        let mut flags = Vec::new();
        if knows("feature-gates") {
            flags.push(("feature-gates", "InitialCorruptCheck=true".into()));
        } else if knows("experimental-initial-corrupt-check") {
            flags.push(("experimental-initial-corrupt-check", "true".into()));
        }
        let progress = [
            "watch-progress-notify-interval",
            "experimental-watch-progress-notify-interval",
        ];
        if let Some(name) = progress.into_iter().find(|name| knows(name)) {
            flags.push((name, PROGRESS_INTERVAL.into()));
        }
        flags
    }

    /// The value that counts: etcd takes the last.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.iter()
            .filter(|(found, _)| *found == name)
            .last()
            .map(|(_, value)| value)
    }
}

type Pair = (&'static str, String);

fn address_flags(config: &EtcdConfig) -> Vec<Pair> {
    let host = Host::Ip(config.advertise_address);
    let client = ClientUrl::https(host.clone(), config.ports.client).to_string();
    let peer = PeerUrl::https(host, config.ports.peer).to_string();
    let extra = || config.extra_listen_addresses.iter().map(|ip| Host::Ip(*ip));
    let loopback = loopback(config.advertise_address);
    let clients = std::iter::once(Host::Ip(loopback))
        .chain(std::iter::once(Host::Ip(config.advertise_address)))
        .chain(extra())
        .map(|host| ClientUrl::https(host, config.ports.client).to_string());
    let peers = std::iter::once(Host::Ip(config.advertise_address))
        .chain(extra())
        .map(|host| PeerUrl::https(host, config.ports.peer).to_string());
    let host = Host::Ip(loopback);
    let metrics = EtcdUrl {
        scheme: Scheme::Http,
        host,
        port: config.ports.metrics,
    };
    vec![
        ("advertise-client-urls", client),
        ("initial-advertise-peer-urls", peer),
        ("listen-client-urls", join(clients)),
        ("listen-metrics-urls", metrics.to_string()),
        ("listen-peer-urls", join(peers)),
    ]
}

/// The loopback address of the family of `address`, on which the local apiserver dials etcd.
pub(in crate::manifest) fn loopback(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}

fn join(urls: impl Iterator<Item = String>) -> String {
    let mut seen: Vec<String> = Vec::new();
    for url in urls {
        if !seen.contains(&url) {
            seen.push(url);
        }
    }
    seen.join(",")
}

fn cluster_flags(config: &EtcdConfig) -> Vec<Pair> {
    let mut flags = vec![
        ("name", config.name.to_string()),
        ("initial-cluster", shown(&config.initial_cluster)),
    ];
    // As kubeadm: a new cluster is etcd's default and stays unsaid.
    if config.state == ClusterState::Existing {
        flags.push(("initial-cluster-state", "existing".into()));
    }
    if let Some(token) = &config.cluster_token {
        flags.push(("initial-cluster-token", token.clone()));
    }
    flags
}

fn shown(members: &[(String, PeerUrl)]) -> String {
    let pairs: Vec<String> = members
        .iter()
        .map(|(name, url)| format!("{name}={url}"))
        .collect();
    pairs.join(",")
}

fn path_flags(config: &EtcdConfig) -> Vec<Pair> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let pki = &config.pki;
    vec![
        ("cert-file", path(&pki.server_cert)),
        ("client-cert-auth", "true".into()),
        ("data-dir", path(&config.data_dir)),
        ("key-file", path(&pki.server_key)),
        ("peer-cert-file", path(&pki.peer_cert)),
        ("peer-client-cert-auth", "true".into()),
        ("peer-key-file", path(&pki.peer_key)),
        ("peer-trusted-ca-file", path(&pki.peer_trusted_ca)),
        ("trusted-ca-file", path(&pki.trusted_ca)),
    ]
}

/// The flags whose name depends on the release.
fn release_flags(config: &EtcdConfig) -> Vec<Pair> {
    let mut flags = vec![("snapshot-count", config.snapshot_count.to_string())];
    if let Some(quota) = config.quota_backend_bytes {
        flags.push(("quota-backend-bytes", quota.to_string()));
    }
    flags.extend(FlagSet::guards(&config.version));
    flags
}

fn check_initial_cluster(config: &EtcdConfig) -> Result<(), RenderError> {
    let overridden = |name| config.extra_args.iter().any(|extra| extra.name == name);
    if overridden("initial-cluster") {
        return Ok(());
    }
    let mut owners: HashMap<&PeerUrl, &str> = HashMap::new();
    for (name, url) in &config.initial_cluster {
        if let Some(first) = owners.insert(url, name) {
            let (first, second) = (first.to_owned(), name.clone());
            return Err(RenderError::DuplicateUrl {
                url: url.to_string(),
                first,
                second,
            });
        }
    }
    let own_url = PeerUrl::https(Host::Ip(config.advertise_address), config.ports.peer);
    let listed = |(name, url): &(String, PeerUrl)| {
        name == config.name.as_str()
            && (overridden("initial-advertise-peer-urls") || *url == own_url)
    };
    if !config.initial_cluster.iter().any(listed) {
        return Err(RenderError::NotListed {
            name: config.name.clone(),
            url: own_url.to_string(),
            found: shown(&config.initial_cluster),
        });
    }
    let alone = config
        .initial_cluster
        .iter()
        .all(|(name, _)| name == config.name.as_str());
    if alone && config.state == ClusterState::Existing {
        return Err(RenderError::ExistingAlone {
            name: config.name.clone(),
        });
    }
    Ok(())
}

fn check_flag(config: &EtcdConfig, name: &str, value: &str) -> Result<(), RenderError> {
    let known = etcd_flags::find(name).filter(|flag| flag.is_in(&config.version));
    let Some(known) = known else {
        let near = etcd_flags::replacement(name, &config.version)
            .or_else(|| etcd_flags::nearest(name).map(|near| format!("--{near}")))
            .filter(|near| near.trim_start_matches('-') != name);
        let hint = near.map_or_else(String::new, |near| format!("; expected {near}"));
        let (name, version) = (name.to_owned(), config.version.clone());
        return Err(RenderError::UnknownFlag {
            name,
            version,
            hint,
        });
    };
    if value.chars().any(char::is_control) {
        return Err(RenderError::Value {
            name: name.to_owned(),
            value: value.to_owned(),
        });
    }
    let is_path = matches!(known.kind, Kind::File | Kind::Directory);
    if is_path && (!value.starts_with('/') || value.contains(char::REPLACEMENT_CHARACTER)) {
        return Err(RenderError::Path {
            flag: name.to_owned(),
            found: value.to_owned(),
        });
    }
    Ok(())
}
