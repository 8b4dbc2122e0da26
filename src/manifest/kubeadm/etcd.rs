//! etcd as kubeadm knows it: a static pod of its own making, or somebody else's endpoints.

use std::path::{Path, PathBuf};

use super::args::extra_args;
use super::{Field, KubeadmApi, KubeadmConfig, KubeadmError, comment, texts};
use crate::manifest::etcd_flags;
use crate::manifest::etcd_pod::{FlagSet, loopback};
use crate::manifest::yaml::Yaml;
use crate::model::{ClusterSpec, EtcdSpec, EtcdUrl, ExtraArg, Host, Scheme};

/// The etcd of a kubeadm cluster, as far as the cluster file does not say it.
#[derive(Clone, Debug)]
pub enum KubeadmEtcd {
    /// A static pod on each control plane node.
    Local {
        /// Names in the server certificates beyond the node's own.
        server_sans: Vec<String>,
        /// Names in the peer certificates beyond the node's own.
        peer_sans: Vec<String>,
    },
    /// Members on hosts of their own; files as paths on the control plane nodes.
    External {
        /// The trusted CA.
        ca: PathBuf,
        /// The apiserver's client certificate.
        cert: PathBuf,
        /// Its key.
        key: PathBuf,
    },
}

/// The field `etcd`.
pub(super) fn etcd(config: &KubeadmConfig<'_>) -> Result<Yaml, KubeadmError> {
    let (key, fields) = match &config.etcd {
        KubeadmEtcd::Local {
            server_sans,
            peer_sans,
        } => ("local", local(config, server_sans, peer_sans)?),
        KubeadmEtcd::External { ca, cert, key } => {
            ("external", external(config.spec, [ca, cert, key])?)
        }
    };
    Ok(Yaml::Map(vec![(key, Yaml::Map(fields))]))
}

fn external(spec: &ClusterSpec, files: [&PathBuf; 3]) -> Result<Vec<Field>, KubeadmError> {
    let endpoints = spec.staying_members().map(|member| spec.client_url(member));
    let mut fields = vec![
        ("endpoints", texts(endpoints)),
        comment("These files must be on every control plane node before kubeadm runs there:"),
        comment("etcdha certs gen makes them."),
    ];
    for (key, file) in ["caFile", "certFile", "keyFile"].into_iter().zip(files) {
        fields.push((key, Yaml::text(utf8(file)?)));
    }
    Ok(fields)
}

fn local(
    config: &KubeadmConfig<'_>,
    server_sans: &[String],
    peer_sans: &[String],
) -> Result<Vec<Field>, KubeadmError> {
    let etcd = &config.spec.etcd;
    for (field, port, usual) in [
        ("clientPort", etcd.client_port, 2379),
        ("peerPort", etcd.peer_port, 2380),
    ] {
        if port != usual {
            return Err(KubeadmError::Port { field, port, usual });
        }
    }
    let (repository, tag) = split_image(&etcd.image).ok_or_else(|| KubeadmError::Image {
        image: etcd.image.clone(),
    })?;
    let mut fields = vec![
        ("dataDir", Yaml::text(utf8(&etcd.data_dir)?)),
        ("imageRepository", Yaml::text(repository)),
        ("imageTag", Yaml::text(tag)),
    ];
    let args = extra_args(config.api, &local_args(config))?;
    fields.extend(args.map(|args| ("extraArgs", args)));
    for (key, names) in [("serverCertSANs", server_sans), ("peerCertSANs", peer_sans)] {
        if !names.is_empty() {
            fields.push((key, texts(names)));
        }
    }
    Ok(fields)
}

/// `REPOSITORY/etcd:TAG`, parted.
fn split_image(image: &str) -> Option<(&str, &str)> {
    let (name, tag) = image.rsplit_once(':')?;
    let repository = name.strip_suffix("/etcd")?;
    let fits = !repository.is_empty() && !image.contains('@') && !tag.contains('/');
    fits.then_some((repository, tag))
}

/// The flags of etcdha's manifest that kubeadm does not set by itself, and the same on every node.
fn local_args(config: &KubeadmConfig<'_>) -> Vec<ExtraArg> {
    let etcd = &config.spec.etcd;
    let usual = EtcdSpec::for_version(etcd.version.clone());
    let mut flags: Vec<(&str, String)> = Vec::new();
    // kubeadm sets these itself by the time it reads v1beta4 (1.31), in the release's own spelling;
    // some releases before do not.
    if config.api < KubeadmApi::V1beta4 {
        flags.extend(FlagSet::guards(&etcd.version));
    }
    if let Some(token) = &etcd.cluster_token {
        flags.push(("initial-cluster-token", token.clone()));
    }
    if etcd.metrics_port != usual.metrics_port {
        flags.push(("listen-metrics-urls", metrics_url(config.spec)));
    }
    if let Some(quota) = etcd.quota_backend_bytes {
        flags.push(("quota-backend-bytes", quota.to_string()));
    }
    if etcd.snapshot_count != usual.snapshot_count {
        flags.push(("snapshot-count", etcd.snapshot_count.to_string()));
    }
    let flags = flags
        .into_iter()
        .filter(|(name, _)| etcd.extra_args.iter().all(|extra| extra.name != *name))
        .filter(|(name, _)| etcd_flags::knows(&etcd.version, name))
        .map(|(name, value)| ExtraArg {
            name: name.to_owned(),
            value,
        });
    let mut args: Vec<_> = flags.chain(etcd.extra_args.iter().cloned()).collect();
    args.sort_by(|a, b| a.name.cmp(&b.name));
    args
}

fn metrics_url(spec: &ClusterSpec) -> String {
    let first = spec.staying_members().next();
    let address = first.map_or(std::net::Ipv4Addr::LOCALHOST.into(), |m| m.address);
    let url = EtcdUrl {
        scheme: Scheme::Http,
        host: Host::Ip(loopback(address)),
        port: spec.etcd.metrics_port,
    };
    url.to_string()
}

pub(super) fn utf8(path: &Path) -> Result<&str, KubeadmError> {
    path.to_str().ok_or_else(|| KubeadmError::Path {
        path: path.to_owned(),
    })
}
