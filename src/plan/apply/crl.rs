//! Revocation lists.

use std::path::Path;

use jiff::Timestamp;

use crate::pki::{RevocationList, revoke};
use crate::plan::certificates::CrlWrite;
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::sys::files;

use super::certs::{CERT_MODE, authority, pki, replanned};
use super::files::expect;

/// Mode of directories for public files.
const DIR_MODE: u32 = 0o755;

/// Writes DER, the one form that etcd reads.
pub(in crate::plan) fn write(
    world: &World,
    on: &str,
    crl: &CrlWrite,
) -> Result<Outcome, StepError> {
    let order = crl.order.get().ok_or_else(replanned)?;
    let path = world.node(on)?.local(&crl.path);
    expect(
        &crl.path,
        &crl.expect,
        files::read_optional(&path)?.as_deref(),
    )?;
    let list = revoke(
        authority(world)?,
        order.before.as_ref(),
        &order.revoked,
        Timestamp::now(),
        order.lifetime,
    );
    let list = list.map_err(pki)?;
    put(&path, list.as_der())?;
    Ok(Outcome::Noted {
        text: format!("list {}: {} revoked", list.number(), list.entries().len()),
    })
}

/// Writes PEM, for tools that read nothing else.
pub(in crate::plan) fn copy(
    world: &World,
    on: &str,
    from: &Path,
    path: &Path,
) -> Result<Outcome, StepError> {
    let node = world.node(on)?;
    let bytes = files::read(&node.local(from))?;
    let list = RevocationList::from_bytes(&bytes, authority(world)?).map_err(pki)?;
    put(&node.local(path), list.pem().as_bytes())?;
    Ok(Outcome::Plain)
}

fn put(path: &Path, contents: &[u8]) -> Result<(), StepError> {
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        files::ensure_dir(parent, DIR_MODE)?;
    }
    Ok(files::write_atomic(path, contents, CERT_MODE)?)
}
