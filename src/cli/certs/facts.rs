//! Facts of `pki::inspect` as documents.

use crate::cli::output::json::v1;
use crate::pki::inspect::{
    CertificateFacts, CrlFacts, ExtensionFacts, Item, Material, NameConstraints, PrivateKeyFacts,
    PublicKeyFacts, RequestFacts, SerialNumber, Subtree,
};
use jiff::Timestamp;

/// A block as a document.
pub(super) fn item(source: &str, item: &Item, now: Timestamp) -> v1::CertificateItem {
    let mut out = v1::CertificateItem {
        source: source.to_owned(),
        block: item.place.block,
        line: item.place.line,
        kind: kind(&item.material),
        ..v1::CertificateItem::default()
    };
    match &item.material {
        Material::Certificate(facts) => out.certificate = Some(certificate(facts, now)),
        Material::PrivateKey(facts) => out.private_key = Some(private_key(facts)),
        Material::PublicKey(facts) => out.public_key = Some(public_key(facts)),
        Material::Request(facts) => out.request = Some(request(facts)),
        Material::Crl(facts) => out.crl = Some(crl(facts)),
        Material::Parameters => {}
    }
    out
}

/// The word for a kind of block.
pub(super) fn kind(material: &Material) -> &'static str {
    match material {
        Material::Certificate(_) => "certificate",
        Material::PrivateKey(_) => "private-key",
        Material::PublicKey(_) => "public-key",
        Material::Request(_) => "request",
        Material::Crl(_) => "crl",
        Material::Parameters => "parameters",
    }
}

/// A certificate as a document.
pub(super) fn certificate(facts: &CertificateFacts, now: Timestamp) -> v1::Certificate {
    v1::Certificate {
        subject: facts.subject.text.clone(),
        issuer: facts.issuer.text.clone(),
        serial: facts.serial.to_string(),
        serial_decimal: facts.serial.decimal(),
        not_before: facts.not_before,
        not_after: facts.not_after,
        days_left: facts.days_left(now),
        self_signed: facts.self_signed,
        public_key: public_key(&facts.public_key),
        signature_algorithm: facts.signature.algorithm.to_string(),
        sha256: facts.fingerprint.to_string(),
        extensions: extensions(&facts.extensions),
    }
}

fn extensions(facts: &ExtensionFacts) -> v1::Extensions {
    let usages = facts.key_usage.as_ref();
    let texts = |usages: &Vec<&'static str>| usages.iter().map(ToString::to_string).collect();
    let subtrees = |side: fn(&NameConstraints) -> &Vec<Subtree>| {
        let subtrees = facts.name_constraints.iter().flat_map(side);
        subtrees.map(ToString::to_string).collect()
    };
    v1::Extensions {
        names: v1::Names {
            dns: facts.names.dns.clone(),
            ip: facts.names.ip.clone(),
            email: facts.names.email.clone(),
            uri: facts.names.uri.clone(),
            other: facts.names.other.clone(),
        },
        key_usage: usages.map(texts),
        extended_key_usage: facts.extended_key_usage.clone(),
        ca: facts.basic_constraints.is_some_and(|it| it.ca),
        path_len: facts.basic_constraints.and_then(|it| it.path_len),
        subject_key_id: facts.subject_key_id.as_ref().map(ToString::to_string),
        authority_key_id: facts.authority_key_id.as_ref().map(ToString::to_string),
        permitted_names: subtrees(|it| &it.permitted),
        excluded_names: subtrees(|it| &it.excluded),
        unknown_critical: facts.unknown_critical.clone(),
    }
}

fn public_key(facts: &PublicKeyFacts) -> v1::PublicKey {
    v1::PublicKey {
        algorithm: facts.algorithm.to_string(),
        bits: facts.bits,
    }
}

fn private_key(facts: &PrivateKeyFacts) -> v1::PrivateKey {
    v1::PrivateKey {
        encoding: facts.encoding.to_string(),
        encrypted: facts.encrypted,
        public_key: facts.public_key.as_ref().map(public_key),
    }
}

fn request(facts: &RequestFacts) -> v1::CertificateRequest {
    v1::CertificateRequest {
        subject: facts.subject.text.clone(),
        public_key: public_key(&facts.public_key),
        signature_algorithm: facts.signature.algorithm.to_string(),
        signature_valid: facts.verify().is_ok(),
        extensions: extensions(&facts.extensions),
    }
}

fn crl(facts: &CrlFacts) -> v1::RevocationList {
    let revoked = facts.revoked.iter().map(|entry| v1::Revoked {
        serial: entry.serial.to_string(),
        revoked_at: entry.revoked_at,
        reason: entry.reason.map(str::to_owned),
    });
    v1::RevocationList {
        issuer: facts.issuer.text.clone(),
        number: facts.number.as_ref().map(SerialNumber::decimal),
        this_update: facts.this_update,
        next_update: facts.next_update,
        signature_algorithm: facts.signature.algorithm.to_string(),
        revoked: revoked.collect(),
    }
}
