//! Which pairs should a tree hold?
//!
//! Invariant: guessing never invents a pair of which neither file is there, and never takes the
//! certificates of the apiserver or the front proxy, which other CAs sign, for etcd's.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::tree::{ExpectedPair, NodeTree, PairUse};
use crate::model::{ClusterSpec, MemberSpec};
use crate::pki::{CertificateKind, PairPaths, ca_paths, kinds_for, leaf_paths_of};

/// What a member's certificate directory `dir` should hold, going by the cluster file: the pairs of
/// its roles under the file names of the layout, and the names they must carry. Files are for the
/// caller to add.
pub fn member_tree(cluster: &ClusterSpec, member: &MemberSpec, dir: &Path) -> NodeTree {
    let leaves = kinds_for(member).into_iter().map(|kind| {
        let paths = leaf_paths_of(cluster, member, kind);
        expected(kind.into(), &paths, dir, extra_names(cluster, member, kind))
    });
    let ca = expected(PairUse::Ca, &ca_paths(cluster.pki.layout), dir, Vec::new());
    NodeTree {
        node: Some(member.name.clone()),
        expected: std::iter::once(ca).chain(leaves).collect(),
        addresses: member.addresses().collect(),
        ..NodeTree::default()
    }
}

fn expected(
    used_as: PairUse,
    paths: &PairPaths,
    dir: &Path,
    extra_names: Vec<String>,
) -> ExpectedPair {
    ExpectedPair {
        used_as,
        cert: dir.join(&paths.cert),
        key: dir.join(&paths.key),
        extra_names,
    }
}

/// Names beyond the node's own that the cluster file wants in a certificate.
pub fn extra_names(
    cluster: &ClusterSpec,
    member: &MemberSpec,
    kind: CertificateKind,
) -> Vec<String> {
    if !kind.is_dialled() {
        return Vec::new();
    }
    let vip = cluster.frontend.vip.filter(|_| cluster.pki.include_vip);
    let vip = vip.filter(|_| kind == CertificateKind::Server);
    let names = member.extra_names.iter().chain(&cluster.pki.extra_names);
    names
        .cloned()
        .chain(vip.map(|vip| vip.to_string()))
        .collect()
}

impl From<CertificateKind> for PairUse {
    fn from(kind: CertificateKind) -> Self {
        match kind {
            CertificateKind::Server => Self::Server,
            CertificateKind::Peer => Self::Peer,
            CertificateKind::HealthcheckClient | CertificateKind::ApiserverEtcdClient => {
                Self::Client
            }
        }
    }
}

/// Guesses the pairs of a directory from the names of its files.
pub fn guess_pairs<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Vec<ExpectedPair> {
    let paths: BTreeSet<&Path> = paths.into_iter().collect();
    let etcd_dirs: BTreeSet<&Path> = paths
        .iter()
        .filter(|path| matches!(use_of(path), Some(PairUse::Server | PairUse::Peer)))
        .filter_map(|path| path.parent())
        .collect();
    let mut pairs: Vec<ExpectedPair> = Vec::new();
    for path in &paths {
        let in_etcd_dir = path.parent().is_some_and(|dir| etcd_dirs.contains(dir));
        let Some(used_as) = use_of(path) else {
            continue;
        };
        if !in_etcd_dir && stem(path).is_none_or(|stem| !stem.contains("etcd-client")) {
            continue;
        }
        let (cert, key) = counterparts(path, &paths);
        if !pairs.iter().any(|pair| pair.cert == cert) {
            pairs.push(ExpectedPair {
                used_as,
                cert,
                key,
                extra_names: Vec::new(),
            });
        }
    }
    pairs
}

/// The use that a file's name tells: kubeadm's names, and those of cfssl how-tos.
fn use_of(path: &Path) -> Option<PairUse> {
    let stem = stem(path)?;
    // `peer1`, `server-2` and the like.
    let base = stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    match base {
        "ca" | "etcd-ca" => Some(PairUse::Ca),
        "server" | "etcd-server" | "etcd" => Some(PairUse::Server),
        "peer" | "etcd-peer" | "member" => Some(PairUse::Peer),
        "client" | "etcd-client" | "healthcheck-client" | "apiserver-etcd-client" => {
            Some(PairUse::Client)
        }
        _ => None,
    }
}

/// `server` for `server.crt`, `server.key`, `server.pem` and `server-key.pem`; nothing for other
/// endings.
pub(super) fn stem(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let (stem, ending) = name.rsplit_once('.')?;
    match ending {
        "crt" | "cert" | "cer" | "key" => Some(stem),
        "pem" => Some(stem.strip_suffix("-key").unwrap_or(stem)),
        _ => None,
    }
}

/// True for names that stand for a private key.
pub(super) fn is_key_name(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.ends_with(".key") || name.ends_with("-key.pem"))
}

/// Certificate and key file of a pair of which `path` is one: the names that are there, otherwise
/// those that would go with it.
fn counterparts(path: &Path, paths: &BTreeSet<&Path>) -> (PathBuf, PathBuf) {
    let stem = stem(path).unwrap_or_default();
    let pick = |endings: &[&str], fallback: &str| {
        let name = |ending: &&str| path.with_file_name(format!("{stem}{ending}"));
        let found = endings
            .iter()
            .map(name)
            .find(|name| paths.contains(name.as_path()));
        found.unwrap_or_else(|| name(&fallback))
    };
    let pem = path.extension().is_some_and(|ending| ending == "pem");
    let (cert, key) = if pem {
        (".pem", "-key.pem")
    } else {
        (".crt", ".key")
    };
    (
        pick(&[cert, ".crt", ".pem", ".cert", ".cer"], cert),
        pick(&[key, ".key", "-key.pem"], key),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(paths: &[&str]) -> Vec<String> {
        let pairs = guess_pairs(paths.iter().map(Path::new));
        let text = |pair: ExpectedPair| {
            format!(
                "{} {} {}",
                pair.used_as,
                pair.cert.display(),
                pair.key.display()
            )
        };
        pairs.into_iter().map(text).collect()
    }

    #[test]
    fn names_of_kubeadm_are_known_and_the_apiservers_own_left_alone() {
        let kubeadm = [
            "apiserver-etcd-client.crt",
            "apiserver-etcd-client.key",
            "apiserver.crt",
            "apiserver.key",
            "ca.crt",
            "ca.key",
            "etcd/ca.crt",
            "etcd/ca.key",
            "etcd/server.crt",
            "front-proxy-client.crt",
            "sa.key",
            "sa.pub",
        ];
        assert_eq!(
            guess(&kubeadm),
            [
                "client apiserver-etcd-client.crt apiserver-etcd-client.key",
                "CA etcd/ca.crt etcd/ca.key",
                "server etcd/server.crt etcd/server.key",
            ]
        );
    }

    #[test]
    fn names_of_cfssl_are_known() {
        let cfssl = [
            "ca.pem",
            "ca-key.pem",
            "ca-config.json",
            "peer1.pem",
            "peer1-key.pem",
            "client.pem",
        ];
        assert_eq!(
            guess(&cfssl),
            [
                "CA ca.pem ca-key.pem",
                "client client.pem client-key.pem",
                "peer peer1.pem peer1-key.pem",
            ]
        );
    }

    #[test]
    fn a_directory_without_etcds_certificates_yields_nothing() {
        assert!(guess(&["ca.crt", "ca.key", "client.crt", "apiserver.crt"]).is_empty());
        assert!(guess(&[]).is_empty());
    }
}
