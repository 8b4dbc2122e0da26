//! `certs revoke`: the CA's revocation list, as etcd reads it.
//!
//! Invariant: a certificate is only revoked by its own CA. etcd compares serial numbers and nothing
//! else, so the number of another CA's certificate would hit whoever has the same one here.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::model::{CaFiles, PkiSpec};
use crate::node::LocalNode;
use crate::pki::inspect::{self, CertificateFacts};
use crate::pki::{
    CertificateAuthority, CrlError, Revocation, RevocationList, RevocationReason, Serial,
    format_lifetime,
};
use crate::plan::{Action, CrlOrder, CrlWrite, FileExpectation, Order, Plan};
use crate::sys::files::{self, FileError};

use super::Refusal;
use super::certs_gen::here;
use super::certs_sign::{absolute, ca_unusable};
use super::issuing::{ca_files, load_authority};
use super::node_files::operator_node;

/// What the operator wishes.
#[derive(Clone, Debug)]
pub struct RevokeWish {
    /// Where the CA is.
    pub pki: PkiSpec,
    /// Passphrase of the CA's key, where it is encrypted.
    pub passphrase: Option<Zeroizing<String>>,
    /// Certificates to revoke.
    pub certificates: Vec<PathBuf>,
    /// Serial numbers to revoke.
    pub serials: Vec<Serial>,
    /// Why.
    pub reason: Option<RevocationReason>,
    /// The list; beside the CA's certificate where none is named.
    pub crl: Option<PathBuf>,
    /// Where a PEM copy goes.
    pub copy: Option<PathBuf>,
    /// How long the list counts as fresh.
    pub lifetime: SignedDuration,
    /// Whether a list is made even where nothing is added to it.
    pub refresh: bool,
}

/// What was found.
#[derive(Debug)]
pub struct Looked {
    /// The list's file.
    pub crl_path: PathBuf,
    /// The list, where there is one.
    pub before: Option<RevocationList>,
    /// What is to be revoked, in order.
    pub targets: Vec<Target>,
    /// The CA that signs.
    pub authority: CertificateAuthority,
    /// The one node of the plan's world.
    pub world_nodes: Vec<LocalNode>,
    expect: FileExpectation,
    copy_is_current: bool,
    was_pem: bool,
}

/// A certificate to be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its serial number.
    pub serial: Serial,
    /// Its file and subject; none for a bare serial number.
    pub certificate: Option<(PathBuf, String)>,
    /// Whether the list has it already.
    pub is_listed: bool,
}

/// Why nothing is revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that is no certificate, or none that this CA can revoke.
    #[error("{}: {why}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A list that can't be continued.
    #[error("{}: {error}", path.display())]
    List {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: CrlError,
    },
    /// etcdha chose not to revoke.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Where the list of a CA is kept by default.
pub fn crl_path(ca: &CaFiles) -> PathBuf {
    ca.cert.with_extension("crl")
}

/// Reads the CA, its list and the certificates.
///
/// # Errors
/// Files that can't be read or are none of this CA's.
pub fn observe(wish: &RevokeWish) -> Result<Looked, RevokeError> {
    let files = ca_files(&wish.pki);
    let passphrase = wish.passphrase.as_deref().map(String::as_str);
    let authority = load_authority(&files, passphrase).map_err(ca_unusable)?;
    let crl_path = wish.crl.clone().unwrap_or_else(|| crl_path(&files));
    let bytes = files::read_optional(&crl_path)?;
    let before = bytes
        .as_deref()
        .map(|bytes| RevocationList::from_bytes(bytes, &authority))
        .transpose()
        .map_err(|error| RevokeError::List {
            path: crl_path.clone(),
            error,
        })?;
    let expect = match &bytes {
        Some(bytes) => FileExpectation::of(bytes),
        None => FileExpectation::Absent,
    };
    let copy = match &wish.copy {
        Some(path) => files::read_optional(path)?,
        None => None,
    };
    let current = before.as_ref().map(RevocationList::pem);
    Ok(Looked {
        targets: targets(wish, &authority, before.as_ref())?,
        copy_is_current: copy.is_some_and(|copy| Some(copy) == current.map(String::into_bytes)),
        was_pem: before
            .as_ref()
            .is_some_and(|list| bytes.as_deref() != Some(list.as_der())),
        crl_path,
        before,
        authority,
        world_nodes: vec![operator_node()],
        expect,
    })
}

fn targets(
    wish: &RevokeWish,
    authority: &CertificateAuthority,
    before: Option<&RevocationList>,
) -> Result<Vec<Target>, RevokeError> {
    let mut targets: Vec<Target> = Vec::new();
    let mut add = |serial: Serial, certificate| {
        if !targets.iter().any(|target| target.serial == serial) {
            let is_listed = before.is_some_and(|list| list.contains(&serial));
            targets.push(Target {
                serial,
                certificate,
                is_listed,
            });
        }
    };
    for path in &wish.certificates {
        let (serial, subject) = own_certificate(path, authority)?;
        add(serial, Some((path.clone(), subject)));
    }
    for serial in &wish.serials {
        add(serial.clone(), None);
    }
    Ok(targets)
}

/// The serial number and subject of a certificate that the CA issued.
fn own_certificate(
    path: &Path,
    authority: &CertificateAuthority,
) -> Result<(Serial, String), RevokeError> {
    let wrong = |why: String| RevokeError::Certificate {
        path: path.to_owned(),
        why,
    };
    let bytes = files::read(path)?;
    let facts = inspect::first_certificate(&bytes).map_err(|error| wrong(error.to_string()))?;
    if facts.der == authority.certificate_der() {
        let why = "it is the CA itself, which no list of its own can revoke; make a new CA";
        return Err(wrong(why.to_owned()));
    }
    let ca = CertificateFacts::from_der(authority.certificate_der())
        .map_err(|error| wrong(error.to_string()))?;
    if let Err(why) = inspect::signed_by(&facts, &ca) {
        return Err(wrong(format!("it is not from this CA: {why}")));
    }
    let serial = facts.serial.to_string().parse();
    let serial = serial.map_err(|error: crate::pki::SerialError| wrong(error.to_string()))?;
    Ok((serial, facts.subject.text))
}

/// Plans the next list, if there is anything to say in it.
pub fn plan(wish: &RevokeWish, looked: &Looked, now: Timestamp) -> Plan {
    let added: Vec<&Target> = looked.targets.iter().filter(|t| !t.is_listed).collect();
    let is_new = looked.before.is_none();
    let makes_list = !added.is_empty() || wish.refresh;
    let mut steps = Vec::new();
    let mut notes = Vec::new();
    if makes_list {
        let number = looked.before.as_ref().map_or(0, RevocationList::number);
        let number = number.saturating_add(1).to_string();
        steps.push(here(Action::WriteCrl(list(
            wish, looked, &added, number, now,
        ))));
        if !looked.authority.signs_crls() {
            notes.push(
                "the CA's key usage lacks cRLSign, as a kubeadm CA's does: etcd takes the list, \
                 openssl and others refuse it"
                    .to_owned(),
            );
        }
        if looked.was_pem {
            let path = looked.crl_path.display();
            notes.push(format!(
                "{path} is PEM and becomes DER, the form that etcd reads"
            ));
        }
    }
    if let Some(copy) = &wish.copy
        && (makes_list || (!is_new && !looked.copy_is_current))
    {
        steps.push(here(Action::CopyCrl {
            from: absolute(&looked.crl_path),
            path: absolute(copy),
        }));
    }
    Plan {
        command: "certs revoke".into(),
        headline: format!(
            "revoke {} of the CA {}",
            match added.len() {
                1 => "1 certificate".to_owned(),
                count => format!("{count} certificates"),
            },
            looked.authority.subject()
        ),
        steps,
        checked: Vec::new(),
        notes,
    }
}

fn list(
    wish: &RevokeWish,
    looked: &Looked,
    added: &[&Target],
    number: String,
    now: Timestamp,
) -> CrlWrite {
    let revoked = added.iter().map(|target| Revocation {
        serial: target.serial.clone(),
        date: now,
        reason: wish.reason,
        invalid_since: None,
    });
    CrlWrite {
        path: absolute(&looked.crl_path),
        expect: looked.expect.clone(),
        number,
        serials: added
            .iter()
            .map(|target| target.serial.to_string())
            .collect(),
        reason: wish.reason.map(|reason| reason.to_string()),
        lifetime: format_lifetime(wish.lifetime),
        order: Order::new(CrlOrder {
            before: looked.before.clone(),
            revoked: revoked.collect(),
            lifetime: wish.lifetime,
        }),
    }
}
