//! The set of templates that certificates are made from: those built in, or an operator's own.
//!
//! Invariant: each template comes from exactly one file, and an operator's file is taken at its word:
//! what the cluster file says about keys and lifetimes changes built-in templates only. A file of the
//! directory that no template is read from is reported.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::csr_template::{CsrTemplate, TemplateUse};
use super::kind::CertificateKind;
use super::signing_config::SigningConfig;
use super::template::{Parsed, Strictness, TemplateFinding, TemplateProblem};
use crate::model::KeyAlgorithm;

/// Signing profiles and one request template for each kind.
#[derive(Clone, Debug)]
pub struct TemplateSet {
    /// The signing profiles.
    pub config: SigningConfig,
    /// The CA.
    pub ca: CsrTemplate,
    leaves: BTreeMap<CertificateKind, CsrTemplate>,
    /// Names of the operator's files that are in force.
    own: BTreeSet<&'static str>,
}

/// What the cluster file says about certificates where no template of the operator's does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TemplateDefaults {
    /// Algorithm of new keys.
    pub key_algorithm: Option<KeyAlgorithm>,
    /// Lifetime of leaves.
    pub leaf_validity: Option<SignedDuration>,
    /// Lifetime of a new CA.
    pub ca_validity: Option<SignedDuration>,
}

const BUILT_IN: [(&str, &str); 6] = [
    (
        "ca-config.json",
        include_str!("../../pki-templates/ca-config.json"),
    ),
    (
        "ca-csr.json",
        include_str!("../../pki-templates/ca-csr.json"),
    ),
    (
        "server-csr.json",
        include_str!("../../pki-templates/server-csr.json"),
    ),
    (
        "peer-csr.json",
        include_str!("../../pki-templates/peer-csr.json"),
    ),
    (
        "healthcheck-client-csr.json",
        include_str!("../../pki-templates/healthcheck-client-csr.json"),
    ),
    (
        "apiserver-etcd-client-csr.json",
        include_str!("../../pki-templates/apiserver-etcd-client-csr.json"),
    ),
];

/// The names under which a template is looked for, best first; the first one is the built-in's.
fn names_of(kind: CertificateKind) -> &'static [&'static str] {
    match kind {
        CertificateKind::Server => &["server-csr.json", "server.json"],
        CertificateKind::Peer => &["peer-csr.json", "peer.json", "member.json"],
        CertificateKind::HealthcheckClient => &[
            "healthcheck-client-csr.json",
            "client-csr.json",
            "client.json",
        ],
        CertificateKind::ApiserverEtcdClient => &[
            "apiserver-etcd-client-csr.json",
            "client-csr.json",
            "client.json",
        ],
    }
}

const CONFIG_NAMES: &[&str] = &["ca-config.json", "config.json"];
const CA_NAMES: &[&str] = &["ca-csr.json"];

impl TemplateSet {
    /// Every file name that a templates directory may hold.
    pub fn file_names() -> Vec<&'static str> {
        let mut names: Vec<_> = slots().flatten().copied().collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Reads the set; `own` holds the operator's files by name, and what is not there is built in.
    /// `directory` stands before their names in findings.
    ///
    /// # Errors
    /// The first finding that keeps a file from being used.
    pub fn parse(
        own: &BTreeMap<String, Vec<u8>>,
        directory: &str,
        strictness: Strictness,
    ) -> Result<Parsed<Self>, TemplateFinding> {
        let source = Source {
            own,
            directory,
            strictness,
        };
        let mut warnings = source.unread()?;
        let config = source.read(CONFIG_NAMES, &mut warnings, SigningConfig::parse)?;
        if let Some(finding) = source.only_profile(&config) {
            match strictness {
                Strictness::Strict => return Err(finding),
                Strictness::Lenient => warnings.push(finding),
            }
        }
        let csr = |purpose| {
            move |file: &str, bytes: &[u8], strictness| {
                CsrTemplate::parse(file, bytes, purpose, strictness)
            }
        };
        let ca = source.read(CA_NAMES, &mut warnings, csr(TemplateUse::Ca))?;
        let mut leaves = BTreeMap::new();
        for kind in CertificateKind::ALL {
            let template = source.read(names_of(kind), &mut warnings, csr(TemplateUse::Leaf))?;
            leaves.insert(kind, template);
        }
        let mut distinct: Vec<TemplateFinding> = Vec::new();
        for warning in warnings {
            // Two kinds may be read from one file.
            if !distinct.contains(&warning) {
                distinct.push(warning);
            }
        }
        let own = slots().filter_map(|names| source.own_name(names)).collect();
        Ok(Parsed {
            value: Self {
                config,
                ca,
                leaves,
                own,
            },
            warnings: distinct,
        })
    }

    /// Changes the built-in templates of the set to what the cluster file says.
    #[must_use]
    pub fn with_defaults(mut self, defaults: TemplateDefaults) -> Self {
        let is_built_in = |names: &[&str]| !names.iter().any(|name| self.own.contains(name));
        if let Some(expiry) = defaults.leaf_validity.filter(|_| is_built_in(CONFIG_NAMES)) {
            self.config.set_expiry(expiry);
        }
        if is_built_in(CA_NAMES) {
            self.ca.key = defaults.key_algorithm.or(self.ca.key);
            self.ca.ca.expiry = defaults.ca_validity.unwrap_or(self.ca.ca.expiry);
        }
        for (kind, template) in &mut self.leaves {
            if is_built_in(names_of(*kind)) {
                template.key = defaults.key_algorithm.or(template.key);
            }
        }
        self
    }

    /// The request template of a kind.
    pub fn leaf(&self, kind: CertificateKind) -> &CsrTemplate {
        // Every kind was read by `parse`, the one way to make a set.
        self.leaves.get(&kind).unwrap_or(&self.ca)
    }
}

struct Source<'a> {
    own: &'a BTreeMap<String, Vec<u8>>,
    directory: &'a str,
    strictness: Strictness,
}

/// The names of each template's files.
fn slots() -> impl Iterator<Item = &'static [&'static str]> {
    let leaves = CertificateKind::ALL.into_iter().map(names_of);
    [CONFIG_NAMES, CA_NAMES].into_iter().chain(leaves)
}

impl Source<'_> {
    /// The operator's file that is read for a template, if there is one.
    fn own_name(&self, names: &[&'static str]) -> Option<&'static str> {
        let mut names = names.iter().copied();
        names.find(|name| self.own.contains_key(*name))
    }

    /// Reports that one profile issues everything, where the file has no other.
    fn only_profile(&self, config: &SigningConfig) -> Option<TemplateFinding> {
        let name = config.stands_for_all()?;
        let note = format!("{name:?} issues every certificate, as the file has no other profile");
        Some(TemplateFinding {
            file: format!("{}/{}", self.directory, self.own_name(CONFIG_NAMES)?),
            line: 1,
            column: 1,
            problem: TemplateProblem::Note {
                field: "signing.profiles".to_owned(),
                note,
            },
        })
    }

    /// Reports JSON files of the directory that no template is read from.
    fn unread(&self) -> Result<Vec<TemplateFinding>, TemplateFinding> {
        let read: BTreeSet<&str> = slots().filter_map(|names| self.own_name(names)).collect();
        let known = TemplateSet::file_names();
        let unread = self.own.keys().filter(|name| {
            let is_json = name.ends_with(".json");
            is_json && !read.contains(name.as_str())
        });
        let findings: Vec<TemplateFinding> = unread
            .map(|name| {
                let note = if known.contains(&name.as_str()) {
                    "is not read: another file of the directory comes before it".to_owned()
                } else {
                    format!("is not read: expected one of {}", known.join(", "))
                };
                let field = name.clone();
                TemplateFinding {
                    file: format!("{}/{name}", self.directory),
                    line: 1,
                    column: 1,
                    problem: TemplateProblem::Note { field, note },
                }
            })
            .collect();
        match (self.strictness, findings.first()) {
            (Strictness::Strict, Some(first)) => Err(first.clone()),
            _ => Ok(findings),
        }
    }

    fn read<T>(
        &self,
        names: &[&'static str],
        warnings: &mut Vec<TemplateFinding>,
        parse: impl Fn(&str, &[u8], Strictness) -> Result<Parsed<T>, TemplateFinding>,
    ) -> Result<T, TemplateFinding> {
        let own = self.own_name(names);
        let own = own.and_then(|name| Some((name, self.own.get(name)?)));
        let parsed = match own {
            Some((name, bytes)) => parse(
                &format!("{}/{name}", self.directory),
                bytes,
                self.strictness,
            )?,
            None => {
                let file = format!("built-in {}", names[0]);
                parse(&file, built_in(names[0]).as_bytes(), self.strictness)?
            }
        };
        warnings.extend(parsed.warnings);
        Ok(parsed.value)
    }
}

fn built_in(name: &str) -> &'static str {
    BUILT_IN
        .iter()
        .find(|(known, _)| *known == name)
        .map_or("", |(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(own: &[(&str, &str)]) -> Result<Parsed<TemplateSet>, TemplateFinding> {
        let own = own
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
        TemplateSet::parse(&own.collect(), "own", Strictness::Strict)
    }

    #[test]
    fn the_templates_that_are_built_in_are_sound() {
        let set = parse(&[]).unwrap();
        assert!(set.warnings.is_empty());
        for kind in CertificateKind::ALL {
            let profile = set.value.config.profile(kind.profile()).unwrap();
            assert_eq!(profile.expiry.as_hours(), 5 * 8760);
            assert_eq!(profile.usages.extended, kind.required_usages());
            let own_name = set.value.leaf(kind).subject.common_name.as_deref();
            assert_eq!(own_name, kind.common_name());
        }
    }

    #[test]
    fn an_operators_file_replaces_the_built_in_one() {
        let set = parse(&[(
            "client.json",
            r#"{"CN": "me", "key": {"algo": "rsa", "size": 2048}}"#,
        )]);
        let set = set.unwrap().value;
        for kind in [
            CertificateKind::HealthcheckClient,
            CertificateKind::ApiserverEtcdClient,
        ] {
            assert_eq!(set.leaf(kind).subject.common_name.as_deref(), Some("me"));
        }
        assert!(
            set.leaf(CertificateKind::Server)
                .subject
                .common_name
                .is_none()
        );
    }

    #[test]
    fn the_cluster_file_changes_built_in_templates_only() {
        let defaults = TemplateDefaults {
            key_algorithm: Some(KeyAlgorithm::Ed25519),
            leaf_validity: Some(SignedDuration::from_hours(1)),
            ca_validity: Some(SignedDuration::from_hours(2)),
        };
        let built_in = parse(&[]).unwrap().value.with_defaults(defaults);
        let server = CertificateKind::Server;
        assert_eq!(built_in.leaf(server).key, Some(KeyAlgorithm::Ed25519));
        let profile = built_in.config.profile("server").unwrap();
        assert_eq!(profile.expiry.as_hours(), 1);
        assert_eq!(built_in.ca.ca.expiry.as_hours(), 2);
        let own = [
            ("ca-csr.json", r#"{"CN": "own", "key": {"algo": "ecdsa"}}"#),
            ("server.json", r#"{"key": {"algo": "ecdsa"}}"#),
            ("config.json", built_in_config()),
        ];
        let own = parse(&own).unwrap().value.with_defaults(defaults);
        assert_eq!(own.leaf(server).key, Some(KeyAlgorithm::EcdsaP256));
        let profile = own.config.profile("server").unwrap();
        assert_eq!(profile.expiry.as_hours(), 5 * 8760);
        assert_eq!(own.ca.key, Some(KeyAlgorithm::EcdsaP256));
        assert_eq!(own.ca.ca.expiry.as_hours(), 5 * 8760);
        let peer = own.leaf(CertificateKind::Peer);
        assert_eq!(peer.key, Some(KeyAlgorithm::Ed25519));
    }

    fn built_in_config() -> &'static str {
        built_in("ca-config.json")
    }

    #[test]
    fn files_that_nothing_reads_are_reported_and_shared_ones_warn_once() {
        let own = [
            ("server-csr.json", "{}"),
            ("server.json", "{}"),
            ("member1.json", "{}"),
            ("notes.txt", ""),
            ("client.json", r#"{"hosts": ["", ""]}"#),
        ];
        assert!(parse(&own).is_err());
        let own = own.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
        let set = TemplateSet::parse(&own.into(), "own", Strictness::Lenient).unwrap();
        let warnings: Vec<String> = set.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings.len(), 4, "{warnings:?}");
        assert!(warnings[0].starts_with("own/member1.json:1:1: member1.json: is not read"));
        assert!(warnings[1].contains("another file of the directory comes before it"));
        assert!(warnings[2].starts_with("own/client.json:1:12: hosts[0]"));
        assert!(warnings[3].starts_with("own/client.json:1:16: hosts[1]"));
    }

    #[test]
    fn a_mistake_names_the_file() {
        let error = parse(&[("server.json", "{")]).unwrap_err();
        assert!(
            error.to_string().starts_with("own/server.json:1:"),
            "{error}"
        );
    }
}
