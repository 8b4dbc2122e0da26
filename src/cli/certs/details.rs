//! One block in full, for a person: a line for each fact.

use std::fmt::Display;

use jiff::Timestamp;

use crate::cli::output::{Page, Tone, clean};
use crate::ops::cluster_status::WARN_DAYS;
use crate::pki::inspect::{
    CertificateFacts, CrlFacts, ExtensionFacts, Item, Lifetime, Material, RequestFacts,
    SerialNumber,
};

/// Width of the column of labels.
const LABEL: usize = 16;

/// Revocations shown one by one; longer lists are for programs.
const MAX_REVOKED: usize = 20;

/// Draws a block under a title.
pub(super) fn details(page: &mut Page, title: &str, item: &Item, now: Timestamp) {
    page.line(Tone::Strong.paint(title));
    match &item.material {
        Material::Certificate(facts) => certificate(page, facts, now),
        Material::PrivateKey(facts) => {
            fact(page, "key", facts);
            fact(page, "encoding", facts.encoding);
        }
        Material::PublicKey(facts) => fact(page, "key", facts),
        Material::Request(facts) => request(page, facts),
        Material::Crl(facts) => crl(page, facts, now),
        Material::Parameters => {}
    }
}

fn fact(page: &mut Page, label: &str, value: impl Display) {
    let value = value.to_string();
    let value = match value.as_str() {
        "" => "-".into(),
        value => clean(value),
    };
    page.line(format!("  {label:<LABEL$}{value}"));
}

/// As [`fact`], for a value that is painted already.
fn painted(page: &mut Page, label: &str, value: &str) {
    page.line(format!("  {label:<LABEL$}{value}"));
}

fn certificate(page: &mut Page, facts: &CertificateFacts, now: Timestamp) {
    fact(page, "subject", &facts.subject.text);
    let self_signed = if facts.self_signed {
        "  (self-signed)"
    } else {
        ""
    };
    fact(
        page,
        "issuer",
        format!("{}{self_signed}", facts.issuer.text),
    );
    extensions(page, &facts.extensions);
    fact(page, "valid from", facts.not_before);
    let until = format!("{}  {}", facts.not_after, left(facts, now));
    painted(page, "valid until", &until);
    fact(page, "key", &facts.public_key);
    fact(page, "signed with", &facts.signature.algorithm);
    fact(page, "serial", &facts.serial);
    if page.is_wide() {
        fact(page, "", facts.serial.decimal());
    }
    fact(page, "key id", list(&facts.extensions.subject_key_id, ""));
    fact(
        page,
        "issuer key id",
        list(&facts.extensions.authority_key_id, ""),
    );
    fact(page, "sha256", &facts.fingerprint);
}

fn extensions(page: &mut Page, facts: &ExtensionFacts) {
    fact(page, "names", names(facts));
    fact(
        page,
        "key usage",
        list(facts.key_usage.iter().flatten(), ", "),
    );
    fact(
        page,
        "extended usage",
        list(facts.extended_key_usage.iter().flatten(), ", "),
    );
    let ca = match facts.basic_constraints {
        Some(it) if it.ca => match it.path_len {
            Some(limit) => format!("yes, at most {limit} intermediate CAs below it"),
            None => "yes".to_owned(),
        },
        _ => "no".to_owned(),
    };
    fact(page, "CA", ca);
    if let Some(constraints) = &facts.name_constraints {
        fact(page, "may sign for", list(&constraints.permitted, " "));
        fact(page, "but not for", list(&constraints.excluded, " "));
    }
    if !facts.unknown_critical.is_empty() {
        fact(page, "unknown", list(&facts.unknown_critical, " "));
    }
}

/// All names; an empty one must not vanish between two others.
pub(super) fn names(facts: &ExtensionFacts) -> String {
    let shown = |name: String| match name.as_str() {
        "" => "\"\"".to_owned(),
        _ => name,
    };
    list(facts.names.iter().map(shown), " ")
}

fn request(page: &mut Page, facts: &RequestFacts) {
    fact(page, "subject", &facts.subject.text);
    extensions(page, &facts.extensions);
    fact(page, "key", &facts.public_key);
    fact(page, "signed with", &facts.signature.algorithm);
    match facts.verify() {
        Ok(()) => fact(page, "signature", "made with its own key"),
        Err(fault) => painted(page, "signature", &Tone::Bad.paint(&fault.to_string())),
    }
}

fn crl(page: &mut Page, facts: &CrlFacts, now: Timestamp) {
    fact(page, "issuer", &facts.issuer.text);
    let number = facts.number.as_ref().map(SerialNumber::decimal);
    fact(page, "number", list(&number, ""));
    fact(page, "made", facts.this_update);
    let next = list(facts.next_update, "");
    match facts.is_stale(now) {
        true => painted(
            page,
            "next due",
            &Tone::Bad.paint(&format!("{next}  overdue")),
        ),
        false => fact(page, "next due", next),
    }
    fact(page, "signed with", &facts.signature.algorithm);
    fact(
        page,
        "revoked",
        format!("{} certificates", facts.revoked.len()),
    );
    for entry in facts.revoked.iter().take(MAX_REVOKED) {
        let reason = entry.reason.unwrap_or("no reason given");
        fact(
            page,
            "",
            format!("{}  {}  {reason}", entry.serial, entry.revoked_at),
        );
    }
    if facts.revoked.len() > MAX_REVOKED {
        fact(page, "", "… all of them: -o json");
    }
}

/// Joins values.
pub(super) fn list<T: Display>(values: impl IntoIterator<Item = T>, between: &str) -> String {
    let texts: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    texts.join(between)
}

/// `364d`, `expired 3d ago`, `not yet`, `no end`; painted where somebody should look.
pub(super) fn left(facts: &CertificateFacts, now: Timestamp) -> String {
    match facts.lifetime(now) {
        Lifetime::NotYetValid => Tone::Bad.paint("not yet"),
        Lifetime::Expired { days_ago } => Tone::Bad.paint(&format!("expired {days_ago}d ago")),
        Lifetime::Valid { .. } if facts.not_after.as_second() == Timestamp::MAX.as_second() => {
            "no end".to_owned()
        }
        Lifetime::Valid { days_left } if days_left < WARN_DAYS => {
            Tone::Warn.paint(&format!("{days_left}d"))
        }
        Lifetime::Valid { days_left } => format!("{days_left}d"),
    }
}
