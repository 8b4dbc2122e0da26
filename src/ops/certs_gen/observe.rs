//! What is there: the CA, and each node's pairs. Changes nothing.

use std::path::PathBuf;
use std::thread;

use jiff::Timestamp;

use crate::model::{CaFiles, MemberSpec, NodeName};
use crate::node::LocalNode;
use crate::ops::host_certificates::{PairState, Standard, judge};
use crate::ops::issuing::{IssuingError, ca_files, load_authority, load_templates};
use crate::ops::node_files::{ca_in, kinds_for, operator_node, pair_in};
use crate::pki::inspect::{self, CertificateFacts};
use crate::pki::{
    CertificateAuthority, CertificateKind, PairPaths, TemplateFinding, TemplateSet, check_issuer,
};
use crate::sys::files::{self, FileError};
use crate::sys::pairs;

use super::{CertsRequest, Place};

/// What was found.
#[derive(Debug)]
pub struct Observed {
    /// The CA's files.
    pub ca_files: CaFiles,
    /// What the CA is.
    pub ca: CaState,
    /// What certificates are made from.
    pub templates: TemplateSet,
    /// What is odd about the templates.
    pub warnings: Vec<TemplateFinding>,
    /// The nodes asked for.
    pub nodes: Vec<NodePlace>,
}

/// Facts and the CA that goes with them.
#[derive(Debug)]
pub struct Looked {
    /// The facts.
    pub observed: Observed,
    /// The CA that signs, where there is one.
    pub authority: Option<CertificateAuthority>,
    /// The nodes of the plan's world.
    pub world_nodes: Vec<LocalNode>,
}

/// The state of the CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaState {
    /// There is none: it will be made.
    Absent,
    /// It can sign.
    Ready,
    /// There is something, and it can't sign; why.
    Unusable(String),
}

/// A node's certificate directory and what is in it.
#[derive(Clone, Debug)]
pub struct NodePlace {
    /// The node.
    pub name: NodeName,
    /// The node of the plan's world that its files are on.
    pub on: String,
    /// Its certificate directory there.
    pub directory: PathBuf,
    /// The CA's certificate: none, the right one, or another.
    pub ca_path: PathBuf,
    /// Whether the CA's certificate is there; `Err` tells what is there instead.
    pub ca_is_there: Result<bool, String>,
    /// Its pairs.
    pub leaves: Vec<LeafState>,
}

/// A pair and what was found.
#[derive(Clone, Debug)]
pub struct LeafState {
    /// What it is for.
    pub kind: CertificateKind,
    /// Where it is or will be.
    pub paths: PairPaths,
    /// What was found.
    pub state: PairState,
}

/// Why looking failed.
#[derive(Debug, thiserror::Error)]
pub enum GenError {
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The templates are wrong.
    #[error(transparent)]
    Issuing(#[from] IssuingError),
}

/// Looks at the CA and at every pair.
///
/// # Errors
/// Files that can't be read, mistakes in templates.
pub fn observe(request: &CertsRequest, now: Timestamp) -> Result<Looked, GenError> {
    let spec = &request.spec;
    let templates = load_templates(&spec.pki, request.strictness)?;
    let files = ca_files(&spec.pki);
    let (ca, authority) = ca_state(&files, request, now);
    let trusted = trusted(&files, authority.as_ref())?;
    let standard = Standard {
        spec,
        trusted: &trusted,
        now,
        warn_days: request.near_end.warn_days(None),
    };
    let wanted: Vec<_> = spec
        .members
        .iter()
        .filter(|member| request.nodes.is_empty() || request.nodes.contains(&member.name))
        .map(|member| (node_of(request, member), member))
        .collect();
    let nodes = node_places(request, standard, &wanted)?;
    let mut world_nodes = vec![operator_node()];
    if request.place == Place::Hosts {
        world_nodes.extend(wanted.into_iter().map(|(node, _)| node));
    }
    let observed = Observed {
        ca_files: files,
        ca,
        templates: templates.value,
        warnings: templates.warnings,
        nodes,
    };
    Ok(Looked {
        observed,
        authority,
        world_nodes,
    })
}

fn node_of(request: &CertsRequest, member: &MemberSpec) -> LocalNode {
    match request.place {
        Place::Operator { .. } => operator_node(),
        Place::Hosts => crate::ops::node_files::local_node(member),
    }
}

fn ca_state(
    files: &CaFiles,
    request: &CertsRequest,
    now: Timestamp,
) -> (CaState, Option<CertificateAuthority>) {
    // A CA that was named is one to adopt: a slip of the pen must not make a second one.
    let may_be_made = request.spec.pki.ca.is_none();
    let half_made = pairs::is_interrupted(&files.key, &files.cert);
    if may_be_made && !files.cert.exists() && (half_made || !files.key.exists()) {
        return (CaState::Absent, None);
    }
    let passphrase = request.passphrase.as_deref().map(String::as_str);
    let authority = load_authority(files, passphrase).and_then(|authority| {
        let in_time = check_issuer(&authority, now);
        in_time.map_err(|error| format!("{}: {error}", files.cert.display()))?;
        Ok(authority)
    });
    match authority {
        Ok(authority) => (CaState::Ready, Some(authority)),
        Err(why) => (CaState::Unusable(why), None),
    }
}

/// What leaves must be signed by: the CA that signs, or whatever certificate is there in its place.
fn trusted(
    files: &CaFiles,
    authority: Option<&CertificateAuthority>,
) -> Result<Vec<CertificateFacts>, FileError> {
    let bytes = match authority {
        Some(authority) => Some(authority.certificate_pem().into_bytes()),
        None => files::read_optional(&files.cert)?,
    };
    Ok(bytes
        .and_then(|bytes| inspect::certificates(&bytes).ok())
        .unwrap_or_default())
}

/// Looks at all nodes, as many at once as there are processors: judging takes signatures.
fn node_places(
    request: &CertsRequest,
    standard: Standard<'_>,
    wanted: &[(LocalNode, &MemberSpec)],
) -> Result<Vec<NodePlace>, FileError> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let chunk = wanted.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let look =
            |(node, member): &(LocalNode, &MemberSpec)| node_place(request, standard, node, member);
        let lookers: Vec<_> = wanted
            .chunks(chunk)
            .map(|chunk| scope.spawn(move || chunk.iter().map(look).collect::<Result<Vec<_>, _>>()))
            .collect();
        let mut places = Vec::with_capacity(wanted.len());
        for looker in lookers {
            match looker.join() {
                Ok(found) => places.extend(found?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(places)
    })
}

fn node_place(
    request: &CertsRequest,
    standard: Standard<'_>,
    node: &LocalNode,
    member: &MemberSpec,
) -> Result<NodePlace, FileError> {
    let spec = &request.spec;
    let directory = match &request.place {
        Place::Operator { directory } => directory.join("nodes").join(member.name.as_str()),
        Place::Hosts => spec.pki.host_dir.clone(),
    };
    let kinds = kinds_for(member);
    let wanted = kinds
        .into_iter()
        .filter(|kind| request.kinds.is_empty() || request.kinds.contains(kind));
    let mut leaves = Vec::new();
    for kind in wanted {
        let paths = pair_in(&directory, spec, member, kind);
        let found = node.read(&paths.cert)?;
        let found = found.and_then(|bytes| inspect::first_certificate(&bytes).ok());
        let standard = Standard {
            warn_days: request.near_end.warn_days(found.as_ref()),
            ..standard
        };
        let state = judge(standard, node, member, kind, &paths)?;
        leaves.push(LeafState { kind, paths, state });
    }
    let ca_path = ca_in(&directory, spec);
    let ca_is_there = match node.read(&ca_path)? {
        None => Ok(false),
        Some(bytes) => {
            let held = inspect::certificates(&bytes).unwrap_or_default();
            let all = standard.trusted.iter();
            let mut missing = all.filter(|ca| !held.iter().any(|facts| facts.der == ca.der));
            match (missing.next(), standard.trusted.is_empty()) {
                (None, false) => Ok(true),
                _ => Err(format!(
                    "{} holds another CA",
                    node.local(&ca_path).display()
                )),
            }
        }
    };
    Ok(NodePlace {
        name: member.name.clone(),
        on: node.name.to_string(),
        directory,
        ca_path,
        ca_is_there,
        leaves,
    })
}
