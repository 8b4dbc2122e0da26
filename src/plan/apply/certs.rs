//! Certificates: keys are born here, on their way to the files they live in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::pki::inspect::{self, CertificateFacts};
use crate::pki::{CertificateAuthority, PrivateKey, issue_ca, issue_leaf, pem_encode};
use crate::plan::certificates::{CaIssue, CaTarget, LeafIssue};
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::sys::files;
use crate::sys::pairs::{self, Pair, SecretBytes};

/// Mode of certificates.
pub(super) const CERT_MODE: u32 = 0o644;

/// Mode of directories that hold keys.
const DIR_MODE: u32 = 0o700;

pub(in crate::plan) fn make_ca(
    world: &mut World,
    on: &str,
    ca: &CaIssue,
) -> Result<Outcome, StepError> {
    let request = ca.order.get().ok_or_else(replanned)?;
    let (cert_path, key_path) = {
        let node = world.node(on)?;
        (node.local(&ca.cert_path), node.local(&ca.key_path))
    };
    pairs::recover(&key_path, &cert_path)?;
    if cert_path.exists() && pairs_are_ours(&cert_path, &key_path, world)? {
        return Ok(Outcome::Unchanged);
    }
    refuse_existing(&[&cert_path, &key_path])?;
    let key = PrivateKey::generate(ca.key_algorithm).map_err(pki)?;
    let pem = secret(&key);
    let (authority, issued) = issue_ca(request, key, Timestamp::now()).map_err(pki)?;
    let pair = Pair {
        key_path,
        key: pem,
        cert_path,
        cert: issued.pem().into_bytes(),
    };
    pairs::commit(&[pair], DIR_MODE)?;
    world.authority = Some(authority);
    Ok(Outcome::CreatedFiles {
        paths: vec![ca.cert_path.clone(), ca.key_path.clone()],
        notes: Vec::new(),
    })
}

/// Takes over the CA that a killed run had all but finished.
fn pairs_are_ours(cert: &Path, key: &Path, world: &mut World) -> Result<bool, StepError> {
    let (Some(cert), Some(key)) = (files::read_optional(cert)?, files::read_optional(key)?) else {
        return Ok(false);
    };
    let key = PrivateKey::from_pem(&Zeroizing::new(key), None).map_err(pki)?;
    world.authority = Some(CertificateAuthority::from_pem(&cert, key).map_err(pki)?);
    Ok(true)
}

pub(in crate::plan) fn make_leaves(
    world: &World,
    leaves: &[LeafIssue],
) -> Result<Outcome, StepError> {
    let authority = authority(world)?;
    let now = Timestamp::now();
    let mut made = Vec::with_capacity(leaves.len());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let chunk = leaves.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let workers: Vec<_> = leaves
            .chunks(chunk)
            .map(|chunk| {
                scope.spawn(move || {
                    let each = chunk
                        .iter()
                        .filter_map(|leaf| make_leaf(world, authority, leaf, now).transpose());
                    each.collect::<Result<Vec<_>, _>>()
                })
            })
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(chunk) => made.extend(chunk?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok::<_, StepError>(())
    })?;
    let (pairs, notes): (Vec<Pair>, Vec<Vec<String>>) = made.into_iter().unzip();
    pairs::commit(&pairs, DIR_MODE)?;
    let created = leaves.iter().filter(|leaf| !leaf.replace);
    let paths = created.flat_map(|leaf| [leaf.cert_path.clone(), leaf.key_path.clone()]);
    Ok(Outcome::CreatedFiles {
        paths: paths.collect(),
        notes: notes.into_iter().flatten().collect(),
    })
}

/// Issues a pair; none where a killed run had all but finished it.
fn make_leaf(
    world: &World,
    authority: &CertificateAuthority,
    leaf: &LeafIssue,
    now: Timestamp,
) -> Result<Option<(Pair, Vec<String>)>, StepError> {
    let order = leaf.order.get().ok_or_else(replanned)?;
    let node = world.node(&leaf.on)?;
    let (cert_path, key_path) = (node.local(&leaf.cert_path), node.local(&leaf.key_path));
    if !leaf.replace {
        refuse_existing(&[&cert_path])?;
        // A pair whose key is in place needs its certificate only. Were it replaced, a second kill
        // could leave the new key beside the old certificate.
        pairs::recover(&key_path, &cert_path)?;
        if cert_path.exists() {
            return Ok(None);
        }
    }
    let key = PrivateKey::generate(leaf.key_algorithm).map_err(pki)?;
    let issued = issue_leaf(
        authority,
        &order.profile,
        &order.request,
        key.public_key(),
        now,
    );
    let issued = issued.map_err(pki)?;
    let told = |note| format!("{} {}: {note}", leaf.node, leaf.kind);
    let notes = issued.notes.iter().map(told).collect();
    let pair = Pair {
        key_path,
        key: secret(&key),
        cert_path,
        cert: issued.pem().into_bytes(),
    };
    Ok(Some((pair, notes)))
}

/// Puts the CA's certificate where the nodes look for it.
pub(in crate::plan) fn install_ca(
    world: &World,
    targets: &[CaTarget],
) -> Result<Outcome, StepError> {
    let pem = trusted_pem(world)?;
    let (mut paths, mut missing) = (Vec::new(), Vec::new());
    for target in targets {
        let path = world.node(&target.on)?.local(&target.path);
        match files::read_optional(&path)? {
            Some(found) if found == pem.as_bytes() => continue,
            Some(_) => return Err(appeared(&path)),
            None => missing.push(path),
        }
        paths.push(target.path.clone());
    }
    files::write_new_all(&missing, pem.as_bytes(), CERT_MODE, DIR_MODE)?;
    Ok(Outcome::CreatedFiles {
        paths,
        notes: Vec::new(),
    })
}

/// Every CA that the living cluster trusts, where the signing one is among them: while CAs are being
/// exchanged the members' certificates are signed by several.
fn trusted_pem(world: &World) -> Result<String, StepError> {
    let authority = authority(world)?;
    let tls = world.access.as_ref().and_then(|access| access.tls.as_ref());
    let bundle = tls.and_then(|tls| inspect::certificates(&tls.ca).ok());
    let bundle = bundle.unwrap_or_default();
    let signs = |ca: &CertificateFacts| ca.der == authority.certificate_der();
    if !bundle.iter().any(signs) {
        return Ok(authority.certificate_pem());
    }
    let blocks = bundle.iter();
    let blocks = blocks.map(|ca| String::clone(&pem_encode("CERTIFICATE", &ca.der)));
    Ok(blocks.collect())
}

/// Takes back what this run created. Replaced pairs stay: their old keys are gone.
pub(in crate::plan) fn remove_created(
    world: &World,
    places: &[(&str, &Path)],
    outcome: &Outcome,
) -> Result<(), StepError> {
    let Outcome::CreatedFiles { paths, .. } = outcome else {
        return Ok(());
    };
    for (on, path) in places {
        if paths.iter().any(|created| created == path) {
            files::remove(&world.node(on)?.local(path))?;
        }
    }
    Ok(())
}

pub(super) fn authority(world: &World) -> Result<&CertificateAuthority, StepError> {
    let missing = || StepError::Missing("this run has no CA to sign with".into());
    world.authority.as_ref().ok_or_else(missing)
}

fn secret(key: &PrivateKey) -> SecretBytes {
    SecretBytes(Zeroizing::new(key.to_pem().as_bytes().to_vec()))
}

pub(super) fn pki(error: impl std::error::Error + Send + Sync + 'static) -> StepError {
    StepError::Pki(Box::new(error))
}

pub(super) fn replanned() -> StepError {
    StepError::Missing(
        "a plan from a receipt can't issue certificates: run the command anew".into(),
    )
}

pub(super) fn refuse_existing(paths: &[&PathBuf]) -> Result<(), StepError> {
    match paths.iter().find(|path| path.exists()) {
        Some(path) => Err(appeared(path)),
        None => Ok(()),
    }
}

pub(super) fn appeared(path: &Path) -> StepError {
    StepError::Moved {
        what: path.display().to_string(),
        expected: "no file".into(),
        found: "a file".into(),
    }
}

/// Makes the directories of these files. Outer ones come first: one that holds a key must not come to
/// be as the mere parent of another, which everybody may look into.
pub(super) fn make_parents(paths: &[&PathBuf]) -> Result<(), StepError> {
    let parents: BTreeSet<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
    for parent in parents {
        files::ensure_dir(parent, DIR_MODE)?;
    }
    Ok(())
}
