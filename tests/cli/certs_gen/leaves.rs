//! Which files a node's folder must hold, and what is demanded of each certificate in it.

use crate::harness::Sandbox;
use crate::openssl::{demand, openssl};

/// The two ways of naming files.
pub(super) const LAYOUTS: [&str; 2] = ["kubeadm", "cfssl"];

/// A leaf of a node, as a path below the node's folder.
pub(super) struct Leaf {
    pub(super) cert: String,
    pub(super) key: String,
    /// True where others dial the host that shows it.
    pub(super) is_dialled: bool,
    /// The common name, where it is not the node's.
    pub(super) common_name: Option<&'static str>,
}

/// The leaves of a node; `number` is its place in the cluster, from 1.
pub(super) fn leaves(layout: &str, number: usize) -> [Leaf; 4] {
    let peer = format!("peer{number}");
    let [server, peer, client, apiserver] = match layout {
        "kubeadm" => [
            "etcd/server",
            "etcd/peer",
            "etcd/healthcheck-client",
            "apiserver-etcd-client",
        ],
        _ => ["server", &peer, "client", "apiserver-etcd-client"],
    };
    let leaf = |stem: &str, is_dialled, common_name| {
        let (cert, key) = match layout {
            "kubeadm" => (format!("{stem}.crt"), format!("{stem}.key")),
            _ => (format!("{stem}.pem"), format!("{stem}-key.pem")),
        };
        Leaf {
            cert,
            key,
            is_dialled,
            common_name,
        }
    };
    [
        leaf(server, true, None),
        leaf(peer, true, None),
        leaf(client, false, Some("kube-etcd-healthcheck-client")),
        leaf(apiserver, false, Some("kube-apiserver-etcd-client")),
    ]
}

/// The CA's certificate and key, below the directory it is made in.
pub(super) fn ca(layout: &str) -> (&'static str, &'static str) {
    match layout {
        "kubeadm" => ("etcd/ca.crt", "etcd/ca.key"),
        _ => ("ca.pem", "ca-key.pem"),
    }
}

/// openssl verifies a leaf for all that it is used as, and for nothing else.
pub(super) fn verify(sandbox: &Sandbox, ca: &str, cert: &str, is_dialled: bool) {
    let words = format!("verify -x509_strict -CAfile {ca} -purpose");
    demand(sandbox, &format!("{words} sslclient {cert}"));
    let serves = openssl(sandbox, &format!("{words} sslserver {cert}"));
    assert_eq!(serves.is_good, is_dialled, "{cert}: {}", serves.text);
}

/// Certificate and key are a pair: openssl derives the same public key from both.
pub(super) fn demand_pair(sandbox: &Sandbox, cert: &str, key: &str) {
    let of_cert = demand(sandbox, &format!("x509 -noout -pubkey -in {cert}"));
    let of_key = demand(sandbox, &format!("pkey -pubout -in {key}"));
    assert_eq!(of_cert, of_key, "{cert} and {key} are no pair");
}

/// The line of a certificate that openssl prints for a word such as `-issuer`, without its label.
pub(super) fn field(sandbox: &Sandbox, cert: &str, word: &str) -> String {
    let text = demand(sandbox, &format!("x509 -noout {word} -in {cert}"));
    let (_, value) = text.trim().split_once('=').unwrap();
    value.trim().to_owned()
}
