//! Signing requests: keys are born on the node they are for, and never leave it.

use std::path::PathBuf;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::pki::{PrivateKey, SigningRequest, sign_request};
use crate::plan::certificates::{RequestIssue, RequestSign};
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::sys::files;
use crate::sys::pairs;

use super::certs::{
    CERT_MODE, appeared, authority, make_parents, pki, refuse_existing, remove_created, replanned,
};

const KEY_MODE: u32 = 0o600;

/// A file that this step created: where it is from here, and as the plan names it.
struct Created {
    local: PathBuf,
    path: PathBuf,
}

pub(in crate::plan) fn make(
    world: &World,
    requests: &[RequestIssue],
) -> Result<Outcome, StepError> {
    let mut created = Vec::new();
    let made = requests
        .iter()
        .try_for_each(|request| make_one(world, request, &mut created));
    if let Err(error) = made {
        for file in &created {
            // Best effort: the error that is told is the one that ended the step.
            let _ = files::remove(&file.local);
        }
        return Err(error);
    }
    Ok(Outcome::CreatedFiles {
        paths: created.into_iter().map(|file| file.path).collect(),
        notes: Vec::new(),
    })
}

/// Writes the key first: a request whose key is lost would be signed for nothing.
fn make_one(
    world: &World,
    request: &RequestIssue,
    created: &mut Vec<Created>,
) -> Result<(), StepError> {
    let order = request.order.get().ok_or_else(replanned)?;
    let node = world.node(&request.on)?;
    let (key_path, request_path) = (
        node.local(&request.key_path),
        node.local(&request.request_path),
    );
    pairs::recover(&key_path, &node.local(&request.cert_path))?;
    let key = match files::read_optional(&key_path)?.map(Zeroizing::new) {
        Some(pem) => PrivateKey::from_pem(&pem, None).map_err(pki)?,
        None if request.key_is_there => {
            return Err(StepError::Moved {
                what: key_path.display().to_string(),
                expected: "a private key".into(),
                found: "no file".into(),
            });
        }
        None => {
            let key = PrivateKey::generate(request.key_algorithm).map_err(pki)?;
            make_parents(&[&key_path])?;
            files::write_new(&key_path, key.to_pem().as_bytes(), KEY_MODE)?;
            created.push(Created {
                local: key_path,
                path: request.key_path.clone(),
            });
            key
        }
    };
    let made = SigningRequest::create(&key, &order.subject, &order.sans).map_err(pki)?;
    make_parents(&[&request_path])?;
    if request.replace {
        files::write_atomic(&request_path, made.pem().as_bytes(), CERT_MODE)?;
        return Ok(());
    }
    if request_path.exists() {
        return Err(appeared(&request_path));
    }
    files::write_new(&request_path, made.pem().as_bytes(), CERT_MODE)?;
    created.push(Created {
        local: request_path,
        path: request.request_path.clone(),
    });
    Ok(())
}

/// Takes back requests and their keys, but no key that has a certificate by now: without its key
/// the certificate would be worth nothing.
pub(in crate::plan) fn take_back(
    world: &World,
    requests: &[RequestIssue],
    outcome: &Outcome,
) -> Result<(), StepError> {
    let mut places = Vec::new();
    for request in requests {
        let on = request.on.as_str();
        places.push((on, request.request_path.as_path()));
        if !world.node(on)?.local(&request.cert_path).exists() {
            places.push((on, request.key_path.as_path()));
        }
    }
    remove_created(world, &places, outcome)
}

pub(in crate::plan) fn sign(
    world: &World,
    on: &str,
    sign: &RequestSign,
) -> Result<Outcome, StepError> {
    let order = sign.order.get().ok_or_else(replanned)?;
    let cert_path = world.node(on)?.local(&sign.cert_path);
    if !sign.replace {
        refuse_existing(&[&cert_path])?;
    }
    let issued = sign_request(
        authority(world)?,
        &order.profile,
        &order.request,
        &order.overrides,
        Timestamp::now(),
    );
    let issued = issued.map_err(pki)?;
    make_parents(&[&cert_path])?;
    let pem = issued.pem();
    let paths = match sign.replace {
        true => {
            files::write_atomic(&cert_path, pem.as_bytes(), CERT_MODE)?;
            Vec::new()
        }
        false => {
            files::write_new(&cert_path, pem.as_bytes(), CERT_MODE)?;
            vec![sign.cert_path.clone()]
        }
    };
    // What is otherwise than it was asked for was told with the plan.
    Ok(Outcome::CreatedFiles {
        paths,
        notes: Vec::new(),
    })
}
