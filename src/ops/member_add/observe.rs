//! What `member add` looks at: the cluster, the hosts that join, the CA. Changes nothing.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::cluster::{
    self, ClusterAccess, ClusterError, ClusterView, MemberView, verify_consistency,
};
use crate::manifest::{attempt_of, holds_etcd_pod};
use crate::model::{ClusterSpec, EtcdVersion, MemberSpec, Topology};
use crate::node::LocalNode;
use crate::ops::host_certificates::{Standard, judge};
use crate::ops::issuing::{IssuingError, ca_files, load_authority, load_templates};
use crate::ops::node_files::{
    MANIFEST_DIR, ca_in, etcd_manifest, kinds_for, local_node, pair_in, starter,
};
use crate::pki::inspect::{self, CertificateFacts};
use crate::pki::{CertificateAuthority, Strictness};
use crate::sys::files::{self, FileError};
use crate::sys::http_get::{self, HttpTls};
use crate::sys::tcp::{self, TcpAnswer};

use super::MemberAddRequest;
use super::observed::{CaFileState, Observed, ObservedService, ObservedTarget, PortState};

/// How long a host may take to answer or refuse a connection.
const PORT_PATIENCE: Duration = Duration::from_secs(3);

/// What was found, and the CA that goes with it.
#[derive(Debug)]
pub struct Looked {
    /// The facts.
    pub observed: Observed,
    /// The CA that signs, where there is one.
    pub authority: Option<CertificateAuthority>,
    /// How to reach the cluster from now on: through the members that answer, and those to come.
    pub access: ClusterAccess,
}

/// Why looking failed.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// etcd does not answer.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The templates are wrong.
    #[error(transparent)]
    Issuing(#[from] IssuingError),
}

/// Looks at everything `member add` decides on.
///
/// # Errors
/// Where no member answers, or a host's files can't be read.
pub async fn observe(
    request: &MemberAddRequest,
    access: &ClusterAccess,
    now: Timestamp,
) -> Result<Looked, ObserveError> {
    let spec = &request.spec;
    let view = cluster::observe(access).await?;
    let mut access = access.with_endpoints(view.live_endpoints());
    let consistency = verify_consistency(&access, &access.endpoints).await;
    let clocks = clocks(&view, &access).await;
    let trusted = trusted(&access);
    let templates = load_templates(&spec.pki, Strictness::Lenient)?.value;
    let authority = load_authority(
        &ca_files(&spec.pki),
        request.passphrase.as_deref().map(String::as_str),
    );
    let authority = authority.and_then(|authority| is_trusted(authority, &trusted));
    let mut targets = Vec::new();
    for name in &request.names {
        if let Some(member) = spec
            .member(name)
            .filter(|member| !votes(&view, request, member))
        {
            let standard = Standard {
                spec,
                trusted: &trusted,
                now,
                warn_days: 0,
            };
            targets.push(target(request, member, standard).await?);
        }
    }
    let joining = request.names.iter().filter_map(|name| spec.member(name));
    access
        .endpoints
        .extend(joining.map(|member| spec.client_url(member)));
    let ca = match &authority {
        Ok(authority) => Ok(authority.subject().to_string()),
        Err(why) => Err(why.clone()),
    };
    let observed = Observed {
        version: lowest_version(&view),
        consistency: consistency.map_err(|error| error.to_string()),
        view,
        clocks,
        ca,
        templates,
        targets,
    };
    Ok(Looked {
        observed,
        authority: authority.ok(),
        access,
    })
}

/// A member that votes is none to look at: there is nothing to do for it.
fn votes(view: &ClusterView, request: &MemberAddRequest, member: &MemberSpec) -> bool {
    let url = request.spec.peer_url(member);
    let name = member.name.as_str();
    view.voters()
        .any(|voter| voter.info.name == name && voter.info.peer_urls.contains(&url))
}

/// The CAs that servers are verified with; what joins must be signed by one of them.
fn trusted(access: &ClusterAccess) -> Vec<CertificateFacts> {
    let bundle = access
        .tls
        .as_ref()
        .map(|tls| inspect::certificates(&tls.ca));
    bundle.and_then(Result::ok).unwrap_or_default()
}

fn is_trusted(
    authority: CertificateAuthority,
    trusted: &[CertificateFacts],
) -> Result<CertificateAuthority, String> {
    let known = trusted
        .iter()
        .any(|facts| facts.der == authority.certificate_der());
    if known || trusted.is_empty() {
        return Ok(authority);
    }
    Err(format!(
        "the CA {} is not the one this cluster trusts",
        authority.subject()
    ))
}

fn lowest_version(view: &ClusterView) -> Option<EtcdVersion> {
    let versions = view
        .members
        .iter()
        .filter_map(|member| member.status.as_ref().ok());
    versions
        .filter_map(|status| status.version.parse().ok())
        .min()
}

/// Reads each member's clock from the `Date` its HTTP server sends.
async fn clocks(view: &ClusterView, access: &ClusterAccess) -> Vec<(String, i64)> {
    let mut asking = JoinSet::new();
    for member in view.members.iter().filter(|member| member.status.is_ok()) {
        let (member, access) = (member.clone(), access.clone());
        asking.spawn(async move { clock(&member, &access).await });
    }
    asking.join_all().await.into_iter().flatten().collect()
}

async fn clock(member: &MemberView, access: &ClusterAccess) -> Option<(String, i64)> {
    let url = member.info.client_urls.first()?;
    let tls = access.tls.as_ref().map(|tls| HttpTls {
        ca: &tls.ca,
        identity: tls
            .identity
            .as_ref()
            .map(|(certificate, key)| (certificate.as_slice(), key)),
    });
    let answer = http_get::get(&url.0, "/version", tls.as_ref(), access.timeout)
        .await
        .ok()?;
    let ours = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some((
        member.info.display_name(),
        answer.date? - i64::try_from(ours).ok()?,
    ))
}

async fn target(
    request: &MemberAddRequest,
    member: &MemberSpec,
    standard: Standard<'_>,
) -> Result<ObservedTarget, ObserveError> {
    let spec = &request.spec;
    let node = local_node(member);
    let (peer, client) = (spec.etcd.peer_port, spec.etcd.client_port);
    let (peer_state, client_state) = tokio::join!(
        port_state(member.address, peer),
        port_state(member.address, client)
    );
    let ports = vec![(peer, peer_state), (client, client_state)];
    let manifest = node.read(&starter(spec, member))?;
    let mut certificates = Vec::new();
    for kind in kinds_for(member) {
        let paths = pair_in(&spec.pki.host_dir, spec, member, kind);
        certificates.push((kind, judge(standard, &node, member, kind, &paths)?));
    }
    Ok(ObservedTarget {
        name: member.name.clone(),
        data_dir: node.data_dir(&spec.etcd.data_dir)?,
        manifest: manifest.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        service: service(spec, member, &node)?,
        earlier_attempts: earlier_attempts(&node, &request.backup_dir)?,
        other_etcd_manifests: other_etcd_manifests(&node)?,
        ports,
        free_bytes: node.free_bytes(&spec.etcd.data_dir)?,
        certificates,
        ca_file: ca_file(&node, request, standard.trusted)?,
    })
}

fn service(
    spec: &ClusterSpec,
    member: &MemberSpec,
    node: &LocalNode,
) -> Result<Option<ObservedService>, FileError> {
    if spec.topology_of(member) == Topology::Stacked {
        return Ok(None);
    }
    let service = &spec.etcd.service;
    let environment = node.read(&service.environment_file)?;
    Ok(Some(ObservedService {
        environment: environment.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        binary_is_there: node.local(&service.binary).is_file(),
        account: node.account(&service.user)?,
    }))
}

/// Reads the copies of manifests that earlier runs took away or replaced.
fn earlier_attempts(node: &LocalNode, backup_dir: &Path) -> Result<u32, FileError> {
    let file = etcd_manifest();
    let prefix = format!("{}.", file.file_name().unwrap_or_default().display());
    let mut highest = 0;
    for name in files::list(&node.local(backup_dir))? {
        if let Some(text) = node.read(&backup_dir.join(&name))?
            && name.starts_with(&prefix)
        {
            let attempt = attempt_of(&String::from_utf8_lossy(&text)).unwrap_or(1);
            highest = highest.max(attempt);
        }
    }
    Ok(highest)
}

async fn port_state(ip: IpAddr, port: u16) -> PortState {
    match tcp::probe(ip, port, PORT_PATIENCE).await {
        TcpAnswer::Open => PortState::InUse,
        TcpAnswer::Refused => PortState::Free,
        TcpAnswer::Silent(why) => PortState::Unreachable(why),
    }
}

/// The kubelet reads every file whose name does not begin with a dot, whatever its extension.
fn other_etcd_manifests(node: &LocalNode) -> Result<Vec<String>, FileError> {
    let directory = Path::new(MANIFEST_DIR);
    let ours = etcd_manifest();
    let mut found = Vec::new();
    for name in files::list(&node.local(directory))? {
        let path = directory.join(&name);
        if name.starts_with('.') || path == ours || node.local(&path).is_dir() {
            continue;
        }
        let text = node.read(&path)?.unwrap_or_default();
        if holds_etcd_pod(&String::from_utf8_lossy(&text)) {
            found.push(path.display().to_string());
        }
    }
    Ok(found)
}

fn ca_file(
    node: &LocalNode,
    request: &MemberAddRequest,
    trusted: &[CertificateFacts],
) -> Result<CaFileState, FileError> {
    let path = ca_in(&request.spec.pki.host_dir, &request.spec);
    let Some(bytes) = node.read(&path)? else {
        return Ok(CaFileState::Missing);
    };
    let held = inspect::certificates(&bytes).unwrap_or_default();
    let all_there = trusted
        .iter()
        .all(|ca| held.iter().any(|facts| facts.der == ca.der));
    Ok(match all_there && !held.is_empty() {
        true => CaFileState::Trusted,
        false => CaFileState::Foreign,
    })
}
