//! May the trusted CAs do what is asked of them?
//!
//! Go, and so etcd, takes whatever stands in the trust bundle as a root, but then holds each chain
//! against what the CA says of itself: that it is one, its key usage, its extended key usage.

use super::finding::Findings;
use super::pairs::{Held, Node};
use super::rule::Rule;
use crate::pki::inspect::{CERT_SIGN, CLIENT_AUTH, SERVER_AUTH};

/// Runs the rules on the CA's files.
pub(super) fn check(node: &Node<'_>, findings: &mut Findings) {
    for held in node.authorities() {
        authority(&held, findings);
    }
}

fn authority(held: &Held<'_>, findings: &mut Findings) {
    let ca = held.facts;
    let new_ca = || "put the CA that signs etcd's certificates in its place".to_owned();
    if !ca.is_ca() {
        let found = match (ca.version, ca.extensions.basic_constraints) {
            (3, None) => "no basic constraints".to_owned(),
            (3, Some(_)) => "CA:FALSE".to_owned(),
            (version, _) => format!("a certificate of version {version}"),
        };
        let message = format!("{}: found {found}, expected CA:TRUE", ca.subject.text);
        return findings.error(Rule::NotACa, held.at, message, new_ca());
    }
    if !ca.extensions.allows_key_usage(CERT_SIGN) {
        let found = ca
            .extensions
            .key_usage
            .as_deref()
            .unwrap_or_default()
            .join(", ");
        let message = format!("its key usage is {found}, expected cert sign among them");
        findings.error(Rule::CaWithoutCertSign, held.at, message, new_ca());
    }
    let missing: Vec<&str> = [SERVER_AUTH, CLIENT_AUTH]
        .into_iter()
        .filter(|usage| !ca.extensions.allows_extended(usage))
        .collect();
    if !missing.is_empty() {
        let found = ca
            .extensions
            .extended_key_usage
            .as_deref()
            .unwrap_or_default()
            .join(", ");
        let message = format!(
            "its extended key usage ({found}) bars its leaves from {}",
            missing.join(" and ")
        );
        let fix = "use a CA without extended key usage".to_owned();
        findings.error(Rule::CaUsage, held.at, message, fix);
    }
}
