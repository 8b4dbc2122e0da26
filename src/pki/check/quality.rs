//! Is what stands in each certificate and CRL sound and in force, whatever it is used for?

use super::finding::{At, Findings};
use super::names::date;
use super::pairs::{Held, Node};
use super::rule::Rule;
use super::tree::CheckRequest;
use crate::pki::inspect::{
    Contents, CrlFacts, Curve, ExtensionFacts, KeyFamily, Lifetime, Material,
};

/// Shortest RSA key that NIST (SP 800-57) and the CA/Browser Forum accept; etcd itself takes less.
const MIN_RSA_BITS: usize = 2048;

/// Runs the rules on every certificate, request and revocation list.
pub(super) fn check(node: &Node<'_>, request: &CheckRequest, findings: &mut Findings) {
    let crls: Vec<(At<'_>, &CrlFacts)> = crls(node);
    for held in node.certificates() {
        lifetime(&held, request, findings);
        strength(&held, findings);
        dns_names(held.at, &held.facts.extensions, findings);
        if !held.facts.extensions.unknown_critical.is_empty() {
            let message = format!(
                "it carries a critical extension that etcd's TLS library does not know: {}",
                held.facts.extensions.unknown_critical.join(", ")
            );
            let fix = "issue it anew without that extension".to_owned();
            findings.error(Rule::UnknownCritical, held.at, message, fix);
        }
        revoked(&held, &crls, findings);
    }
    for (at, crl) in crls {
        if crl.is_stale(request.now) {
            let next = crl.next_update.map(date).unwrap_or_default();
            let message = format!("the next CRL was due on {next}");
            let fix = "make a new one: etcdha certs revoke".to_owned();
            findings.warning(Rule::StaleCrl, at, message, fix);
        }
    }
    for parsed in &node.files {
        let items = parsed.contents.iter().flat_map(Contents::readable);
        for item in items {
            if let Material::Request(facts) = &item.material {
                let at = node.at(&parsed.file.path, None);
                dns_names(at, &facts.extensions, findings);
            }
        }
    }
}

fn crls<'a>(node: &'a Node<'_>) -> Vec<(At<'a>, &'a CrlFacts)> {
    let with_path = |parsed: &'a super::pairs::Parsed<'_>| {
        let at = node.at(&parsed.file.path, None);
        let contents = parsed.contents.iter();
        contents.flat_map(move |contents| contents.crls().map(move |crl| (at, crl)))
    };
    node.files.iter().flat_map(with_path).collect()
}

fn lifetime(held: &Held<'_>, request: &CheckRequest, findings: &mut Findings) {
    let facts = held.facts;
    let renew = if facts.is_ca() {
        "rotate the CA: trust old and new, reissue all leaves, then drop the old one"
    } else {
        "etcdha certs renew"
    };
    let until = date(facts.not_after);
    match facts.lifetime(request.now) {
        Lifetime::NotYetValid => {
            let message = format!(
                "it is valid from {}, and now it is {}",
                facts.not_before, request.now
            );
            let fix = "correct this host's clock, or wait".to_owned();
            findings.error(Rule::NotYetValid, held.at, message, fix);
        }
        Lifetime::Expired { days_ago } => {
            let message = format!("it expired on {until}, {} ago", days(days_ago));
            findings.error(Rule::Expired, held.at, message, renew.to_owned());
        }
        Lifetime::Valid { days_left } if days_left < request.warn_days => {
            let message = format!("it expires on {until}, in {}", days(days_left));
            findings.warning(Rule::ExpiresSoon, held.at, message, renew.to_owned());
        }
        Lifetime::Valid { .. } => {}
    }
}

fn days(count: i64) -> String {
    match count {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        count => format!("{count} days"),
    }
}

fn strength(held: &Held<'_>, findings: &mut Findings) {
    let facts = held.facts;
    let key = &facts.public_key;
    let reissue = || "issue it anew with ECDSA P-256 or RSA 2048: etcdha certs renew".to_owned();
    match (&key.algorithm, key.bits) {
        (KeyFamily::Rsa, Some(bits)) if bits < MIN_RSA_BITS => {
            let message =
                format!("its key is RSA with {bits} bits, expected {MIN_RSA_BITS} at least");
            findings.error(Rule::WeakKey, held.at, message, reissue());
        }
        (KeyFamily::Other(_) | KeyFamily::Ecdsa(Curve::Other(_)), _) => {
            let message = format!(
                "its key is {key}, expected RSA, ECDSA on P-256, P-384 or P-521, or Ed25519"
            );
            findings.error(Rule::UnusableKey, held.at, message, reissue());
        }
        _ => {}
    }
    let algorithm = &facts.signature.algorithm;
    if algorithm.is_weak() {
        // Nobody verifies the signature of a root on itself.
        let message = format!("it is signed by {algorithm}, expected SHA-256 or better");
        if facts.self_signed && facts.is_ca() {
            let fix = "replace the CA at its next rotation".to_owned();
            findings.warning(Rule::WeakSignature, held.at, message, fix);
        } else {
            findings.error(Rule::WeakSignature, held.at, message, reissue());
        }
    }
}

/// DNS names that are none. Go 1.24.8 and 1.25.2 began to refuse a whole certificate because of
/// one; releases before them just never match it.
fn dns_names(at: At<'_>, extensions: &ExtensionFacts, findings: &mut Findings) {
    const REFUSED: &str =
        "etcd and Kubernetes built with Go 1.24.8 or later refuse the whole certificate";
    let names = &extensions.names.dns;
    if names.iter().any(|name| name.trim().is_empty()) {
        let message =
            format!("one of its DNS names is empty, \"\" stood among the hosts: {REFUSED}");
        let fix = "remove \"\" from hosts and issue it anew: etcdha certs renew".to_owned();
        findings.error(Rule::EmptyName, at, message, fix);
    }
    let malformed = |name: &&String| {
        let bare = name.strip_suffix('.').unwrap_or(name);
        let is_label = |label: &str| (1..=63).contains(&label.len());
        !name.trim().is_empty() && (bare.len() > 253 || !bare.split('.').all(is_label))
    };
    for name in names.iter().filter(malformed) {
        let message = format!(
            "its DNS name {name:?} is none, expected labels of 1 to 63 characters between dots: \
             {REFUSED}"
        );
        let fix = "correct it in hosts and issue it anew: etcdha certs renew".to_owned();
        findings.error(Rule::MalformedName, at, message, fix);
    }
}

fn revoked(held: &Held<'_>, crls: &[(At<'_>, &CrlFacts)], findings: &mut Findings) {
    for (at, crl) in crls {
        let Some(entry) = crl.revocation_of(&held.facts.serial) else {
            continue;
        };
        let reason = entry
            .reason
            .map(|reason| format!(" ({reason})"))
            .unwrap_or_default();
        let whose = if crl.issuer.der == held.facts.issuer.der {
            String::new()
        } else {
            format!(
                ", a list of another CA ({}), but etcd compares serial numbers only",
                crl.issuer.text
            )
        };
        let message = format!(
            "serial {} was revoked on {}{reason} by {}{whose}",
            entry.serial,
            date(entry.revoked_at),
            at.path.display()
        );
        let fix = "issue a new one: etcdha certs renew".to_owned();
        findings.error(Rule::Revoked, held.at, message, fix);
    }
}
