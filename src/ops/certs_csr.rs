//! `certs csr`: keys and signing requests, so that the CA's key can stay offline.
//!
//! Keys are respected: one that is there is used for the request and never replaced, so a pair is
//! whole as soon as its certificate comes back.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::model::{KeyAlgorithm, NodeName};
use crate::node::LocalNode;
use crate::pki::{
    CertificateKind, LeafRequest, PairPaths, PrivateKey, PublicKey, SigningRequest,
    TemplateFinding, request_path,
};
use crate::plan::{Action, Order, Plan, RequestIssue, Step};
use crate::sys::files::{self, FileError};
use crate::sys::pairs;

use super::Refusal;
use super::certs_gen::{self, CertsRequest, Existing, GenError, LeafState, NodePlace};
use super::host_certificates::PairState;
use super::issuing::leaf_request;

/// Bits by which others than its owner reach a file.
const OTHERS: u32 = 0o077;

/// What was found.
#[derive(Debug)]
pub struct Looked {
    /// Every pair asked for.
    pub pairs: Vec<PairPlace>,
    /// What is odd about the templates.
    pub warnings: Vec<TemplateFinding>,
    /// The nodes of the plan's world.
    pub world_nodes: Vec<LocalNode>,
}

/// A pair, and what is to be requested for it.
#[derive(Debug)]
pub struct PairPlace {
    /// The node it is for.
    pub node: NodeName,
    /// The node of the plan's world that its files are on.
    pub on: String,
    /// The node's certificate directory.
    pub directory: PathBuf,
    /// What it is for.
    pub kind: CertificateKind,
    /// Where the pair is or will be.
    pub paths: PairPaths,
    /// Where its request is or will be.
    pub request_path: PathBuf,
    /// What the request should ask for.
    pub wanted: LeafRequest,
    /// A new key's algorithm.
    pub key_algorithm: KeyAlgorithm,
    /// What becomes of it.
    pub state: RequestState,
}

/// What becomes of a pair's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// It has a certificate that is valid.
    Certified,
    /// It has a certificate that is not, and that is kept; why.
    Invalid(Vec<String>),
    /// Its request is there and asks for the right things.
    Waiting,
    /// A request is to be made.
    Wanted {
        /// Whether the key is there.
        key_is_there: bool,
        /// Whether a request is there that asks for something else.
        replace: bool,
    },
    /// The key that is there can't be used; why.
    KeyUnusable(String),
}

/// Looks at keys, certificates and requests.
///
/// # Errors
/// Files that can't be read, mistakes in templates.
pub fn observe(request: &CertsRequest, now: Timestamp) -> Result<Looked, GenError> {
    let looked = certs_gen::observe(request, now)?;
    let mut pairs = Vec::new();
    for place in &looked.observed.nodes {
        let Some(member) = request.spec.member(&place.name) else {
            continue;
        };
        let reach = looked
            .world_nodes
            .iter()
            .find(|node| node.name.as_str() == place.on);
        let Some(reach) = reach else { continue };
        for leaf in &place.leaves {
            let templates = &looked.observed.templates;
            let wanted = leaf_request(&request.spec, templates, member, leaf.kind)?;
            let request_path = request_path(&leaf.paths);
            let state = state(request, reach, leaf, &request_path, &wanted)?;
            pairs.push(PairPlace {
                key_algorithm: templates.leaf(leaf.kind).key.unwrap_or_default(),
                ..pair_place(place, leaf, request_path, wanted, state)
            });
        }
    }
    Ok(Looked {
        pairs,
        warnings: looked.observed.warnings,
        world_nodes: looked.world_nodes,
    })
}

fn pair_place(
    place: &NodePlace,
    leaf: &LeafState,
    request_path: PathBuf,
    wanted: LeafRequest,
    state: RequestState,
) -> PairPlace {
    PairPlace {
        node: place.name.clone(),
        on: place.on.clone(),
        directory: place.directory.clone(),
        kind: leaf.kind,
        paths: leaf.paths.clone(),
        request_path,
        wanted,
        key_algorithm: KeyAlgorithm::default(),
        state,
    }
}

fn state(
    request: &CertsRequest,
    node: &LocalNode,
    leaf: &LeafState,
    request_path: &Path,
    wanted: &LeafRequest,
) -> Result<RequestState, FileError> {
    let (cert, key) = (node.local(&leaf.paths.cert), node.local(&leaf.paths.key));
    let is_half_done = pairs::is_interrupted(&key, &cert) && !cert.exists();
    if cert.exists() && !is_half_done {
        match &leaf.state {
            PairState::Valid => return Ok(RequestState::Certified),
            PairState::Invalid(wrong) if request.existing == Existing::Keep => {
                return Ok(RequestState::Invalid(wrong.clone()));
            }
            PairState::Invalid(_) | PairState::Missing => {}
        }
    }
    let public = match public_key(&key)? {
        None => None,
        Some(Ok(public)) => Some(public),
        Some(Err(why)) => return Ok(RequestState::KeyUnusable(why)),
    };
    let there = node.read(request_path)?;
    let fits = there.as_deref().is_some_and(|bytes| {
        SigningRequest::from_bytes(bytes).is_ok_and(|found| {
            Some(found.public_key()) == public.as_ref()
                && found.subject() == &wanted.subject
                && found.sans() == wanted.sans
        })
    });
    Ok(match fits {
        true => RequestState::Waiting,
        false => RequestState::Wanted {
            key_is_there: public.is_some(),
            replace: there.is_some(),
        },
    })
}

/// The public half of a key file; why it can't be used, and `None` where there is none.
fn public_key(path: &Path) -> Result<Option<Result<PublicKey, String>>, FileError> {
    let Some(pem) = files::read_optional(path)?.map(Zeroizing::new) else {
        return Ok(None);
    };
    let key = match PrivateKey::from_pem(&pem, None) {
        Ok(key) => key,
        Err(error) => return Ok(Some(Err(error.to_string()))),
    };
    let metadata = std::fs::metadata(path).map_err(|source| FileError {
        doing: "look at",
        path: path.to_owned(),
        source,
    })?;
    let mode = metadata.mode() & 0o7777;
    if mode & OTHERS != 0 {
        let why = format!("it has mode {mode:04o}, expected 0600: others may have read it");
        return Ok(Some(Err(why)));
    }
    Ok(Some(Ok(key.public_key().clone())))
}

/// Plans the requests that are missing, a step for each node.
///
/// # Errors
/// A [`Refusal`] where a key that is there can't be used.
pub fn plan(request: &CertsRequest, looked: &Looked) -> Result<Plan, Refusal> {
    let mut steps: Vec<Step> = Vec::new();
    let mut count = 0;
    let mut last = None;
    for pair in &looked.pairs {
        let (key_is_there, replace) = match &pair.state {
            RequestState::Wanted {
                key_is_there,
                replace,
            } => (*key_is_there, *replace),
            RequestState::KeyUnusable(why) => return Err(key_unusable(pair, why)),
            RequestState::Certified | RequestState::Invalid(_) | RequestState::Waiting => continue,
        };
        count += 1;
        let issue = issue(pair, key_is_there, replace);
        let is_same_node = last.replace(&pair.node) == Some(&pair.node);
        match steps.last_mut().map(|step| &mut step.action) {
            Some(Action::MakeRequests { requests }) if is_same_node => requests.push(issue),
            _ => steps.push(Step {
                on: pair.on.clone(),
                action: Action::MakeRequests {
                    requests: vec![issue],
                },
                voters: None,
            }),
        }
    }
    Ok(Plan {
        command: "certs csr".into(),
        headline: format!(
            "make {count} signing requests for cluster {}",
            request.spec.name
        ),
        steps,
        checked: Vec::new(),
        notes: looked.warnings.iter().map(ToString::to_string).collect(),
    })
}

fn key_unusable(pair: &PairPlace, why: &str) -> Refusal {
    let what = format!("{}: {}: {why}", pair.node, pair.paths.key.display());
    Refusal::new(
        "key-unusable",
        what,
        "move it away, and a new key is made; or put an unencrypted key with mode 0600 there",
    )
}

fn issue(pair: &PairPlace, key_is_there: bool, replace: bool) -> RequestIssue {
    let wanted = &pair.wanted;
    RequestIssue {
        on: pair.on.clone(),
        node: pair.node.to_string(),
        kind: pair.kind.to_string(),
        request_path: pair.request_path.clone(),
        key_path: pair.paths.key.clone(),
        cert_path: pair.paths.cert.clone(),
        key_is_there,
        replace,
        subject: wanted.subject.to_string(),
        names: wanted.sans.iter().map(ToString::to_string).collect(),
        key_algorithm: pair.key_algorithm,
        order: Order::new(wanted.clone()),
    }
}
