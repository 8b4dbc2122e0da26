//! How is a signing request signed, so that a CA's key can stay offline?
//!
//! Invariant: nothing of a request is dropped in silence. What the profile decides (usages, CA or
//! not) is the profile's, and a request that wanted otherwise is told; an extension nobody knows is
//! copied if the profile says so, or refused.

use jiff::Timestamp;
use rcgen::CustomExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::authority::CertificateAuthority;
use super::csr::{
    BASIC_CONSTRAINTS, CsrError, EXTENDED_KEY_USAGE, KEY_USAGE, SUBJECT_ALT_NAME, SUBJECT_KEY_ID,
    SigningRequest,
};
use super::der;
use super::issue::{Extras, IssueError, IssueNote, Issued, LeafRequest, issue_with};
use super::names::Name;
use super::profile::{CsrWhitelist, Profile};
use super::san::San;

/// What is used instead of what a request says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignOverrides {
    /// Names and addresses.
    pub sans: Option<Vec<San>>,
    /// The subject.
    pub subject: Option<Name>,
}

/// Signs a request under the rules of a profile.
///
/// # Errors
/// The request asks for what the profile does not give, or the certificate can't be issued.
pub fn sign_request(
    authority: &CertificateAuthority,
    profile: &Profile,
    request: &SigningRequest,
    overrides: &SignOverrides,
    now: Timestamp,
) -> Result<Issued, CsrError> {
    if request.wants_authority() && profile.ca.is_none() {
        return Err(CsrError::WantsAuthority {
            subject: request.subject().to_string(),
            profile: profile.name.clone(),
        });
    }
    let mut extras = Extras {
        extensions: copied_extensions(request, profile)?,
        notes: Vec::new(),
    };
    let leaf = LeafRequest {
        subject: match &overrides.subject {
            Some(subject) => subject.clone(),
            None => allowed_subject(request, profile, &mut extras.notes),
        },
        sans: match &overrides.sans {
            Some(sans) => sans.clone(),
            None => allowed_sans(request, profile, &mut extras.notes)?,
        },
        crl_url: None,
    };
    let mut issued = issue_with(authority, profile, &leaf, request.public_key(), now, extras)?;
    note_replaced(request, profile, &mut issued)?;
    Ok(issued)
}

fn left_out(what: String, profile: &Profile) -> IssueNote {
    let reason = format!("the CSRWhitelist of profile {:?} lacks it", profile.name);
    IssueNote::LeftOut { what, reason }
}

fn allowed_subject(
    request: &SigningRequest,
    profile: &Profile,
    notes: &mut Vec<IssueNote>,
) -> Name {
    let allowed = profile.csr_whitelist.is_none_or(|list| list.subject);
    if allowed || request.subject().is_empty() {
        return request.subject().clone();
    }
    notes.push(left_out(
        format!("the subject {}", request.subject()),
        profile,
    ));
    Name::empty()
}

fn allowed_sans(
    request: &SigningRequest,
    profile: &Profile,
    notes: &mut Vec<IssueNote>,
) -> Result<Vec<San>, CsrError> {
    let allowed = |san: &San, list: CsrWhitelist| match san {
        San::Dns(_) => list.dns_names,
        San::Ip(_) => list.ip_addresses,
        San::Email(_) => list.email_addresses,
        San::Uri(_) => list.uris,
    };
    let (kept, dropped): (Vec<&San>, Vec<&San>) =
        request.writable_sans()?.iter().partition(|san| {
            let whitelist = profile.csr_whitelist;
            whitelist.is_none_or(|list| allowed(san, list))
        });
    notes.extend(dropped.iter().map(|san| left_out(san.to_string(), profile)));
    Ok(kept.into_iter().cloned().collect())
}

/// The extensions of a request that no field of the profile decides about.
fn copied_extensions(
    request: &SigningRequest,
    profile: &Profile,
) -> Result<Vec<CustomExtension>, CsrError> {
    let decided = [
        SUBJECT_KEY_ID,
        KEY_USAGE,
        SUBJECT_ALT_NAME,
        BASIC_CONSTRAINTS,
        EXTENDED_KEY_USAGE,
    ];
    let others = request.extensions().iter();
    let others = others.filter(|extension| !decided.contains(&extension.oid.as_slice()));
    others
        .map(|extension| {
            let allowed = &profile.allowed_extensions;
            let rule = if !profile.copy_extensions {
                Some("copies none; set copy_extensions to take it over")
            } else if !allowed.is_empty() && !allowed.contains(&extension.oid) {
                Some("does not list it in allowed_extensions")
            } else if is_written_here(&extension.oid) {
                Some("decides about it itself")
            } else {
                None
            };
            if let Some(rule) = rule {
                return Err(CsrError::Extension {
                    subject: request.subject().to_string(),
                    oid: der::dotted(&extension.oid),
                    profile: profile.name.clone(),
                    rule,
                });
            }
            let value = extension.value.clone();
            let mut copy = CustomExtension::from_oid_content(&extension.oid, value);
            copy.set_criticality(extension.critical);
            Ok(copy)
        })
        .collect()
}

/// Authority key identifier, CRL distribution points, authority information access and OCSP
/// no-check: statements of the issuer, never of the one who asks.
fn is_written_here(oid: &[u64]) -> bool {
    matches!(
        oid,
        [2, 5, 29, 35 | 31] | [1, 3, 6, 1, 5, 5, 7, 1, 1] | [1, 3, 6, 1, 5, 5, 7, 48, 1, 5]
    )
}

/// Notes the extensions that came out otherwise than they were asked for.
fn note_replaced(
    request: &SigningRequest,
    profile: &Profile,
    issued: &mut Issued,
) -> Result<(), CsrError> {
    let (_, certificate) =
        X509Certificate::from_der(&issued.der).map_err(|_| IssueError::SelfCheck {
            what: "it does not parse",
        })?;
    for (oid, name) in [
        (KEY_USAGE, "the requested key usage"),
        (EXTENDED_KEY_USAGE, "the requested extended key usage"),
        (BASIC_CONSTRAINTS, "the requested path length"),
        (SUBJECT_KEY_ID, "the requested subject key identifier"),
    ] {
        let asked = request.extensions().iter().find(|other| other.oid == oid);
        let asked = asked.filter(|_| oid != BASIC_CONSTRAINTS || request.wants_authority());
        let dotted = der::dotted(oid);
        let mut written = certificate.iter_extensions();
        let written = written.find(|other| other.oid.to_id_string() == dotted);
        if asked.is_some_and(|asked| written.is_none_or(|other| other.value != asked.value)) {
            let reason = format!("profile {:?} decides about it", profile.name);
            let what = name.to_owned();
            issued.notes.push(IssueNote::LeftOut { what, reason });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::KeyAlgorithm;
    use crate::pki::csr::tests::{key, sans, with_extension};
    use crate::pki::issue::tests::{authority_of, many_valued, now};
    use crate::pki::{CaConstraint, Usages};

    #[test]
    fn a_request_is_signed_as_it_asks() {
        let authority = authority_of(KeyAlgorithm::EcdsaP384);
        let names = sans(&["m1", "10.0.0.1", "fd00::1", "a@b.c", "spiffe://a/b"]);
        let request = SigningRequest::create(&key(), &many_valued("m1"), &names).unwrap();
        let (profile, none) = (Profile::built_in(), SignOverrides::default());
        let issued = sign_request(&authority, &profile, &request, &none, now()).unwrap();
        assert_eq!(issued.notes, []);
        let (_, read) = X509Certificate::from_der(&issued.der).unwrap();
        assert_eq!(read.subject().as_raw(), many_valued("m1").as_der());
        assert_eq!(read.public_key().raw, request.public_key().spki_der());
        let found = read.subject_alternative_name().unwrap().unwrap();
        assert_eq!(found.value.general_names.len(), 5);
    }

    #[test]
    fn overrides_replace_names_and_subject() {
        let authority = authority_of(KeyAlgorithm::EcdsaP256);
        let request = SigningRequest::create(&key(), &many_valued("m1"), &sans(&["m1"])).unwrap();
        let overrides = SignOverrides {
            sans: Some(sans(&["10.0.0.9"])),
            subject: Some(many_valued("other")),
        };
        let profile = Profile::built_in();
        let issued = sign_request(&authority, &profile, &request, &overrides, now()).unwrap();
        let (_, read) = X509Certificate::from_der(&issued.der).unwrap();
        assert_eq!(read.subject().as_raw(), many_valued("other").as_der());
        let names = read.subject_alternative_name().unwrap().unwrap();
        assert_eq!(names.value.general_names.len(), 1);
    }

    #[test]
    fn a_name_that_can_t_be_written_needs_an_override() {
        let authority = authority_of(KeyAlgorithm::EcdsaP256);
        let empty_dns_name = [0x30, 2, 0x82, 0];
        let bytes = with_extension(SUBJECT_ALT_NAME, &empty_dns_name, false);
        let request = SigningRequest::from_der(&bytes).unwrap();
        let (profile, mut overrides) = (Profile::built_in(), SignOverrides::default());
        let error = sign_request(&authority, &profile, &request, &overrides, now()).unwrap_err();
        assert!(matches!(error, CsrError::San { .. }), "{error}");
        overrides.sans = Some(sans(&["m1"]));
        let issued = sign_request(&authority, &profile, &request, &overrides, now()).unwrap();
        assert_eq!(issued.notes, []);
    }

    #[test]
    fn what_the_whitelist_lacks_is_left_out_and_told() {
        let authority = authority_of(KeyAlgorithm::EcdsaP256);
        let names = sans(&["m1", "10.0.0.1"]);
        let request = SigningRequest::create(&key(), &many_valued("m1"), &names).unwrap();
        let profile = Profile {
            csr_whitelist: Some(CsrWhitelist {
                public_key: true,
                dns_names: true,
                ..CsrWhitelist::default()
            }),
            ..Profile::built_in()
        };
        let none = SignOverrides::default();
        let issued = sign_request(&authority, &profile, &request, &none, now()).unwrap();
        let notes: Vec<String> = issued.notes.iter().map(ToString::to_string).collect();
        assert_eq!(
            notes,
            [
                "the subject CN=m1,O=one+O=two was left out: the CSRWhitelist of profile \
                 \"default\" lacks it",
                "10.0.0.1 was left out: the CSRWhitelist of profile \"default\" lacks it",
            ]
        );
    }

    #[test]
    fn a_ca_is_only_issued_by_a_profile_for_cas() {
        let authority = authority_of(KeyAlgorithm::EcdsaP256);
        let constraints = [0x30, 3, 1, 1, 0xff];
        let bytes = with_extension(BASIC_CONSTRAINTS, &constraints, true);
        let request = SigningRequest::from_der(&bytes).unwrap();
        assert!(request.wants_authority());
        let none = SignOverrides::default();
        let mut profile = Profile::built_in();
        let error = sign_request(&authority, &profile, &request, &none, now()).unwrap_err();
        assert!(matches!(error, CsrError::WantsAuthority { .. }), "{error}");
        profile.ca = Some(CaConstraint { path_len: Some(0) });
        profile.usages = Usages::certificate_authority();
        let issued = sign_request(&authority, &profile, &request, &none, now()).unwrap();
        assert!(issued.notes[0].to_string().contains("path length"));
    }

    #[test]
    fn unknown_extensions_are_copied_or_refused() {
        let authority = authority_of(KeyAlgorithm::EcdsaP256);
        let must_staple = [1, 3, 6, 1, 5, 5, 7, 1, 24];
        let value = [0x30, 3, 2, 1, 5];
        let request =
            |oid: &[u64]| SigningRequest::from_der(&with_extension(oid, &value, false)).unwrap();
        let sign = |oid: &[u64], profile: &Profile| {
            let none = SignOverrides::default();
            sign_request(&authority, profile, &request(oid), &none, now())
        };
        let error = sign(&must_staple, &Profile::built_in()).unwrap_err();
        assert!(error.to_string().contains("copies none"), "{error}");
        let mut profile = Profile {
            copy_extensions: true,
            ..Profile::built_in()
        };
        let issued = sign(&must_staple, &profile).unwrap();
        assert!(issued.der.windows(5).any(|bytes| bytes == value));
        let error = sign(&[2, 5, 29, 31], &profile).unwrap_err();
        assert!(error.to_string().contains("decides about it"), "{error}");
        profile.allowed_extensions = vec![vec![1, 2, 3]];
        let error = sign(&must_staple, &profile).unwrap_err();
        assert!(error.to_string().contains("does not list it"), "{error}");
    }

    #[test]
    fn requested_usages_give_way_to_the_profile_s() {
        let authority = authority_of(KeyAlgorithm::EcdsaP256);
        // digitalSignature and keyEncipherment, as the built-in profile has it; then keyAgreement.
        for (bits, notes) in [([3, 2, 5, 0xa0], 0), ([3, 2, 3, 8], 1)] {
            let bytes = with_extension(KEY_USAGE, &bits, true);
            let request = SigningRequest::from_der(&bytes).unwrap();
            let (profile, none) = (Profile::built_in(), SignOverrides::default());
            let issued = sign_request(&authority, &profile, &request, &none, now()).unwrap();
            let told = issued.notes.iter();
            let told = told.filter(|note| matches!(note, IssueNote::LeftOut { .. }));
            assert_eq!(told.count(), notes);
        }
    }
}
