//! Issuing: names, extensions, validity, and what is refused. Its helpers serve other tests too.

use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;
use crate::model::KeyAlgorithm;
use crate::pki::{CaConstraint, Subject, SubjectEntry};

pub(crate) fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(crate) fn many_valued(common_name: &str) -> Name {
    let organization = |name: &str| SubjectEntry {
        organization: Some(name.to_owned()),
        ..SubjectEntry::default()
    };
    let subject = Subject {
        common_name: Some(common_name.to_owned()),
        entries: vec![organization("two"), organization("one")],
        ..Subject::default()
    };
    subject.to_name().unwrap()
}

pub(crate) fn authority_of(algorithm: KeyAlgorithm) -> CertificateAuthority {
    let request = CaRequest {
        subject: many_valued("etcd-ca"),
        sans: Vec::new(),
        ca: CaSection::default(),
        crl_url: None,
    };
    let key = PrivateKey::generate(algorithm).unwrap();
    issue_ca(&request, key, now()).unwrap().0
}

pub(crate) fn request(common_name: &str, sans: &[&str]) -> LeafRequest {
    LeafRequest {
        subject: many_valued(common_name),
        sans: sans.iter().map(|san| san.parse().unwrap()).collect(),
        crl_url: None,
    }
}

fn leaf(authority: &CertificateAuthority, profile: &Profile) -> Result<Issued, IssueError> {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let request = request("m1", &["m1", "10.0.0.1"]);
    issue_leaf(authority, profile, &request, key.public_key(), now())
}

#[test]
fn every_pair_of_algorithms_gives_a_certificate_that_names_its_issuer() {
    for algorithm in KeyAlgorithm::ALL {
        let authority = authority_of(algorithm);
        let issued = leaf(&authority, &Profile::built_in()).unwrap();
        let (_, read) = X509Certificate::from_der(&issued.der).unwrap();
        assert_eq!(read.issuer().as_raw(), authority.subject().as_der());
        assert_eq!(read.issuer().iter_organization().count(), 2);
        assert_eq!(read.subject().iter_organization().count(), 2);
    }
}

#[test]
fn extensions_are_those_of_the_profile_with_cfssl_s_criticality() {
    let authority = authority_of(KeyAlgorithm::EcdsaP256);
    let profile = Profile {
        issuer_urls: vec!["http://a/ca.crt".into()],
        ocsp_url: Some("http://a/ocsp".into()),
        crl_url: Some("http://a/crl".into()),
        ocsp_no_check: true,
        ..Profile::built_in()
    };
    let issued = leaf(&authority, &profile).unwrap();
    let (_, read) = X509Certificate::from_der(&issued.der).unwrap();
    let mut found: Vec<(String, bool)> = read
        .iter_extensions()
        .map(|extension| (extension.oid.to_id_string(), extension.critical))
        .collect();
    found.sort();
    let expected = [
        ("1.3.6.1.5.5.7.1.1", false),
        ("1.3.6.1.5.5.7.48.1.5", false),
        ("2.5.29.14", false),
        ("2.5.29.15", true),
        ("2.5.29.17", false),
        ("2.5.29.19", true),
        ("2.5.29.31", false),
        ("2.5.29.35", false),
        ("2.5.29.37", false),
    ];
    assert_eq!(
        found,
        expected.map(|(oid, critical)| (oid.to_owned(), critical))
    );
    for extension in read.iter_extensions() {
        match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                assert_eq!(id.key_identifier.as_ref().unwrap().0, authority.key_id());
            }
            ParsedExtension::BasicConstraints(constraints) => assert!(!constraints.ca),
            ParsedExtension::AuthorityInfoAccess(access) => {
                assert_eq!(access.accessdescs.len(), 2);
            }
            _ => {}
        }
    }
}

#[test]
fn a_leaf_ends_with_its_ca_and_says_so() {
    let authority = authority_of(KeyAlgorithm::EcdsaP256);
    let profile = Profile {
        expiry: SignedDuration::from_hours(99 * 8760),
        ..Profile::built_in()
    };
    let issued = leaf(&authority, &profile).unwrap();
    assert_eq!(issued.not_after, authority.not_after());
    let wanted = "2125-10-28T11:55:00Z".parse().unwrap();
    assert_eq!(issued.notes, [IssueNote::EndsWithIssuer { wanted }]);
    let shorter = leaf(&authority, &Profile::built_in()).unwrap();
    assert_eq!(shorter.notes, []);
    assert_eq!(shorter.not_before.to_string(), "2026-11-21T11:55:00Z");
    assert_eq!(shorter.not_after.to_string(), "2027-11-21T11:55:00Z");
}

#[test]
fn a_ca_of_a_century_is_dated_right() {
    let request = CaRequest {
        subject: many_valued("ca"),
        sans: Vec::new(),
        ca: CaSection {
            expiry: SignedDuration::from_hours(99 * 8760),
            path_len: Some(0),
            ..CaSection::default()
        },
        crl_url: Some("http://a/crl".into()),
    };
    let key = PrivateKey::generate(KeyAlgorithm::Ed25519).unwrap();
    let (authority, issued) = issue_ca(&request, key, now()).unwrap();
    assert_eq!(authority.not_after().to_string(), "2125-10-28T11:55:00Z");
    assert_eq!(authority.path_len(), Some(0));
    assert!(authority.signs_crls());
    // GeneralizedTime, which has four digits for the year.
    assert!(
        issued
            .der
            .windows(15)
            .any(|text| text == b"21251028115500Z")
    );
}

#[test]
fn a_ca_out_of_its_time_issues_nothing() {
    let authority = authority_of(KeyAlgorithm::EcdsaP256);
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let issue = |now: &str| {
        let (profile, request) = (Profile::built_in(), request("m1", &[]));
        let now = now.parse().unwrap();
        issue_leaf(&authority, &profile, &request, key.public_key(), now).unwrap_err()
    };
    let late = issue("2040-01-01T00:00:00Z");
    assert!(matches!(late, IssueError::IssuerExpired { .. }), "{late}");
    let early = issue("2020-01-01T00:00:00Z");
    assert!(
        matches!(early, IssueError::IssuerNotYetValid { .. }),
        "{early}"
    );
}

#[test]
fn fixed_times_win_and_must_lie_ahead() {
    let authority = authority_of(KeyAlgorithm::EcdsaP256);
    let fixed = |from: &str, to: &str| Profile {
        not_before: Some(from.parse().unwrap()),
        not_after: Some(to.parse().unwrap()),
        ..Profile::built_in()
    };
    let profile = fixed("2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z");
    let issued = leaf(&authority, &profile).unwrap();
    assert_eq!(issued.not_before.to_string(), "2027-01-01T00:00:00Z");
    assert_eq!(issued.not_after.to_string(), "2028-01-01T00:00:00Z");
    let profile = fixed("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z");
    let error = leaf(&authority, &profile).unwrap_err();
    assert!(matches!(error, IssueError::Validity { .. }), "{error}");
}

#[test]
fn path_lengths_and_cert_sign_are_enforced() {
    let authority = authority_of(KeyAlgorithm::EcdsaP256);
    let mut profile = Profile {
        ca: Some(CaConstraint { path_len: Some(0) }),
        ..Profile::built_in()
    };
    let error = leaf(&authority, &profile).unwrap_err();
    assert!(matches!(error, IssueError::CertSign { .. }), "{error}");
    profile.usages = Usages::certificate_authority();
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let request = request("intermediate", &[]);
    let issued = issue_leaf(&authority, &profile, &request, key.public_key(), now()).unwrap();
    let below = CertificateAuthority::from_der(&issued.der, key).unwrap();
    let error = leaf(&below, &profile).unwrap_err();
    assert!(matches!(error, IssueError::PathLength { .. }), "{error}");
    assert!(leaf(&below, &Profile::built_in()).is_ok());
}

#[test]
fn the_whitelist_holds_for_names_and_not_for_addresses() {
    let authority = authority_of(KeyAlgorithm::EcdsaP256);
    let profile = |expression: &str| Profile {
        name_whitelist: Some(regex::Regex::new(expression).unwrap()),
        ..Profile::built_in()
    };
    assert!(leaf(&authority, &profile("^m[0-9]$")).is_ok());
    let error = leaf(&authority, &profile("^n")).unwrap_err();
    assert!(
        error.to_string().starts_with("\"m1\" does not match"),
        "{error}"
    );
}

#[test]
fn nameless_certificates_are_refused_and_nameless_servers_noted() {
    let authority = authority_of(KeyAlgorithm::EcdsaP256);
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let issue = |subject, sans| {
        let request = LeafRequest {
            subject,
            sans,
            crl_url: None,
        };
        issue_leaf(
            &authority,
            &Profile::built_in(),
            &request,
            key.public_key(),
            now(),
        )
    };
    assert_eq!(issue(Name::empty(), vec![]), Err(IssueError::Nameless));
    let issued = issue(many_valued("m1"), vec![]).unwrap();
    assert_eq!(issued.notes, [IssueNote::NoNames]);
    let issued = issue(Name::empty(), vec!["m1".parse().unwrap()]).unwrap();
    let (_, read) = X509Certificate::from_der(&issued.der).unwrap();
    let names = read.subject_alternative_name().unwrap().unwrap();
    assert!(names.critical);
}

#[test]
fn a_foreign_key_and_a_leaf_are_no_authority() {
    let authority = authority_of(KeyAlgorithm::EcdsaP256);
    let other = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let error = CertificateAuthority::from_der(authority.certificate_der(), other);
    assert!(matches!(error, Err(AuthorityError::KeyMismatch { .. })));
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let (profile, request) = (Profile::built_in(), request("m1", &["m1"]));
    let issued = issue_leaf(&authority, &profile, &request, key.public_key(), now()).unwrap();
    let error = CertificateAuthority::from_pem(issued.pem().as_bytes(), key).unwrap_err();
    assert!(
        matches!(error, AuthorityError::NotAuthority { .. }),
        "{error}"
    );
}

#[test]
fn of_a_bundle_the_certificate_of_the_key_is_taken() {
    let (old, new) = (
        authority_of(KeyAlgorithm::EcdsaP256),
        authority_of(KeyAlgorithm::EcdsaP256),
    );
    let bundle = old.certificate_pem() + &new.certificate_pem();
    let key = PrivateKey::from_der(new.key().to_pkcs8_der()).unwrap();
    let found = CertificateAuthority::from_pem(bundle.as_bytes(), key).unwrap();
    assert_eq!(found.certificate_der(), new.certificate_der());
}
