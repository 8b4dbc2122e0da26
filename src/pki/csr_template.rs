//! What does a cfssl CSR file (`*-csr.json`) ask for?
//!
//! Invariant: every field of cfssl's `csr.CertificateRequest` is honoured, refused by name, or
//! answered with a warning that says what becomes of it.

use jiff::SignedDuration;

use super::der;
use super::names::{Subject, SubjectEntry};
use super::san::{San, distinct_sans};
use super::template::{Parsed, Strictness};
use super::template_fields::{Fields, Read, Reading, join};
use super::template_json::{Node, Value};
use crate::model::KeyAlgorithm;

/// Five years, cfssl's default for a CA.
const CA_EXPIRY: SignedDuration = SignedDuration::from_hours(43_800);

/// How far before now certificates begin unless a template says otherwise, as in cfssl.
pub(crate) const BACKDATE: SignedDuration = SignedDuration::from_mins(5);

/// What a CSR file is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateUse {
    /// A self-signed CA, as `cfssl gencert -initca` makes one.
    Ca,
    /// Any other certificate: a `ca` section is an error, as in cfssl.
    Leaf,
}

/// A cfssl CSR file.
#[derive(Clone, Debug, PartialEq)]
pub struct CsrTemplate {
    /// `CN`, `serialnumber` and `names`.
    pub subject: Subject,
    /// `hosts`, in order, each once.
    pub hosts: Vec<San>,
    /// `key`, if the file has one; cfssl's default is ECDSA P-256.
    pub key: Option<KeyAlgorithm>,
    /// `ca`, filled with cfssl's defaults.
    pub ca: CaSection,
    /// `crl_url`.
    pub crl_url: Option<String>,
}

/// What a CSR file says about the CA to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaSection {
    /// Lifetime, counted from the beginning of validity.
    pub expiry: SignedDuration,
    /// How far before now validity begins.
    pub backdate: SignedDuration,
    /// How many CAs may stand between this one and a leaf; none is no limit.
    pub path_len: Option<u8>,
}

impl Default for CaSection {
    fn default() -> Self {
        Self {
            expiry: CA_EXPIRY,
            backdate: BACKDATE,
            path_len: None,
        }
    }
}

const FIELDS: &[&str] = &[
    "CN",
    "names",
    "hosts",
    "key",
    "ca",
    "serialnumber",
    "delegation_enabled",
    "extensions",
    "crl_url",
];

impl CsrTemplate {
    /// Reads a CSR file; `file` names it in findings.
    ///
    /// # Errors
    /// The first finding that keeps the file from being used, and under
    /// [`Strictness::Strict`] the first warning.
    pub fn parse(
        file: &str,
        contents: &[u8],
        purpose: TemplateUse,
        strictness: Strictness,
    ) -> Result<Parsed<Self>, super::TemplateFinding> {
        let (mut reading, value) = Reading::begin(file, contents, strictness)?;
        let fields = Fields::new(&mut reading, &value, "", FIELDS)?;
        let template = Self {
            subject: subject(&mut reading, &fields)?,
            hosts: hosts(&mut reading, &fields)?,
            key: key(&mut reading, &fields)?,
            ca: ca_section(&mut reading, &fields, purpose)?,
            crl_url: fields.url(&reading, "crl_url")?,
        };
        let refusals = [
            ("extensions", "only the extensions of profiles are written"),
            (
                "delegation_enabled",
                "delegated credentials are not issued here; set it to false",
            ),
        ];
        for (key, reason) in refusals {
            if let Some(refusal) = fields.refusal(&reading, key, reason) {
                return Err(refusal);
            }
        }
        if purpose == TemplateUse::Ca && template.subject.is_empty() {
            let expected = "a CA needs a CN, or an entry in names".to_owned();
            return Err(reading.missing(fields.at, "CN".to_owned(), expected));
        }
        Ok(Parsed {
            value: template,
            warnings: reading.warnings,
        })
    }
}

fn subject(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Read<Subject> {
    let mut entries = Vec::new();
    for (index, value) in fields.list(reading, "names")?.iter().enumerate() {
        entries.push(subject_entry(reading, value, &format!("names[{index}]"))?);
    }
    Ok(Subject {
        common_name: fields.owned(reading, "CN")?,
        serial_number: fields.owned(reading, "serialnumber")?,
        entries,
    })
}

fn subject_entry(reading: &mut Reading<'_>, value: &Value, path: &str) -> Read<SubjectEntry> {
    let known = ["C", "ST", "L", "O", "OU", "E", "SerialNumber", "OID"];
    let fields = Fields::new(reading, value, path, &known)?;
    if let Some(number) = fields
        .value("SerialNumber")
        .filter(|_| fields.is_set("SerialNumber"))
    {
        let note = "is not written, as in cfssl; use the file's serialnumber instead";
        reading.note(number.at, &fields.path("SerialNumber"), note)?;
    }
    let country = fields.owned(reading, "C")?;
    if let (Some(text), Some(value)) = (&country, fields.value("C"))
        && !(text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()))
    {
        let note = format!("{text:?} is no two-letter country code, and strict readers refuse it");
        reading.note(value.at, &fields.path("C"), note)?;
    }
    let email = fields.owned(reading, "E")?;
    if let (Some(text), Some(value)) = (&email, fields.value("E"))
        && !text.is_ascii()
    {
        return Err(reading.invalid(value, &fields.path("E"), "an ASCII e-mail address"));
    }
    Ok(SubjectEntry {
        country,
        state: fields.owned(reading, "ST")?,
        locality: fields.owned(reading, "L")?,
        organization: fields.owned(reading, "O")?,
        organizational_unit: fields.owned(reading, "OU")?,
        email,
        others: other_attributes(reading, &fields)?,
    })
}

fn other_attributes(
    reading: &mut Reading<'_>,
    fields: &Fields<'_>,
) -> Read<Vec<(Vec<u64>, String)>> {
    let Some(map) = fields.value("OID") else {
        return Ok(Vec::new());
    };
    let path = fields.path("OID");
    let mut others = Vec::new();
    for member in reading.entries(map, &path)? {
        let field = join(&path, &member.key);
        let expected = "an object identifier such as 2.5.4.9 with a text";
        let Ok(oid) = der::parse_dotted(&member.key) else {
            return Err(reading.invalid(&member.value, &field, expected));
        };
        let Node::Text(text) = &member.value.node else {
            return Err(reading.invalid(&member.value, &field, expected));
        };
        others.push((oid, text.clone()));
    }
    Ok(others)
}

fn hosts(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Read<Vec<San>> {
    let mut hosts = Vec::new();
    for (index, (value, text)) in fields.texts(reading, "hosts")?.into_iter().enumerate() {
        let field = format!("hosts[{index}]");
        if text.is_empty() {
            let note = "is empty and left out; cfssl would write an empty DNS name";
            reading.note(value.at, &field, note)?;
            continue;
        }
        let san: San = text.parse().map_err(|error: super::SanError| {
            let expected = format!("{} ({})", error.expected, error.reason);
            reading.invalid(value, &field, expected)
        })?;
        if matches!(san, San::Uri(_)) {
            let note = format!("{text:?} is written as a URI, which no TLS client matches");
            reading.note(value.at, &field, note)?;
        }
        hosts.push(san);
    }
    Ok(distinct_sans(hosts))
}

fn key(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Read<Option<KeyAlgorithm>> {
    let Some(value) = fields.value("key") else {
        return Ok(None);
    };
    let fields = Fields::new(reading, value, "key", &["algo", "size"])?;
    let Some(algorithm) = fields.filled(reading, "algo")? else {
        let expected = "write \"rsa\", \"ecdsa\" or \"ed25519\", or leave key out";
        return Err(reading.missing(value.at, "key.algo".to_owned(), expected));
    };
    let size = fields.number(reading, "size")?;
    let wrong_size = |expected: &str| match fields.value("size") {
        Some(size) => reading.invalid(size, "key.size", expected),
        None => reading.missing(value.at, "key.size".to_owned(), format!("write {expected}")),
    };
    let found = match (algorithm, size) {
        ("ecdsa", None | Some(256)) => KeyAlgorithm::EcdsaP256,
        ("ecdsa", Some(384)) => KeyAlgorithm::EcdsaP384,
        ("ecdsa", Some(521)) => KeyAlgorithm::EcdsaP521,
        ("ecdsa", _) => return Err(wrong_size("256, 384 or 521")),
        ("rsa", Some(2048)) => KeyAlgorithm::Rsa2048,
        ("rsa", Some(3072)) => KeyAlgorithm::Rsa3072,
        ("rsa", Some(4096)) => KeyAlgorithm::Rsa4096,
        ("rsa", _) => return Err(wrong_size("2048, 3072 or 4096")),
        ("ed25519", _) => KeyAlgorithm::Ed25519,
        _ => {
            let algo = fields.value("algo").unwrap_or(value);
            let expected = "\"rsa\", \"ecdsa\" or \"ed25519\", in lower case";
            return Err(reading.invalid(algo, "key.algo", expected));
        }
    };
    Ok(Some(found))
}

fn ca_section(
    reading: &mut Reading<'_>,
    fields: &Fields<'_>,
    purpose: TemplateUse,
) -> Read<CaSection> {
    let Some(value) = fields.value("ca") else {
        return Ok(CaSection::default());
    };
    if purpose == TemplateUse::Leaf {
        let reason = "it belongs into the CSR file of a CA; lifetimes of leaves are in the profile";
        let refusal = fields.refusal(reading, "ca", reason);
        return refusal.map_or(Ok(CaSection::default()), Err);
    }
    let known = ["expiry", "backdate", "pathlen", "pathlenzero"];
    let fields = Fields::new(reading, value, "ca", &known)?;
    let expiry = fields.duration(reading, "expiry")?;
    if let (Some(SignedDuration::ZERO), Some(value)) = (expiry, fields.value("expiry")) {
        return Err(reading.invalid(value, "ca.expiry", "a lifetime such as 87600h"));
    }
    Ok(CaSection {
        expiry: expiry.unwrap_or(CA_EXPIRY),
        backdate: backdate(reading, &fields)?,
        path_len: path_len(reading, &fields, "pathlen", "pathlenzero")?,
    })
}

/// Reads `backdate`; cfssl takes zero as five minutes, here it is zero.
pub(crate) fn backdate(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Read<SignedDuration> {
    let found = fields.duration(reading, "backdate")?;
    if let (Some(SignedDuration::ZERO), Some(value)) = (found, fields.value("backdate")) {
        let note = "certificates begin now; cfssl takes zero as five minutes";
        reading.note(value.at, &fields.path("backdate"), note)?;
    }
    Ok(found.unwrap_or(BACKDATE))
}

/// Reads a path length, of which zero counts only if another field says so.
pub(crate) fn path_len(
    reading: &mut Reading<'_>,
    fields: &Fields<'_>,
    key: &str,
    zero_key: &str,
) -> Read<Option<u8>> {
    let found = fields.number(reading, key)?;
    let zero = fields.flag(reading, zero_key)?;
    match (fields.value(key), found) {
        (Some(value), Some(number @ 1..)) => {
            if zero {
                let note = format!("has no effect, because {key} is {number}");
                reading.note(value.at, &fields.path(zero_key), note)?;
            }
            let narrow = u8::try_from(number);
            let fail = |_| reading.invalid(value, &fields.path(key), "at most 255");
            narrow.map(Some).map_err(fail)
        }
        (Some(value), Some(0)) if !zero => {
            let note = format!("0 alone sets no limit, as in cfssl; add \"{zero_key}\": true");
            reading.note(value.at, &fields.path(key), note)?;
            Ok(None)
        }
        _ => Ok(zero.then_some(0)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str, purpose: TemplateUse) -> Result<Parsed<CsrTemplate>, String> {
        CsrTemplate::parse("x.json", text.as_bytes(), purpose, Strictness::Lenient)
            .map_err(|error| error.to_string())
    }

    fn leaf(text: &str) -> (CsrTemplate, Vec<String>) {
        let parsed = parse(text, TemplateUse::Leaf).unwrap();
        let warnings = parsed.warnings.iter().map(ToString::to_string).collect();
        (parsed.value, warnings)
    }

    #[test]
    fn a_file_as_the_how_tos_have_it_is_read() {
        let (template, warnings) = leaf(
            r#"{"cn": "etcd", "hosts": ["m1", "10.0.0.1", "::1", "m1"],
                "key": {"algo": "rsa", "size": 2048},
                "names": [{"C": "CN", "ST": "BJ", "L": "BJ", "O": "k8s", "OU": "System"},
                          {"O": "two", "OID": {"2.5.4.9": "way"}, "E": "a@b.c"}]}"#,
        );
        assert_eq!(warnings, [""; 0]);
        assert_eq!(template.key, Some(KeyAlgorithm::Rsa2048));
        let hosts: Vec<String> = template.hosts.iter().map(San::to_string).collect();
        assert_eq!(hosts, ["m1", "10.0.0.1", "::1"]);
        assert_eq!(
            template.subject.to_name().unwrap().to_string(),
            "emailAddress=a@b.c,CN=etcd,OU=System,O=k8s+O=two,STREET=way,L=BJ,ST=BJ,C=CN"
        );
    }

    #[test]
    fn a_ca_gets_cfssl_s_defaults_and_its_own_section() {
        let ca = |text: &str| parse(text, TemplateUse::Ca).unwrap().value.ca;
        assert_eq!(ca(r#"{"CN": "ca"}"#), CaSection::default());
        let section = ca(
            r#"{"CN": "ca", "ca": {"expiry": "876000h", "backdate": "1h", "pathlenzero": true}}"#,
        );
        assert_eq!(section.expiry.as_hours(), 876_000);
        assert_eq!(section.backdate.as_hours(), 1);
        assert_eq!(section.path_len, Some(0));
        assert_eq!(
            ca(r#"{"CN": "ca", "ca": {"pathlen": 2}}"#).path_len,
            Some(2)
        );
    }

    #[test]
    fn what_cfssl_swallows_is_a_warning() {
        let warning = |text: &str| {
            let parsed = parse(text, TemplateUse::Ca).unwrap();
            let all: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
            assert_eq!(all.len(), 1, "{all:?}");
            let strict =
                CsrTemplate::parse("x", text.as_bytes(), TemplateUse::Ca, Strictness::Strict);
            assert!(strict.is_err(), "{text}");
            all[0].clone()
        };
        for (text, expected) in [
            (
                r#"{"CN": "a", "hosts": [""]}"#,
                "x.json:1:23: hosts[0]: is empty and left out",
            ),
            (
                r#"{"CN": "a", "CN": "b"}"#,
                "x.json:1:13: CN is given twice: the value \"a\" on line 1 is lost",
            ),
            (
                r#"{"CN": "a", "ca": {"pathlen": 0}}"#,
                "x.json:1:31: ca.pathlen: 0 alone sets no limit",
            ),
            (
                r#"{"CN": "a", "ca": {"expiry": "10y"}}"#,
                "x.json:1:30: ca.expiry: \"10y\" is read as 87600h",
            ),
            (
                r#"{"CN": "a", "names": [{"SerialNumber": "1"}]}"#,
                "x.json:1:40: names[0].SerialNumber: is not written",
            ),
            (
                r#"{"CN": "a", "names": [{"C": "Germany"}]}"#,
                "x.json:1:29: names[0].C: \"Germany\" is no two-letter",
            ),
            (
                r#"{"CN": "a", "hosts": ["https://10.0.0.1"]}"#,
                "x.json:1:23: hosts[0]: \"https://10.0.0.1\" is written as a URI",
            ),
            (
                r#"{"CN": "a", "host": []}"#,
                "x.json:1:13: host is not known and has no effect; did you mean \"hosts\"?",
            ),
        ] {
            let found = warning(text);
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn mistakes_name_place_value_and_what_is_allowed() {
        for (text, expected) in [
            (
                r#"{"hosts": ["10.0.0.1:2379"]}"#,
                "x.json:1:12: hosts[0]: found \"10.0.0.1:2379\", expected the bare address",
            ),
            (
                r#"{"key": {"algo": "rsa", "size": 1024}}"#,
                "x.json:1:33: key.size: found 1024, expected 2048, 3072 or 4096",
            ),
            (
                r#"{"key": {"algo": "rsa"}}"#,
                "x.json:1:9: key.size is missing: write 2048",
            ),
            (
                r#"{"key": {"algo": "RSA", "size": 2048}}"#,
                "x.json:1:18: key.algo: found \"RSA\", expected \"rsa\"",
            ),
            (r#"{"key": {}}"#, "x.json:1:9: key.algo is missing"),
            (
                r#"{"ca": {"expiry": "1h"}}"#,
                "x.json:1:8: ca is not supported: it belongs",
            ),
            (
                r#"{"extensions": [{}]}"#,
                "x.json:1:16: extensions is not supported",
            ),
            (
                r#"{"delegation_enabled": true}"#,
                "x.json:1:24: delegation_enabled is not supported",
            ),
            (
                r#"{"names": [{"OID": {"x": "y"}}]}"#,
                "x.json:1:26: names[0].OID.x: found \"y\", expected an object id",
            ),
            (
                r#"{"crl_url": "here"}"#,
                "x.json:1:13: crl_url: found \"here\", expected a URL",
            ),
        ] {
            let found = parse(text, TemplateUse::Leaf).unwrap_err();
            assert!(found.starts_with(expected), "{found}");
        }
        for (text, expected) in [
            ("{}", "x.json:1:1: CN is missing: a CA needs"),
            (
                r#"{"CN": "a", "ca": {"expiry": "0h"}}"#,
                "x.json:1:30: ca.expiry",
            ),
            (
                r#"{"CN": "a", "ca": {"pathlen": 300}}"#,
                "x.json:1:31: ca.pathlen",
            ),
        ] {
            let found = parse(text, TemplateUse::Ca).unwrap_err();
            assert!(found.starts_with(expected), "{found}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = CsrTemplate::parse("x", &bytes, TemplateUse::Ca, Strictness::Lenient);
        }
    }
}
