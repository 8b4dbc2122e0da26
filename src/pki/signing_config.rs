//! What does a cfssl signing configuration (`ca-config.json`) offer?
//!
//! Invariant: a profile that is handed out was asked for by its own name and asks for nothing that is
//! not offered. cfssl signs with `default` when a name is unknown, and drops unknown usages.

use jiff::SignedDuration;

use super::kind::CertificateKind;
use super::profile::Profile;
use super::profile_fields;
use super::template::{Parsed, Strictness, TemplateFinding};
use super::template_fields::{Fields, Read, Reading, join};
use super::template_json::Value;

/// A cfssl signing configuration.
#[derive(Clone, Debug)]
pub struct SigningConfig {
    file: String,
    default: Entry,
    profiles: Vec<Entry>,
}

/// A profile, or why it can't be used here.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) profile: Profile,
    pub(super) refused: Option<TemplateFinding>,
}

/// Why a profile can't be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// No profile of that name; cfssl would sign with `default`.
    #[error("{file} has no profile {found:?}; it has {}", list(.known))]
    Unknown {
        /// The configuration's file.
        file: String,
        /// The name that was asked for.
        found: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// The profile asks for something that is not offered.
    #[error("profile {profile:?} can't be used: {finding}")]
    Refused {
        /// Its name.
        profile: String,
        /// Where and what.
        finding: Box<TemplateFinding>,
    },
    /// `default` without usages.
    #[error("profile {profile:?} in {file} names no usage; expected for instance \"server auth\"")]
    NoUsage {
        /// The configuration's file.
        file: String,
        /// Its name.
        profile: String,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

impl SigningConfig {
    /// Reads a signing configuration; `file` names it in findings.
    ///
    /// # Errors
    /// The first finding that keeps the file from being used, and under
    /// [`Strictness::Strict`] the first warning.
    pub fn parse(
        file: &str,
        contents: &[u8],
        strictness: Strictness,
    ) -> Result<Parsed<Self>, TemplateFinding> {
        let (mut reading, value) = Reading::begin(file, contents, strictness)?;
        let known = ["signing", "ocsp", "auth_keys", "remotes"];
        let fields = Fields::new(&mut reading, &value, "", &known)?;
        for key in ["ocsp", "auth_keys", "remotes"] {
            if let Some(value) = fields.value(key).filter(|_| fields.is_set(key)) {
                reading.note(value.at, key, "has no effect: certificates are signed here")?;
            }
        }
        let Some(signing) = fields.value("signing") else {
            let expected = "write {\"signing\": {\"profiles\": {…}}}";
            return Err(reading.missing(fields.at, "signing".to_owned(), expected));
        };
        let config = signing_section(&mut reading, file, signing)?;
        Ok(Parsed {
            value: config,
            warnings: reading.warnings,
        })
    }

    /// Names of the profiles, in the file's order, without `default`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.profiles
            .iter()
            .map(|entry| entry.profile.name.as_str())
    }

    /// A profile by name, completed with what it takes from `default`: an expiry of zero and the
    /// three kinds of URL.
    ///
    /// # Errors
    /// The name is unknown, or the profile asks for what is not offered.
    pub fn profile(&self, name: &str) -> Result<Profile, ProfileError> {
        let entry = match name {
            "default" => &self.default,
            _ => self
                .profiles
                .iter()
                .find(|entry| entry.profile.name == name)
                .ok_or_else(|| ProfileError::Unknown {
                    file: self.file.clone(),
                    found: name.to_owned(),
                    known: self.names().map(str::to_owned).collect(),
                })?,
        };
        if let Some(finding) = &entry.refused {
            return Err(ProfileError::Refused {
                profile: name.to_owned(),
                finding: Box::new(finding.clone()),
            });
        }
        if entry.profile.usages.is_empty() {
            return Err(ProfileError::NoUsage {
                file: self.file.clone(),
                profile: name.to_owned(),
            });
        }
        Ok(self.completed(entry.profile.clone()))
    }

    /// The profile that issues a kind: the one of its name, or the one that [stands for all].
    ///
    /// # Errors
    /// As [`SigningConfig::profile`].
    ///
    /// [stands for all]: SigningConfig::stands_for_all
    pub fn profile_for(&self, kind: CertificateKind) -> Result<Profile, ProfileError> {
        self.profile(self.stands_for_all().unwrap_or(kind.profile()))
    }

    /// The name of the only profile of the file, where no kind asks for it by name: many guides have
    /// one profile, called after the cluster, and sign everything with it.
    pub fn stands_for_all(&self) -> Option<&str> {
        let [only] = self.profiles.as_slice() else {
            return None;
        };
        let name = only.profile.name.as_str();
        let is_a_kind_s = |kind: CertificateKind| kind.profile() == name;
        let none_asks = !CertificateKind::ALL.into_iter().any(is_a_kind_s);
        none_asks.then_some(name)
    }

    /// Gives every profile another lifetime.
    pub(crate) fn set_expiry(&mut self, expiry: SignedDuration) {
        self.default.profile.expiry = expiry;
        for entry in &mut self.profiles {
            entry.profile.expiry = expiry;
        }
    }

    fn completed(&self, mut profile: Profile) -> Profile {
        let default = &self.default.profile;
        if profile.expiry.is_zero() {
            profile.expiry = default.expiry;
        }
        if profile.issuer_urls.is_empty() {
            profile.issuer_urls.clone_from(&default.issuer_urls);
        }
        profile.ocsp_url = profile.ocsp_url.or_else(|| default.ocsp_url.clone());
        profile.crl_url = profile.crl_url.or_else(|| default.crl_url.clone());
        profile
    }
}

fn signing_section(reading: &mut Reading<'_>, file: &str, value: &Value) -> Read<SigningConfig> {
    let fields = Fields::new(reading, value, "signing", &["default", "profiles"])?;
    let default = match fields.value("default") {
        Some(value) => profile_fields::entry(reading, "default", value, "signing.default")?,
        None => Entry {
            profile: Profile::built_in(),
            refused: None,
        },
    };
    if default.refused.is_none()
        && default.profile.expiry.is_zero()
        && let Some(value) = fields.value("default")
    {
        let expected = "a lifetime above zero";
        return Err(reading.invalid(value, "signing.default.expiry", expected));
    }
    let mut profiles = Vec::new();
    if let Some(map) = fields.value("profiles") {
        let path = "signing.profiles";
        for member in reading.entries(map, path)? {
            let path = join(path, &member.key);
            let entry = profile_fields::entry(reading, &member.key, &member.value, &path)?;
            if entry.refused.is_none() && entry.profile.usages.is_empty() {
                let expected = "name at least one, such as \"server auth\"";
                let field = join(&path, "usages");
                return Err(reading.missing(member.value.at, field, expected));
            }
            profiles.push(entry);
        }
    }
    Ok(SigningConfig {
        file: file.to_owned(),
        default,
        profiles,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pki::CaConstraint;

    fn parse(text: &str) -> Result<Parsed<SigningConfig>, String> {
        SigningConfig::parse("c.json", text.as_bytes(), Strictness::Lenient)
            .map_err(|error| error.to_string())
    }

    fn profile_of(fields: &str) -> Result<Parsed<SigningConfig>, String> {
        parse(&format!(
            r#"{{"signing": {{"profiles": {{"p": {{{fields}}}}}}}}}"#
        ))
    }

    const GOOD: &str = r#""usages": ["signing", "server auth"], "expiry": "43800h""#;

    #[test]
    fn every_field_is_honoured() {
        let parsed = profile_of(
            r#""usages": ["signing", "ocsp signing"], "expiry": "8760h", "backdate": "1h",
               "not_before": "2026-01-01T00:00:00Z", "not_after": "2027-01-01T00:00:00+01:00",
               "ca_constraint": {"is_ca": true, "max_path_len": 0, "max_path_len_zero": true},
               "issuer_urls": ["http://a/ca.crt"], "ocsp_url": "http://a/ocsp",
               "crl_url": "http://a/crl", "ocsp_no_check": true, "name_whitelist": "^m[0-9]$",
               "copy_extensions": true, "allowed_extensions": ["1.3.6.1.5.5.7.1.24"],
               "CSRWhitelist": {"PublicKey": true, "PublicKeyAlgorithm": true, "URIs": true},
               "ct_log_servers": [], "lint_error_level": 0, "auth_remote": {}, "remote": """#,
        )
        .unwrap();
        assert_eq!(parsed.warnings, []);
        let profile = parsed.value.profile("p").unwrap();
        assert_eq!(profile.expiry.as_hours(), 8760);
        assert_eq!(profile.backdate.as_hours(), 1);
        assert_eq!(profile.ca, Some(CaConstraint { path_len: Some(0) }));
        assert_eq!(profile.issuer_urls, ["http://a/ca.crt"]);
        assert_eq!(profile.ocsp_url.as_deref(), Some("http://a/ocsp"));
        assert_eq!(profile.crl_url.as_deref(), Some("http://a/crl"));
        assert!(profile.ocsp_no_check && profile.copy_extensions);
        assert!(profile.name_whitelist.unwrap().is_match("m1"));
        assert_eq!(profile.allowed_extensions, [[1, 3, 6, 1, 5, 5, 7, 1, 24]]);
        let whitelist = profile.csr_whitelist.unwrap();
        assert!(whitelist.uris && !whitelist.subject);
        assert_eq!(
            profile.not_after.unwrap().to_string(),
            "2026-12-31T23:00:00Z"
        );
    }

    #[test]
    fn only_zero_expiry_and_urls_come_from_default() {
        let parsed = parse(
            r#"{"signing": {
                "default": {"expiry": "1h", "crl_url": "http://a/crl", "usages": ["any"]},
                "profiles": {"p": {"usages": ["signing"], "expiry": "0h"}}}}"#,
        )
        .unwrap();
        let profile = parsed.value.profile("p").unwrap();
        assert_eq!(profile.expiry.as_hours(), 1);
        assert_eq!(profile.crl_url.as_deref(), Some("http://a/crl"));
        assert!(profile.usages.extended.is_empty());
        let default = parsed.value.profile("default").unwrap();
        assert_eq!(default.usages.extended.len(), 1);
    }

    #[test]
    fn without_default_cfssl_s_own_stands_in_and_unknown_names_are_errors() {
        let config = profile_of(GOOD).unwrap().value;
        let default = config.profile("default").unwrap();
        assert_eq!(default.expiry.as_hours(), 8760);
        let error = config.profile("P").unwrap_err();
        assert_eq!(error.to_string(), "c.json has no profile \"P\"; it has p");
        let config = parse(r#"{"signing": {"default": {"expiry": "1h"}}}"#).unwrap();
        let error = config.value.profile("default").unwrap_err();
        assert!(error.to_string().contains("names no usage"), "{error}");
    }

    #[test]
    fn what_is_not_offered_is_refused_by_name_when_it_is_used() {
        for field in [
            r#""remote": "a""#,
            r#""auth_remote": {"remote": "a", "auth_key": "b"}"#,
            r#""ct_log_servers": ["https://a"]"#,
            r#""cert_store": "db""#,
            r#""lint_error_level": 3"#,
            r#""ignored_lints": ["a"]"#,
            r#""ignored_lint_sources": ["a"]"#,
            r#""policies": [{"ID": "1.2.3"}]"#,
            r#""ClientProvidesSerialNumbers": true"#,
        ] {
            let config = profile_of(&format!("{GOOD}, {field}")).unwrap().value;
            let error = config.profile("p").unwrap_err().to_string();
            let name = field.split('"').nth(1).unwrap().to_lowercase();
            assert!(error.to_lowercase().contains(&name), "{error}");
            assert!(error.contains("is not supported"), "{error}");
        }
    }

    #[test]
    fn what_has_no_effect_is_a_warning() {
        for (field, expected) in [
            (r#""auth_key": "k""#, "auth_key: has no effect"),
            (
                r#""ca_constraint": {"max_path_len": 3}"#,
                "max_path_len: has no effect without",
            ),
            (r#""expirey": "1h""#, "did you mean \"expiry\"?"),
            (r#""backdate": "0s""#, "cfssl takes zero as five minutes"),
            (
                r#""expiry": "1h""#,
                "the value \"43800h\" on line 1 is lost",
            ),
        ] {
            let parsed = profile_of(&format!("{GOOD}, {field}")).unwrap();
            let warnings: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert!(warnings[0].contains(expected), "{warnings:?}");
        }
        let parsed = parse(r#"{"signing": {}, "auth_keys": {"a": {}}}"#).unwrap();
        assert!(parsed.warnings[0].to_string().contains("auth_keys"));
    }

    #[test]
    fn mistakes_name_place_value_and_what_is_allowed() {
        for (fields, expected) in [
            (
                r#""usages": ["ServerAuth"], "expiry": "1h""#,
                "usages: found \"ServerAuth\", expected \"server auth\"",
            ),
            (
                r#""usages": ["nonsense usage"], "expiry": "1h""#,
                "expected one of signing, digital signature",
            ),
            (r#""usages": ["signing"]"#, "p.expiry is missing"),
            (
                r#""usages": ["signing"], "expiry": """#,
                "p.expiry is missing",
            ),
            (r#""expiry": "1h""#, "p.usages is missing"),
            (
                r#""usages": ["signing"], "expiry": "1 year""#,
                "(unknown unit)",
            ),
            (
                r#""usages": ["signing"], "expiry": "1h", "name_whitelist": "(""#,
                "expected a regular expression (",
            ),
            (
                r#""usages": ["signing"], "expiry": "1h", "not_before": "yesterday""#,
                "expected a time such as",
            ),
            (
                r#""usages": ["signing"], "expiry": "1h", "CSRWhitelist": {}"#,
                "CSRWhitelist.PublicKey is missing",
            ),
            (
                r#""usages": ["signing"], "expiry": "1h", "allowed_extensions": ["x"]"#,
                "expected an object identifier",
            ),
        ] {
            let error = profile_of(fields).unwrap_err();
            assert!(error.starts_with("c.json:1:"), "{error}");
            assert!(error.contains(expected), "{error}");
        }
        assert!(parse("{}").unwrap_err().contains("signing is missing"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = SigningConfig::parse("x", &bytes, Strictness::Lenient);
        }
    }
}
