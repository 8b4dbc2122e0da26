//! Under which names certificates and keys are filed, relative to a node's certificate directory.

use std::path::{Path, PathBuf};

use crate::model::{ClusterSpec, MemberSpec, PkiLayout, Role};

use super::kind::CertificateKind;

/// A certificate and its key as paths below the certificate directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairPaths {
    /// The certificate.
    pub cert: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// The CA's files.
pub fn ca_paths(layout: PkiLayout) -> PairPaths {
    match layout {
        PkiLayout::Kubeadm => PairPaths {
            cert: "etcd/ca.crt".into(),
            key: "etcd/ca.key".into(),
        },
        PkiLayout::Cfssl => PairPaths {
            cert: "ca.pem".into(),
            key: "ca-key.pem".into(),
        },
    }
}

/// A leaf's files. `number` is the member's place in the cluster file, from 1: the cfssl how-tos
/// number their peer certificates.
pub fn leaf_paths(layout: PkiLayout, kind: CertificateKind, number: usize) -> PairPaths {
    match layout {
        PkiLayout::Kubeadm => {
            let stem = match kind {
                CertificateKind::ApiserverEtcdClient => kind.as_str().to_owned(),
                _ => format!("etcd/{kind}"),
            };
            PairPaths {
                cert: format!("{stem}.crt").into(),
                key: format!("{stem}.key").into(),
            }
        }
        PkiLayout::Cfssl => {
            let stem = match kind {
                CertificateKind::Server => "server".to_owned(),
                CertificateKind::Peer => format!("peer{number}"),
                CertificateKind::HealthcheckClient => "client".to_owned(),
                CertificateKind::ApiserverEtcdClient => kind.as_str().to_owned(),
            };
            PairPaths {
                cert: format!("{stem}.pem").into(),
                key: format!("{stem}-key.pem").into(),
            }
        }
    }
}

/// The kinds of certificates that a member with these roles needs.
pub fn kinds_for(member: &MemberSpec) -> Vec<CertificateKind> {
    let is_needed = |kind: &CertificateKind| match kind {
        CertificateKind::ApiserverEtcdClient => member.roles.contains(&Role::ControlPlane),
        _ => member.roles.contains(&Role::Etcd),
    };
    CertificateKind::ALL.into_iter().filter(is_needed).collect()
}

/// A member's leaf under the names of its cluster.
pub fn leaf_paths_of(
    cluster: &ClusterSpec,
    member: &MemberSpec,
    kind: CertificateKind,
) -> PairPaths {
    let mut members = cluster.members.iter();
    let index = members.position(|listed| listed.name == member.name);
    leaf_paths(cluster.pki.layout, kind, index.map_or(1, |index| index + 1))
}

/// The signing request of a pair: beside the certificate, as cfssl files it.
pub fn request_path(pair: &PairPaths) -> PathBuf {
    pair.cert.with_extension("csr")
}

/// The pair that a request at `path` becomes in each layout; the key that lies there tells which.
pub fn pairs_of_request(path: &Path) -> [(PkiLayout, PairPaths); 2] {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let pair = |cert: String, key: String| PairPaths {
        cert: path.with_file_name(cert),
        key: path.with_file_name(key),
    };
    [
        (
            PkiLayout::Kubeadm,
            pair(format!("{stem}.crt"), format!("{stem}.key")),
        ),
        (
            PkiLayout::Cfssl,
            pair(format!("{stem}.pem"), format!("{stem}-key.pem")),
        ),
    ]
}

/// What a request is for, where its file is named as either layout names it.
pub fn kind_of_request(path: &Path) -> Option<CertificateKind> {
    let stem = path.file_stem()?.to_str()?;
    let is_numbered_peer = |stem: &str| {
        let number = stem.strip_prefix("peer");
        number.is_some_and(|number| number.bytes().all(|digit| digit.is_ascii_digit()))
    };
    match stem {
        "client" => Some(CertificateKind::HealthcheckClient),
        _ if is_numbered_peer(stem) => Some(CertificateKind::Peer),
        _ => CertificateKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == stem),
    }
}

/// Where the node of a request at `path` looks for the CA's certificate.
pub fn ca_of_request(layout: PkiLayout, kind: CertificateKind, path: &Path) -> PathBuf {
    match (layout, kind) {
        (PkiLayout::Kubeadm, CertificateKind::ApiserverEtcdClient) => {
            path.with_file_name("etcd").join("ca.crt")
        }
        (PkiLayout::Kubeadm, _) => path.with_file_name("ca.crt"),
        (PkiLayout::Cfssl, _) => path.with_file_name("ca.pem"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_files_of_a_node_share_a_name() {
        for layout in [PkiLayout::Kubeadm, PkiLayout::Cfssl] {
            let leaves = CertificateKind::ALL.map(|kind| leaf_paths(layout, kind, 2));
            let pairs = leaves.into_iter().chain([ca_paths(layout)]);
            let names: BTreeSet<_> = pairs.flat_map(|pair| [pair.cert, pair.key]).collect();
            assert_eq!(names.len(), 10);
        }
    }

    #[test]
    fn names_are_those_of_kubeadm_and_of_the_cfssl_guides() {
        let name = |layout, kind| leaf_paths(layout, kind, 2).key.display().to_string();
        let kubeadm = CertificateKind::ALL.map(|kind| name(PkiLayout::Kubeadm, kind));
        assert_eq!(
            kubeadm,
            [
                "etcd/server.key",
                "etcd/peer.key",
                "etcd/healthcheck-client.key",
                "apiserver-etcd-client.key"
            ]
        );
        assert_eq!(
            name(PkiLayout::Cfssl, CertificateKind::Peer),
            "peer2-key.pem"
        );
    }

    #[test]
    fn a_request_s_name_tells_its_kind_and_its_pair() {
        for layout in PkiLayout::ALL {
            for kind in CertificateKind::ALL {
                let pair = leaf_paths(layout, kind, 3);
                let request = request_path(&pair);
                assert_eq!(kind_of_request(&request), Some(kind), "{request:?}");
                let pairs = pairs_of_request(&request);
                assert!(pairs.contains(&(layout, pair)), "{request:?}");
                let ca = ca_of_request(layout, kind, &request);
                assert_eq!(ca, ca_paths(layout).cert);
            }
        }
        for other in ["etcd.csr", "peerless.csr", "server2.csr", ""] {
            assert_eq!(kind_of_request(Path::new(other)), None, "{other}");
        }
    }
}
