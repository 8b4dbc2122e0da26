//! Is each certificate signed by a trusted CA and fit for its use?

use super::finding::Findings;
use super::names;
use super::pairs::{Held, Node};
use super::rule::Rule;
use super::tree::PairUse;
use crate::pki::inspect::{
    CertificateFacts, DIGITAL_SIGNATURE, SERVER_AUTH, Why, broken_constraint, chain_to,
    other_key_id, signed_by,
};

const REISSUE: &str = "issue it anew: etcdha certs renew";

/// Runs the rules on everything that is no CA.
pub(super) fn check(node: &Node<'_>, trusted: &[CertificateFacts], findings: &mut Findings) {
    let all = node.certificates();
    for held in &all {
        match held.used_as {
            Some(PairUse::Ca) => {}
            Some(used_as) if held.is_first => {
                trust(held, trusted, findings);
                usage(held, used_as, findings);
                names::check(node, held, used_as, findings);
            }
            Some(_) => {}
            None => issuer(held, &all, trusted, findings),
        }
    }
}

/// Whether the chain leads to a trusted CA, and every CA on it allows what stands below.
fn trust(held: &Held<'_>, trusted: &[CertificateFacts], findings: &mut Findings) {
    // Without a CA there is nothing to hold it against; that the CA is missing is reported already.
    if trusted.is_empty() {
        return;
    }
    let leaf = held.facts;
    let chain = match chain_to(leaf, &held.following, trusted) {
        Ok(chain) => chain,
        Err(reasons) => return untrusted(held, &reasons, findings),
    };
    let Some(issuer) = chain.first() else {
        return;
    };
    if let Some(why) = other_key_id(leaf, issuer) {
        let message = format!("{why}; etcd accepts that, openssl does not");
        findings.warning(Rule::KeyIdMismatch, held.at, message, REISSUE.to_owned());
    }
    for (below, ca) in chain.iter().enumerate() {
        if let Some(limit) = ca.path_len().filter(|limit| below > *limit as usize) {
            let message = format!(
                "{below} intermediate CAs stand below {}, which allows {limit}",
                ca.subject.text
            );
            let fix = "issue the leaf from a CA that is nearer to the root".to_owned();
            findings.error(Rule::PathLength, held.at, message, fix);
        }
        if let Some(broken) = broken_constraint(ca, &leaf.extensions.names) {
            let message = format!("{} does not allow its name {broken}", ca.subject.text);
            let fix = "leave the name out, or use a CA without name constraints".to_owned();
            findings.error(Rule::NameConstraint, held.at, message, fix);
        }
    }
    let first_to_end = chain.iter().min_by_key(|ca| ca.not_after);
    if let Some(ca) = first_to_end.filter(|ca| ca.not_after < leaf.not_after) {
        let message = format!(
            "it is valid until {}, its CA {} only until {}",
            names::date(leaf.not_after),
            ca.subject.text,
            names::date(ca.not_after)
        );
        let fix = "plan the CA's rotation for the earlier date".to_owned();
        findings.warning(Rule::OutlivesCa, held.at, message, fix);
    }
}

fn untrusted(held: &Held<'_>, reasons: &[Why], findings: &mut Findings) {
    let same_name = reasons
        .iter()
        .find(|why| matches!(why, Why::OtherKey { .. }));
    let looks_the_same = reasons
        .iter()
        .any(|why| matches!(why, Why::OtherName { issuer, ca } if issuer == ca));
    let unverifiable = reasons
        .iter()
        .find(|why| matches!(why, Why::Unverifiable { .. }));
    if let Some(why) = same_name {
        let message = why.to_string();
        let fix =
            "put the CA that signed it in the trust bundle, or issue it anew: etcdha certs renew";
        findings.error(Rule::WrongCaSameName, held.at, message, fix.to_owned());
    } else if looks_the_same {
        // Tools differ in the string types they write; Go, and so etcd, compares bytes.
        let message = format!(
            "its issuer {:?} reads like a trusted CA and is written in other bytes: to etcd that is \
             another CA",
            held.facts.issuer.text
        );
        findings.error(Rule::WrongCaSameName, held.at, message, REISSUE.to_owned());
    } else if let Some(why) = unverifiable {
        findings.error(
            Rule::Unverifiable,
            held.at,
            why.to_string(),
            REISSUE.to_owned(),
        );
    } else {
        let names = reasons.iter().filter_map(|why| match why {
            Why::OtherName { ca, .. } => Some(format!("{ca:?}")),
            _ => None,
        });
        let message = format!(
            "its issuer is {:?}, trusted is {}",
            held.facts.issuer.text,
            names.collect::<Vec<_>>().join(", ")
        );
        findings.error(Rule::NotSignedByCa, held.at, message, REISSUE.to_owned());
    }
}

/// Whether the certificate is allowed to do what it is there for, and no more.
fn usage(held: &Held<'_>, used_as: PairUse, findings: &mut Findings) {
    let facts = held.facts;
    if facts.is_ca() {
        let message = format!(
            "the {used_as} certificate is a CA: whoever holds its key can issue certificates"
        );
        findings.error(Rule::LeafIsCa, held.at, message, REISSUE.to_owned());
    }
    let missing: Vec<&str> = used_as
        .usages()
        .iter()
        .copied()
        .filter(|usage| !facts.extensions.allows_extended(usage))
        .collect();
    let found = match facts.extensions.extended_key_usage.as_deref() {
        None => "none".to_owned(),
        Some(list) => list.join(", "),
    };
    if !missing.is_empty() {
        let reason = match used_as {
            PairUse::Server => ", because etcd's gRPC gateway dials its own listener with it",
            PairUse::Peer => ", because a member both dials and is dialled",
            PairUse::Client | PairUse::Ca => "",
        };
        let message = format!(
            "its extended key usage is {found}, a {used_as} certificate needs {}{reason}",
            used_as.usages().join(" and ")
        );
        findings.error(Rule::MissingUsage, held.at, message, REISSUE.to_owned());
    }
    let says_server = facts
        .extensions
        .extended_key_usage
        .as_ref()
        .is_some_and(|_| facts.extensions.allows_extended(SERVER_AUTH));
    if used_as == PairUse::Client && says_server {
        let message = format!(
            "its extended key usage is {found}: a client certificate needs client auth only, with \
             this one a client can pose as a server"
        );
        findings.warning(Rule::NeedlessUsage, held.at, message, REISSUE.to_owned());
    }
    if !facts.extensions.allows_key_usage(DIGITAL_SIGNATURE) {
        let found = facts
            .extensions
            .key_usage
            .as_deref()
            .unwrap_or_default()
            .join(", ");
        let message = format!("its key usage is {found}, expected digital signature among them");
        findings.warning(Rule::KeyUsage, held.at, message, REISSUE.to_owned());
    }
}

/// For certificates of unknown use: whether any CA at hand signed it.
fn issuer(
    held: &Held<'_>,
    all: &[Held<'_>],
    trusted: &[CertificateFacts],
    findings: &mut Findings,
) {
    if held.facts.self_signed && held.facts.is_ca() {
        return;
    }
    let around = all
        .iter()
        .map(|other| other.facts)
        .filter(|other| other.is_ca());
    let mut signs = around.chain(trusted).map(|ca| signed_by(held.facts, ca));
    if !signs.any(|signed| {
        matches!(
            signed,
            Ok(()) | Err(Why::OtherKeyId { .. } | Why::Unverifiable { .. })
        )
    }) {
        let message = format!(
            "no CA in the tree signed it; its issuer is {:?}",
            held.facts.issuer.text
        );
        let fix = "put its CA beside it, or remove it if nothing uses it".to_owned();
        findings.warning(Rule::NotSignedByCa, held.at, message, fix);
    }
}
