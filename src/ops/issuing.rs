//! What is issued for whom: cluster file and templates become certificate requests.
//!
//! Everything is resolved here, so that issuing has nothing to decide.

use std::collections::BTreeMap;
use std::path::Path;

use crate::model::{CaFiles, ClusterSpec, MemberSpec, PkiSpec};
use crate::pki::{
    CaRequest, CertificateAuthority, CertificateKind, IssueError, LeafRequest, NameError, Parsed,
    PrivateKey, ProfileError, San, SanError, Strictness, Subject, TemplateDefaults,
    TemplateFinding, TemplateSet, ca_paths, check_leaf, format_lifetime, parse_lifetime,
};
use crate::plan::{CaIssue, LeafIssue, LeafOrder, Order};
use crate::sys::files::{self, FileError};

use super::node_files::pair_in;

/// Why certificates can't be requested.
#[derive(Debug, thiserror::Error)]
pub enum IssuingError {
    /// A template or key file can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A template is wrong.
    #[error(transparent)]
    Template(#[from] TemplateFinding),
    /// A profile is missing or unusable.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A profile does not let a request through.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// A subject can't be encoded.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A name is none that certificates can carry.
    #[error("{place}: {source}")]
    San {
        /// Where the name stands.
        place: String,
        /// Why.
        source: SanError,
    },
    /// A lifetime is none.
    #[error("{field}: {reason}")]
    Lifetime {
        /// The field of the cluster file.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// Reads the templates: the operator's directory over those built in, and these as the cluster file
/// wants them.
///
/// # Errors
/// A directory or file that can't be read, the first mistake in one, or a lifetime that is none.
pub fn load_templates(
    pki: &PkiSpec,
    strictness: Strictness,
) -> Result<Parsed<TemplateSet>, IssuingError> {
    let directory = pki.templates.as_deref();
    let mut own = BTreeMap::new();
    if let Some(directory) = directory {
        // A named directory that isn't there is a mistake, not an empty set.
        files::demand_dir(directory)?;
        for name in files::list(directory)? {
            if name.ends_with(".json") {
                own.insert(name.clone(), files::read(&directory.join(&name))?);
            }
        }
    }
    let shown = directory
        .map(|directory| directory.display().to_string())
        .unwrap_or_default();
    let parsed = TemplateSet::parse(&own, &shown, strictness)?;
    let defaults = TemplateDefaults {
        key_algorithm: pki.key_algorithm,
        leaf_validity: lifetime("pki.leafValidity", pki.leaf_validity.as_deref())?,
        ca_validity: lifetime("pki.caValidity", pki.ca_validity.as_deref())?,
    };
    Ok(Parsed {
        value: parsed.value.with_defaults(defaults),
        warnings: parsed.warnings,
    })
}

/// Where the CA's certificate and key are.
pub fn ca_files(pki: &PkiSpec) -> CaFiles {
    if let Some(files) = &pki.ca {
        return files.clone();
    }
    let names = ca_paths(pki.layout);
    CaFiles {
        cert: pki.dir.join(names.cert),
        key: pki.dir.join(names.key),
    }
}

/// Loads the CA that signs. The text of an error says what is wrong with which file.
///
/// # Errors
/// A file that is missing or unreadable, a passphrase that is missing or wrong, a key that is not the
/// certificate's, a certificate that is no CA.
pub fn load_authority(
    files: &CaFiles,
    passphrase: Option<&str>,
) -> Result<CertificateAuthority, String> {
    let read = |path: &Path| match files::read_optional(path) {
        Ok(Some(bytes)) => Ok(zeroize::Zeroizing::new(bytes)),
        Ok(None) => Err(format!("{} does not exist", path.display())),
        Err(error) => Err(format!("{error}: {}", error.source)),
    };
    let (cert, key) = (read(&files.cert)?, read(&files.key)?);
    let key = PrivateKey::from_pem(&key, passphrase)
        .map_err(|error| format!("{}: {error}", files.key.display()))?;
    CertificateAuthority::from_pem(&cert, key)
        .map_err(|error| format!("{}: {error}", files.cert.display()))
}

/// The CA to be made.
///
/// # Errors
/// A subject that can't be encoded or a lifetime that is none.
pub fn ca_issue(spec: &ClusterSpec, templates: &TemplateSet) -> Result<CaIssue, IssuingError> {
    let request = CaRequest::from_template(&templates.ca)?;
    let files = ca_files(&spec.pki);
    Ok(CaIssue {
        cert_path: files.cert,
        key_path: files.key,
        subject: request.subject.to_string(),
        lifetime: format_lifetime(request.ca.expiry),
        key_algorithm: templates.ca.key.unwrap_or_default(),
        order: Order::new(request),
    })
}

fn lifetime(
    field: &'static str,
    text: Option<&str>,
) -> Result<Option<jiff::SignedDuration>, IssuingError> {
    let Some(text) = text else { return Ok(None) };
    match parse_lifetime(text) {
        Ok(parsed) => Ok(Some(parsed.length)),
        Err(error) => Err(IssuingError::Lifetime {
            field,
            reason: error.to_string(),
        }),
    }
}

/// Where a leaf's files are written.
#[derive(Clone, Copy, Debug)]
pub struct LeafPlace<'a> {
    /// The node of the [`crate::plan::World`] they are written on.
    pub on: &'a str,
    /// The certificate directory there.
    pub directory: &'a Path,
    /// True where an existing pair is replaced.
    pub replace: bool,
}

/// A leaf to be issued.
///
/// # Errors
/// Where templates or names do not allow it.
pub fn leaf_issue(
    spec: &ClusterSpec,
    templates: &TemplateSet,
    member: &MemberSpec,
    kind: CertificateKind,
    place: LeafPlace<'_>,
) -> Result<LeafIssue, IssuingError> {
    let template = templates.leaf(kind);
    let request = leaf_request(spec, templates, member, kind)?;
    let paths = pair_in(place.directory, spec, member, kind);
    let profile = templates.config.profile_for(kind)?;
    check_leaf(&profile, &request)?;
    Ok(LeafIssue {
        on: place.on.to_owned(),
        node: member.name.to_string(),
        kind: kind.to_string(),
        cert_path: paths.cert,
        key_path: paths.key,
        replace: place.replace,
        subject: request.subject.to_string(),
        names: request.sans.iter().map(ToString::to_string).collect(),
        profile: profile.name.clone(),
        key_algorithm: template.key.unwrap_or_default(),
        order: Order::new(LeafOrder { profile, request }),
    })
}

/// Subject and names of a leaf.
///
/// # Errors
/// Where templates or names do not allow it.
pub fn leaf_request(
    spec: &ClusterSpec,
    templates: &TemplateSet,
    member: &MemberSpec,
    kind: CertificateKind,
) -> Result<LeafRequest, IssuingError> {
    let template = templates.leaf(kind);
    let subject = Subject {
        common_name: Some(common_name(templates, member, kind)),
        ..template.subject.clone()
    };
    Ok(LeafRequest {
        subject: subject.to_name()?,
        sans: names_of(spec, templates, member, kind)?,
        crl_url: template.crl_url.clone(),
    })
}

fn common_name(templates: &TemplateSet, member: &MemberSpec, kind: CertificateKind) -> String {
    let own = templates.leaf(kind).subject.common_name.clone();
    let default = || {
        kind.common_name()
            .map_or_else(|| member.name.to_string(), str::to_owned)
    };
    own.filter(|name| !name.is_empty()).unwrap_or_else(default)
}

/// The names and addresses of a leaf: the node's own first, then those of the template.
///
/// # Errors
/// A name that certificates can't carry.
pub fn names_of(
    spec: &ClusterSpec,
    templates: &TemplateSet,
    member: &MemberSpec,
    kind: CertificateKind,
) -> Result<Vec<San>, IssuingError> {
    let mut sans = Vec::new();
    if kind.is_dialled() {
        let own = [member.name.to_string(), "localhost".to_owned()];
        let addresses = member.addresses().map(|address| address.to_string());
        let loopbacks = ["127.0.0.1".to_owned(), "::1".to_owned()];
        let named = own.into_iter().chain(addresses).chain(loopbacks);
        let extra = member
            .extra_names
            .iter()
            .chain(&spec.pki.extra_names)
            .cloned();
        let vip = spec
            .frontend
            .vip
            .filter(|_| spec.pki.include_vip && kind == CertificateKind::Server)
            .map(|vip| vip.to_string());
        for name in named.chain(extra).chain(vip) {
            let place = || format!("{}: extra name", member.name);
            let san = name.parse();
            sans.push(san.map_err(|source| IssuingError::San {
                place: place(),
                source,
            })?);
        }
    }
    sans.extend(templates.leaf(kind).hosts.iter().cloned());
    Ok(crate::pki::distinct_sans(sans))
}
