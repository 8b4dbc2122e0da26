//! How are the fields of one profile read?
//!
//! Invariant: every field of cfssl's `config.SigningProfile` is honoured, kept as the reason to refuse
//! the profile when it is used, or answered with a warning.

use jiff::Timestamp;
use regex::Regex;

use super::csr_template::{backdate, path_len};
use super::der;
use super::profile::{CaConstraint, CsrWhitelist, Profile};
use super::signing_config::Entry;
use super::template::TemplateProblem;
use super::template_fields::{Fields, Read, Reading, check_url};
use super::template_json::Value;
use super::usage::Usages;

const FIELDS: &[&str] = &[
    "usages",
    "issuer_urls",
    "ocsp_url",
    "crl_url",
    "ca_constraint",
    "ocsp_no_check",
    "expiry",
    "backdate",
    "auth_key",
    "copy_extensions",
    "prev_auth_key",
    "remote",
    "not_before",
    "not_after",
    "name_whitelist",
    "auth_remote",
    "ct_log_servers",
    "allowed_extensions",
    "cert_store",
    "lint_error_level",
    "ignored_lints",
    "ignored_lint_sources",
    "Policies",
    "CSRWhitelist",
    "ClientProvidesSerialNumbers",
];

/// Fields whose effect is not offered: the profile is refused when somebody wants to use it.
const REFUSED: &[(&str, &str)] = &[
    (
        "remote",
        "certificates are signed here, by no remote cfssl; remove it",
    ),
    (
        "auth_remote",
        "certificates are signed here, by no remote cfssl; remove it",
    ),
    (
        "ct_log_servers",
        "certificates are sent to no transparency log; remove it",
    ),
    (
        "cert_store",
        "certificates are recorded in no database; remove it",
    ),
    ("lint_error_level", "zlint is not built in; set it to 0"),
    ("ignored_lints", "zlint is not built in; remove it"),
    ("ignored_lint_sources", "zlint is not built in; remove it"),
    (
        "Policies",
        "certificate policies are not written; remove it",
    ),
    (
        "ClientProvidesSerialNumbers",
        "serial numbers are always random; set it to false",
    ),
];

/// Reads a profile, or why it can't be used.
pub(super) fn entry(
    reading: &mut Reading<'_>,
    name: &str,
    value: &Value,
    path: &str,
) -> Read<Entry> {
    let fields = Fields::new(reading, value, path, FIELDS)?;
    let refused = REFUSED
        .iter()
        .find_map(|(key, reason)| fields.refusal(reading, key, reason));
    for key in ["auth_key", "prev_auth_key"] {
        if let Some(value) = fields.value(key).filter(|_| fields.is_set(key)) {
            let note = "has no effect: certificates are signed here, through no API";
            reading.note(value.at, &fields.path(key), note)?;
        }
    }
    let profile = match refused {
        // A remote profile needs neither usages nor expiry, and is not looked at further.
        Some(_) => Profile::blank(name),
        None => profile(reading, name, &fields)?,
    };
    Ok(Entry { profile, refused })
}

fn profile(reading: &mut Reading<'_>, name: &str, fields: &Fields<'_>) -> Read<Profile> {
    let not_before = time(reading, fields, "not_before")?;
    let not_after = time(reading, fields, "not_after")?;
    if let (Some(start), Some(end), Some(value)) =
        (not_before, not_after, fields.value("not_after"))
        && end <= start
    {
        let expected = "a time after not_before";
        return Err(reading.invalid(value, &fields.path("not_after"), expected));
    }
    let Some(expiry) = fields.duration(reading, "expiry")? else {
        let expected = "write a lifetime such as \"8760h\"";
        return Err(reading.missing(fields.at, fields.path("expiry"), expected));
    };
    Ok(Profile {
        name: name.to_owned(),
        usages: usages(reading, fields)?,
        expiry,
        backdate: backdate(reading, fields)?,
        not_before,
        not_after,
        ca: ca_constraint(reading, fields)?,
        issuer_urls: issuer_urls(reading, fields)?,
        ocsp_url: fields.url(reading, "ocsp_url")?,
        crl_url: fields.url(reading, "crl_url")?,
        ocsp_no_check: fields.flag(reading, "ocsp_no_check")?,
        name_whitelist: whitelist(reading, fields)?,
        copy_extensions: fields.flag(reading, "copy_extensions")?,
        allowed_extensions: allowed_extensions(reading, fields)?,
        csr_whitelist: csr_whitelist(reading, fields)?,
    })
}

fn usages(reading: &Reading<'_>, fields: &Fields<'_>) -> Read<Usages> {
    let mut usages = Usages::default();
    for (value, text) in fields.texts(reading, "usages")? {
        usages.add(text).map_err(|error| {
            let (found, expected) = (value.to_string(), error.to_string());
            let expected = match error.nearest {
                Some(nearest) => format!("{nearest:?}"),
                None => expected.rsplit("expected ").next().unwrap_or("").to_owned(),
            };
            let field = fields.path("usages");
            reading.finding(
                value.at,
                TemplateProblem::Invalid {
                    field,
                    found,
                    expected,
                },
            )
        })?;
    }
    Ok(usages)
}

fn time(reading: &Reading<'_>, fields: &Fields<'_>, key: &str) -> Read<Option<Timestamp>> {
    let (Some(value), Some(text)) = (fields.value(key), fields.filled(reading, key)?) else {
        return Ok(None);
    };
    let expected = "a time such as 2030-01-31T00:00:00Z";
    let fail = |_| reading.invalid(value, &fields.path(key), expected);
    text.parse().map(Some).map_err(fail)
}

fn ca_constraint(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Read<Option<CaConstraint>> {
    let Some(value) = fields.value("ca_constraint") else {
        return Ok(None);
    };
    let path = fields.path("ca_constraint");
    let known = ["is_ca", "max_path_len", "max_path_len_zero"];
    let fields = Fields::new(reading, value, &path, &known)?;
    if fields.flag(reading, "is_ca")? {
        let path_len = path_len(reading, &fields, "max_path_len", "max_path_len_zero")?;
        return Ok(Some(CaConstraint { path_len }));
    }
    for key in ["max_path_len", "max_path_len_zero"] {
        if let Some(value) = fields.value(key).filter(|_| fields.is_set(key)) {
            let note = "has no effect without \"is_ca\": true";
            reading.note(value.at, &fields.path(key), note)?;
        }
    }
    Ok(None)
}

fn issuer_urls(reading: &Reading<'_>, fields: &Fields<'_>) -> Read<Vec<String>> {
    let texts = fields.texts(reading, "issuer_urls")?.into_iter();
    texts
        .map(|(value, text)| check_url(reading, value, text, &fields.path("issuer_urls")))
        .collect()
}

fn whitelist(reading: &Reading<'_>, fields: &Fields<'_>) -> Read<Option<Regex>> {
    let key = "name_whitelist";
    let (Some(value), Some(text)) = (fields.value(key), fields.filled(reading, key)?) else {
        return Ok(None);
    };
    Regex::new(text).map(Some).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default();
        let expected = format!("a regular expression ({reason})");
        reading.invalid(value, &fields.path(key), expected)
    })
}

fn allowed_extensions(reading: &Reading<'_>, fields: &Fields<'_>) -> Read<Vec<Vec<u64>>> {
    let texts = fields.texts(reading, "allowed_extensions")?.into_iter();
    texts
        .map(|(value, text)| {
            let field = fields.path("allowed_extensions");
            let expected = "an object identifier such as 1.3.6.1.5.5.7.1.24";
            der::parse_dotted(text).map_err(|_| reading.invalid(value, &field, expected))
        })
        .collect()
}

fn csr_whitelist(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Read<Option<CsrWhitelist>> {
    let Some(value) = fields.value("CSRWhitelist") else {
        return Ok(None);
    };
    let path = fields.path("CSRWhitelist");
    let known = [
        "Subject",
        "PublicKeyAlgorithm",
        "PublicKey",
        "SignatureAlgorithm",
        "DNSNames",
        "IPAddresses",
        "EmailAddresses",
        "URIs",
    ];
    let fields = Fields::new(reading, value, &path, &known)?;
    // The algorithms of key and signature follow from the keys; only their type is checked.
    for key in ["PublicKeyAlgorithm", "SignatureAlgorithm"] {
        fields.flag(reading, key)?;
    }
    let whitelist = CsrWhitelist {
        subject: fields.flag(reading, "Subject")?,
        public_key: fields.flag(reading, "PublicKey")?,
        dns_names: fields.flag(reading, "DNSNames")?,
        ip_addresses: fields.flag(reading, "IPAddresses")?,
        email_addresses: fields.flag(reading, "EmailAddresses")?,
        uris: fields.flag(reading, "URIs")?,
    };
    if !whitelist.public_key {
        let expected = "set it to true: nothing can be issued without the public key";
        return Err(reading.missing(fields.at, fields.path("PublicKey"), expected));
    }
    Ok(Some(whitelist))
}
