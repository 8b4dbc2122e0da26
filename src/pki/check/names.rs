//! Does a server or peer certificate carry every name under which it is dialled?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;

use super::finding::{Findings, Severity};
use super::pairs::{Held, Node};
use super::rule::Rule;
use super::tree::PairUse;
use crate::model::Host;
use crate::pki::inspect::covers;

const REISSUE: &str = "issue it anew with the names of the cluster file: etcdha certs renew";

/// Runs the rules on names.
pub(super) fn check(node: &Node<'_>, held: &Held<'_>, used_as: PairUse, findings: &mut Findings) {
    if !used_as.is_dialled() {
        return;
    }
    let names = &held.facts.extensions.names;
    if names.dns.is_empty() && names.ip.is_empty() {
        let message = format!(
            "the {used_as} certificate carries no DNS name or address; the common name does not count"
        );
        return findings.error(Rule::NoNames, held.at, message, REISSUE.to_owned());
    }
    addresses(node, held, used_as, findings);
    dns_names(node, held, findings);
    loopbacks(node, held, used_as, findings);
}

fn found(held: &Held<'_>) -> String {
    let names: Vec<String> = held.facts.extensions.names.iter().collect();
    names.join(" ")
}

fn addresses(node: &Node<'_>, held: &Held<'_>, used_as: PairUse, findings: &mut Findings) {
    for (index, address) in node.tree.addresses.iter().enumerate() {
        if covers(held.facts, &Host::Ip(*address)) {
            continue;
        }
        let what = if index == 0 {
            "the advertised address "
        } else {
            ""
        };
        let text = address.to_string();
        let dns = &held.facts.extensions.names.dns;
        let among_names = if dns.contains(&text) {
            "; it stands among the DNS names, where it does not count"
        } else {
            ""
        };
        let message = format!(
            "the {used_as} certificate lacks {what}{address}, found {}{among_names}",
            found(held)
        );
        findings.error(Rule::MissingAddress, held.at, message, REISSUE.to_owned());
    }
}

fn dns_names(node: &Node<'_>, held: &Held<'_>, findings: &mut Findings) {
    let mut missing = |severity, name: &str| {
        let host = name.parse::<Host>();
        if host.is_ok_and(|host| !covers(held.facts, &host)) {
            let message = format!("it lacks the name {name}, found {}", found(held));
            findings.push(
                severity,
                Rule::MissingName,
                held.at,
                message,
                REISSUE.to_owned(),
            );
        }
    };
    if let Some(node) = &node.tree.node {
        missing(Severity::Warning, node.as_str());
    }
    let pairs = node.tree.expected.iter();
    let pair = pairs.filter(|pair| pair.cert == held.at.path);
    for name in pair.flat_map(|pair| &pair.extra_names) {
        missing(Severity::Error, name);
    }
}

/// The apiserver beside a member, and probes, dial the loopback address of the node's family.
fn loopbacks(node: &Node<'_>, held: &Held<'_>, used_as: PairUse, findings: &mut Findings) {
    let v6_only =
        !node.tree.addresses.is_empty() && node.tree.addresses.iter().all(IpAddr::is_ipv6);
    let (v4, v6) = (
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    );
    let dialled = if v6_only { v6 } else { v4 };
    let hosts = [
        Host::Dns("localhost".to_owned()),
        Host::Ip(v4),
        Host::Ip(v6),
    ];
    let missing: Vec<&Host> = hosts
        .iter()
        .filter(|host| !covers(held.facts, host))
        .collect();
    if missing.is_empty() {
        return;
    }
    let (severity, reason) = if used_as == PairUse::Server && missing.contains(&&Host::Ip(dialled))
    {
        (
            Severity::Error,
            format!("; the apiserver on the node dials {dialled}"),
        )
    } else {
        (Severity::Warning, String::new())
    };
    let text = |host: &&Host| match host {
        Host::Ip(ip) => ip.to_string(),
        Host::Dns(name) => name.clone(),
    };
    let list: Vec<String> = missing.iter().map(text).collect();
    let message = format!(
        "it lacks {}, found {}{reason}",
        list.join(" and "),
        found(held)
    );
    findings.push(
        severity,
        Rule::MissingLoopback,
        held.at,
        message,
        REISSUE.to_owned(),
    );
}

/// The day of an instant, in UTC.
pub(super) fn date(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}
