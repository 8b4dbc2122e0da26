//! Do the certificates of one node and of all nodes get along with each other?

use std::collections::BTreeSet;

use super::finding::{At, Findings};
use super::pairs::{Held, Node};
use super::rule::Rule;
use super::tree::{CheckRequest, PairUse};
use crate::model::NodeName;
use crate::pki::inspect::{CertificateFacts, key_matches};

/// Runs the rules that compare.
pub(super) fn check(nodes: &[Node<'_>], request: &CheckRequest) -> Findings {
    let mut findings = Findings::default();
    let all: Vec<Held<'_>> = nodes.iter().flat_map(Node::certificates).collect();
    for (index, held) in all.iter().enumerate() {
        duplicates(held, &all[..index], &mut findings);
        shared_by_nodes(held, &all[..index], &mut findings);
    }
    cas_differ(nodes, request, &mut findings);
    for node in nodes {
        ca_key(node, request, &mut findings);
    }
    findings
}

fn place(at: At<'_>) -> String {
    match at.node {
        Some(node) => format!("{node}:{}", at.path.display()),
        None => at.path.display().to_string(),
    }
}

/// Serial numbers and keys that two different certificates share.
fn duplicates(held: &Held<'_>, earlier: &[Held<'_>], findings: &mut Findings) {
    let facts = held.facts;
    // A copy of a certificate that was met before was compared there.
    if earlier.iter().any(|other| other.facts.der == facts.der) {
        return;
    }
    let same_serial = earlier.iter().find(|other| {
        other.facts.serial == facts.serial && other.facts.issuer.der == facts.issuer.der
    });
    if let Some(other) = same_serial {
        let message = format!(
            "serial {} of {} is also that of {}: revoking one revokes both",
            facts.serial,
            facts.issuer.text,
            place(other.at)
        );
        let fix = "issue one of them anew: etcdha certs renew".to_owned();
        findings.warning(Rule::DuplicateSerial, held.at, message, fix);
    }
    // A CA that was renewed keeps its key on purpose.
    let same_key = earlier.iter().find(|other| {
        other.facts.public_key.same_key(&facts.public_key)
            && !(other.facts.is_ca() && facts.is_ca())
    });
    if let Some(other) = same_key {
        let message = format!(
            "its key is also that of {}: who steals one has both",
            place(other.at)
        );
        let fix = "issue one of them anew with a key of its own: etcdha certs renew".to_owned();
        findings.warning(Rule::SharedKey, held.at, message, fix);
    }
}

/// The same server or peer certificate on two nodes.
fn shared_by_nodes(held: &Held<'_>, earlier: &[Held<'_>], findings: &mut Findings) {
    let dialled = |held: &Held<'_>| held.used_as.is_some_and(PairUse::is_dialled);
    if !dialled(held) || !held.is_first {
        return;
    }
    let same = earlier.iter().find(|other| {
        other.at.node != held.at.node && dialled(other) && other.facts.der == held.facts.der
    });
    if let Some(other) = same {
        let message = format!("{} is the same certificate and key", place(other.at));
        let fix = "give every node a pair of its own: etcdha certs renew".to_owned();
        findings.warning(Rule::SharedByNodes, held.at, message, fix);
    }
}

/// Who a CA is: its name and its key. A CA that was renewed is still the same one.
fn identities<'a>(
    cas: impl IntoIterator<Item = &'a CertificateFacts>,
) -> BTreeSet<(&'a [u8], &'a [u8])> {
    let identity = |ca: &'a CertificateFacts| (&*ca.subject.der, &*ca.public_key.key);
    cas.into_iter().map(identity).collect()
}

/// What the CA files of the nodes are compared with.
struct Reference<'a> {
    identities: BTreeSet<(&'a [u8], &'a [u8])>,
    name: String,
}

/// Every node must trust the same CAs: those given, or else those of the first node that has some.
fn cas_differ(nodes: &[Node<'_>], request: &CheckRequest, findings: &mut Findings) {
    let held: Vec<Vec<Held<'_>>> = nodes.iter().map(Node::authorities).collect();
    let mut reference = (!request.trusted.is_empty()).then(|| Reference {
        identities: identities(&request.trusted),
        name: "the trust bundle given".to_owned(),
    });
    for (node, held) in nodes.iter().zip(&held) {
        let Some(first) = held.first() else {
            continue;
        };
        let own = identities(held.iter().map(|held| held.facts));
        let Some(reference) = &reference else {
            let name = node
                .tree
                .node
                .as_ref()
                .map_or("the first tree", NodeName::as_str);
            reference = Some(Reference {
                identities: own,
                name: name.to_owned(),
            });
            continue;
        };
        if own != reference.identities {
            let message = format!(
                "the CA is {} (sha256 {}), not that of {}",
                first.facts.subject.text,
                first
                    .facts
                    .fingerprint
                    .to_string()
                    .chars()
                    .take(16)
                    .collect::<String>(),
                reference.name
            );
            let fix = "put one and the same CA file on every node".to_owned();
            let at = node.at(first.at.path, None);
            findings.error(Rule::CaDiffers, at, message, fix);
        }
    }
}

/// The private key of etcd's CA on a node that need not have it, under whatever name.
fn ca_key(node: &Node<'_>, request: &CheckRequest, findings: &mut Findings) {
    if node.tree.keeps_ca_key {
        return;
    }
    let cas = node.trusted(request);
    let is_ca_path = |path: &std::path::Path| {
        let mut pairs = node.tree.expected.iter();
        pairs.any(|pair| pair.used_as == PairUse::Ca && pair.key == path)
    };
    for (path, key) in node.private_keys() {
        let is_ca_key = cas.iter().any(|ca| key_matches(ca, key) == Some(true));
        if is_ca_key || is_ca_path(path) {
            let message = "the CA's private key lies here: who takes this host can issue \
                           certificates for the whole cluster";
            let fix = format!(
                "keep it where certificates are made, and remove {}",
                path.display()
            );
            let at = node.at(path, None);
            findings.warning(Rule::CaKeyOnNode, at, message.to_owned(), fix);
        }
    }
}
