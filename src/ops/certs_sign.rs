//! `certs sign`: signing requests become certificates, under the rules of a profile.
//!
//! Each request is signed once on trial while planning, so that what a profile refuses or leaves out
//! is told before anything is written; that certificate is thrown away.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::model::{CaFiles, PkiSpec};
use crate::node::LocalNode;
use crate::pki::inspect::{self, CertificateFacts, Lifetime, RequestFacts};
use crate::pki::{
    CertificateAuthority, CertificateKind, CsrError, IssueError, PairPaths, Profile, San,
    SignOverrides, SigningRequest, Strictness, TemplateFinding, TemplateSet, ca_of_request,
    kind_of_request, pairs_of_request, sign_request,
};
use crate::plan::{Action, CaTarget, Order, Plan, RequestSign, SignOrder};
use crate::sys::files::{self, FileError};

use super::Refusal;
use super::certs_gen::here;
use super::host_certificates::NearEnd;
use super::issuing::{IssuingError, ca_files, load_authority, load_templates};
use super::node_files::operator_node;

/// What the operator wishes.
#[derive(Clone, Debug)]
pub struct SignWish {
    /// Where the CA is, and the templates.
    pub pki: PkiSpec,
    /// Passphrase of the CA's key, where it is encrypted.
    pub passphrase: Option<Zeroizing<String>>,
    /// The requests' files.
    pub requests: Vec<PathBuf>,
    /// Where certificates go; beside their requests where there is none.
    pub out: Option<PathBuf>,
    /// What all of them are for, instead of what file names say.
    pub kind: Option<CertificateKind>,
    /// The signing profile, instead of the kind's.
    pub profile: Option<String>,
    /// Names and addresses instead of those in the request.
    pub names: Option<Vec<San>>,
    /// Whether certificates that are there are replaced.
    pub replace: bool,
    /// When a certificate no longer counts as valid because its end is near.
    pub near_end: NearEnd,
    /// How mistakes in templates are treated that cfssl passes over.
    pub strictness: Strictness,
}

/// What was found.
#[derive(Debug)]
pub struct Looked {
    /// The requests, in order.
    pub requests: Vec<Candidate>,
    /// The CA's files.
    pub ca_files: CaFiles,
    /// The CA that signs.
    pub authority: CertificateAuthority,
    /// What is odd about the templates.
    pub warnings: Vec<TemplateFinding>,
    /// The one node of the plan's world.
    pub world_nodes: Vec<LocalNode>,
}

/// A request that can be signed.
#[derive(Debug)]
pub struct Candidate {
    /// Its file.
    pub path: PathBuf,
    /// Where its certificate goes.
    pub cert_path: PathBuf,
    /// Where the CA's certificate belongs, if it is not there.
    pub ca_path: Option<PathBuf>,
    /// What will be in the certificate.
    pub trial: CertificateFacts,
    /// What is otherwise than it was asked for.
    pub notes: Vec<String>,
    /// What is there already.
    pub existing: ExistingCertificate,
    request: SigningRequest,
    profile: Profile,
    overrides: SignOverrides,
}

/// A certificate where a new one would go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExistingCertificate {
    /// There is none.
    Missing,
    /// It is what signing the request would give.
    Valid,
    /// It is not; why.
    Invalid(Vec<String>),
}

/// Why requests are not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The templates are wrong, or lack the profile.
    #[error(transparent)]
    Issuing(#[from] IssuingError),
    /// A request that is none.
    #[error("{}: {error}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: CsrError,
    },
    /// A file whose name says nothing.
    #[error("{}: its name does not tell what the certificate is for", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
    },
    /// Two requests for one certificate.
    #[error("{} and {} would both become {}", one.display(), other.display(), cert.display())]
    Collision {
        /// The first.
        one: PathBuf,
        /// The second.
        other: PathBuf,
        /// The certificate.
        cert: PathBuf,
    },
    /// etcdha chose not to sign.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Reads requests, CA and what is there, and signs on trial.
///
/// # Errors
/// A request that is none or is refused, a CA that can't sign, mistakes in templates.
pub fn observe(wish: &SignWish, now: Timestamp) -> Result<Looked, SignError> {
    // The requests come first: whoever mistypes a name need not have a CA at hand.
    let read: Result<Vec<_>, SignError> = wish.requests.iter().map(|path| read(path)).collect();
    let requests = read?;
    let templates = load_templates(&wish.pki, wish.strictness)?;
    let files = ca_files(&wish.pki);
    let passphrase = wish.passphrase.as_deref().map(String::as_str);
    let authority = load_authority(&files, passphrase).map_err(ca_unusable)?;
    let signer = Signer {
        wish,
        templates: &templates.value,
        authority: &authority,
        now,
    };
    let mut candidates = Vec::new();
    let mut places: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for (path, request) in wish.requests.iter().zip(requests) {
        let candidate = signer.candidate(path, request)?;
        let cert = candidate.cert_path.clone();
        if let Some(one) = places.insert(cert.clone(), path.clone()) {
            let other = path.clone();
            return Err(SignError::Collision { one, other, cert });
        }
        candidates.push(candidate);
    }
    Ok(Looked {
        requests: candidates,
        ca_files: files,
        authority,
        warnings: templates.warnings,
        world_nodes: vec![operator_node()],
    })
}

/// The certificate that is in a file now; none where it can't be read as one.
///
/// # Errors
/// A file that can't be read.
pub fn certificate_at(path: &Path) -> Result<Option<CertificateFacts>, FileError> {
    Ok(inspect::first_certificate(&files::read(path)?).ok())
}

fn read(path: &Path) -> Result<SigningRequest, SignError> {
    SigningRequest::from_bytes(&files::read(path)?).map_err(|error| SignError::Input {
        path: path.to_owned(),
        error,
    })
}

pub(super) fn ca_unusable(why: String) -> Refusal {
    let fix = "name certificate and key of the CA: --pki-ca-cert FILE --pki-ca-key FILE, or pki.ca \
               in the cluster file; a passphrase goes into ETCDHA_CA_PASSPHRASE";
    Refusal::new("ca-unusable", why, fix)
}

struct Signer<'a> {
    wish: &'a SignWish,
    templates: &'a TemplateSet,
    authority: &'a CertificateAuthority,
    now: Timestamp,
}

impl Signer<'_> {
    fn candidate(&self, path: &Path, request: SigningRequest) -> Result<Candidate, SignError> {
        let kind = self.wish.kind.or_else(|| kind_of_request(path));
        let config = &self.templates.config;
        let profile = match (&self.wish.profile, kind) {
            (Some(profile), _) => config.profile(profile),
            (None, Some(kind)) => config.profile_for(kind),
            (None, None) => {
                let path = path.to_owned();
                return Err(SignError::Kind { path });
            }
        };
        let profile = profile.map_err(IssuingError::from)?;
        let overrides = SignOverrides {
            sans: self.wish.names.clone(),
            subject: None,
        };
        let issued = sign_request(self.authority, &profile, &request, &overrides, self.now);
        let issued = issued.map_err(|error| refused(path, error))?;
        let trial = CertificateFacts::from_der(&issued.der).map_err(|error| {
            let what = format!(
                "{}: the certificate would be unreadable: {error}",
                path.display()
            );
            Refusal::new(
                "request-refused",
                what,
                "make the request anew: etcdha certs csr",
            )
        })?;
        let (layout, pair) = self.place(path)?;
        own_key(path, &pair, &request)?;
        let ca_path = match kind {
            Some(kind) => self.missing_ca(match &self.wish.out {
                Some(out) => {
                    ca_of_request(layout, CertificateKind::Server, &out.join("server.csr"))
                }
                None => ca_of_request(layout, kind, path),
            })?,
            None => None,
        };
        let existing = self.existing(&pair.cert, &trial)?;
        Ok(Candidate {
            path: path.to_owned(),
            cert_path: pair.cert,
            ca_path,
            trial,
            notes: issued.notes.iter().map(ToString::to_string).collect(),
            existing,
            request,
            profile,
            overrides,
        })
    }

    /// The pair that the request becomes: the one whose key lies beside it, or as the layout says.
    fn place(&self, path: &Path) -> Result<(crate::model::PkiLayout, PairPaths), SignError> {
        let pairs = pairs_of_request(path);
        let by_key = pairs.iter().find(|(_, pair)| pair.key.exists());
        let by_layout = pairs
            .iter()
            .find(|(layout, _)| *layout == self.wish.pki.layout);
        let (layout, mut pair) = by_key.or(by_layout).unwrap_or(&pairs[0]).clone();
        if let (Some(out), Some(name)) = (&self.wish.out, pair.cert.file_name()) {
            pair.cert = out.join(name);
        }
        Ok((layout, pair))
    }

    /// Where the CA's certificate has to be put; none where it is there.
    fn missing_ca(&self, path: PathBuf) -> Result<Option<PathBuf>, SignError> {
        let Some(bytes) = files::read_optional(&path)? else {
            return Ok(Some(path));
        };
        let held = inspect::certificates(&bytes).unwrap_or_default();
        let ours = self.authority.certificate_der();
        if held.iter().any(|facts| facts.der == ours) {
            return Ok(None);
        }
        let what = format!(
            "{} holds another CA than the one that signs",
            path.display()
        );
        let fix = "sign with that CA (--pki-ca-cert, --pki-ca-key), add the new one to the file, or \
                   write elsewhere (--out DIR)";
        Err(Refusal::new("foreign-ca", what, fix).into())
    }

    fn existing(
        &self,
        cert: &Path,
        trial: &CertificateFacts,
    ) -> Result<ExistingCertificate, SignError> {
        let Some(bytes) = files::read_optional(cert)? else {
            return Ok(ExistingCertificate::Missing);
        };
        let found = match inspect::first_certificate(&bytes) {
            Ok(found) => found,
            Err(error) => return Ok(ExistingCertificate::Invalid(vec![error.to_string()])),
        };
        let wrong = self.differences(&found, trial);
        Ok(match wrong.is_empty() {
            true => ExistingCertificate::Valid,
            false => ExistingCertificate::Invalid(wrong),
        })
    }

    fn differences(&self, found: &CertificateFacts, trial: &CertificateFacts) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Ok(ca) = CertificateFacts::from_der(self.authority.certificate_der())
            && let Err(why) = inspect::signed_by(found, &ca)
        {
            wrong.push(format!("another CA signed it: {why}"));
        }
        if !found.public_key.same_key(&trial.public_key) {
            wrong.push("it is for another key than the request".to_owned());
        }
        let warn_days = self.wish.near_end.warn_days(Some(found));
        match found.lifetime(self.now) {
            Lifetime::NotYetValid => wrong.push("it is not yet valid".to_owned()),
            Lifetime::Expired { days_ago } => wrong.push(format!("it ended {days_ago}d ago")),
            Lifetime::Valid { days_left } if days_left < warn_days => {
                wrong.push(format!("it ends in {days_left}d"));
            }
            Lifetime::Valid { .. } => {}
        }
        if found.subject.der != trial.subject.der {
            let (is, asked) = (&found.subject.text, &trial.subject.text);
            wrong.push(format!("its subject is {is}, the request asks for {asked}"));
        }
        if found.extensions.names != trial.extensions.names {
            let names = |facts: &CertificateFacts| -> String {
                let names: Vec<String> = facts.extensions.names.iter().collect();
                if names.is_empty() {
                    "no names".into()
                } else {
                    names.join(" ")
                }
            };
            let (has, asked) = (names(found), names(trial));
            wrong.push(format!("it has {has}, signing would give {asked}"));
        }
        if found.extensions.extended_key_usage != trial.extensions.extended_key_usage {
            wrong.push("its extended key usage is not the profile's".to_owned());
        }
        wrong
    }
}

/// A request is answered beside the key it was made with, or where there is none.
fn own_key(path: &Path, pair: &PairPaths, request: &SigningRequest) -> Result<(), SignError> {
    let Some(bytes) = files::read_optional(&pair.key)?.map(Zeroizing::new) else {
        return Ok(());
    };
    let contents = inspect::read(&bytes);
    let Some(public) = contents
        .private_keys()
        .find_map(|key| key.public_key.as_ref())
    else {
        // Encrypted: its public half can't be told.
        return Ok(());
    };
    let asked = RequestFacts::from_der(request.as_der());
    if asked.is_ok_and(|asked| asked.public_key.same_key(public)) {
        return Ok(());
    }
    let (key, csr) = (pair.key.display(), path.display());
    let what = format!("{key} is not the key that {csr} was made with");
    let fix = "make the request anew from that key: etcdha certs csr";
    Err(Refusal::new("key-mismatch", what, fix).into())
}

/// What the request's owner has to mend is bad input; what the rules keep out is refused.
fn refused(path: &Path, error: CsrError) -> SignError {
    let what = format!("{}: {error}", path.display());
    let fix = match &error {
        CsrError::WantsAuthority { .. } | CsrError::Extension { .. } => {
            "ask for a request without that, or sign under a profile that allows it: --profile NAME"
        }
        CsrError::San { .. } => "name them yourself: --names NAME,…",
        CsrError::Issue(
            IssueError::IssuerExpired { .. } | IssueError::IssuerNotYetValid { .. },
        ) => {
            return Refusal::new("ca-unusable", what, "sign with a CA that is valid now").into();
        }
        CsrError::Issue(_) => "correct the request (etcdha certs csr), the names or the profile",
        _ => {
            let path = path.to_owned();
            return SignError::Input { path, error };
        }
    };
    Refusal::new("request-refused", what, fix).into()
}

/// Plans the signatures, one step each, so that whoever agrees sees every name.
pub fn plan(wish: &SignWish, looked: &Looked) -> Plan {
    let mut steps = Vec::new();
    let mut targets: Vec<CaTarget> = Vec::new();
    let mut signed = Vec::new();
    for candidate in &looked.requests {
        let is_there = candidate.existing != ExistingCertificate::Missing;
        if !is_there || wish.replace {
            signed.push(candidate);
            steps.push(here(Action::SignRequest(sign(candidate, is_there))));
        }
        if let Some(path) = &candidate.ca_path
            && !targets.iter().any(|target| target.path == absolute(path))
        {
            targets.push(CaTarget {
                on: operator_node().name.to_string(),
                path: absolute(path),
            });
        }
    }
    let headline = match signed.len() {
        1 => format!("sign 1 request with the CA {}", looked.authority.subject()),
        count => format!(
            "sign {count} requests with the CA {}",
            looked.authority.subject()
        ),
    };
    let mut notes: Vec<String> = looked.warnings.iter().map(ToString::to_string).collect();
    notes.extend(told(&signed));
    if !targets.is_empty() {
        steps.push(here(Action::InstallCa { targets }));
    }
    Plan {
        command: "certs sign".into(),
        headline,
        steps,
        checked: Vec::new(),
        notes,
    }
}

/// What is otherwise than it was asked for, each thing once.
fn told(signed: &[&Candidate]) -> Vec<String> {
    let mut by_note: Vec<(&String, Vec<&Path>)> = Vec::new();
    for candidate in signed {
        for note in &candidate.notes {
            match by_note.iter_mut().find(|(other, _)| *other == note) {
                Some((_, paths)) => paths.push(&candidate.path),
                None => by_note.push((note, vec![&candidate.path])),
            }
        }
    }
    let line = |(note, paths): (&String, Vec<&Path>)| match paths.as_slice() {
        [one] => format!("{}: {note}", one.display()),
        many => format!("{} requests: {note}", many.len()),
    };
    by_note.into_iter().map(line).collect()
}

/// A path from the root, as plans need it; as it is where the current directory is gone.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn sign(candidate: &Candidate, replace: bool) -> RequestSign {
    RequestSign {
        request_path: candidate.path.clone(),
        cert_path: absolute(&candidate.cert_path),
        replace,
        profile: candidate.profile.name.clone(),
        subject: candidate.trial.subject.text.clone(),
        names: candidate.trial.extensions.names.iter().collect(),
        order: Order::new(SignOrder {
            profile: candidate.profile.clone(),
            request: candidate.request.clone(),
            overrides: candidate.overrides.clone(),
        }),
    }
}
