//! What restoring a cluster looks at: the snapshot, every host's files, whoever answers. Changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::apiserver::demand_ready;
use crate::cluster::{ClusterAccess, Connection};
use crate::datadir::bolt::Image;
use crate::model::{ClientUrl, Host, MemberSpec, NodeName, Topology};
use crate::node::LocalNode;
use crate::ops::apiserver_nodes::{
    FoundManifest, LOOK_PATIENCE, control_plane, credential_places, find_manifest,
    find_manifest_in, reach,
};
use crate::ops::node_files::{MANIFEST_DIR, local_node, operator_node};
use crate::ops::snapshot_restore::{self, OwnerWish};
use crate::plan::{MARK, SET_ASIDE};
use crate::snapshot::restore::foretell_hash_kv;
use crate::sys::files::{self, FileError};
use crate::sys::staged_dir::is_one_mount;
use crate::sys::tcp::{TcpAnswer, probe};

use super::ClusterRestoreRequest;
use super::etcd_pod;
use super::observed::{
    FoundEtcd, How, LivingMember, Observed, ObservedApiserver, ObservedData, ObservedMember,
    SeenSnapshot,
};

pub use crate::ops::snapshot_restore::ObserveError;

/// The port an apiserver that left no manifest would listen on.
const APISERVER_PORT: u16 = 6443;

/// What the directories beside a data directory are called.
pub(super) const BESIDE: &str = ".etcdha-";

/// Reads the snapshot whole. `watch` is told how many bytes of how many have been read; false ends it.
///
/// # Errors
/// A file that can't be read; being ended.
pub fn observe_snapshot(
    request: &ClusterRestoreRequest,
    watch: &(dyn Fn(u64, u64) -> bool + Sync),
) -> Result<SeenSnapshot, ObserveError> {
    let opened = request.opened.as_ref();
    let contents = snapshot_restore::snapshot(&request.snapshot, opened, watch)?;
    let first = contents.as_ref().ok().and_then(|found| {
        let bump = i64::try_from(request.bump).ok()?;
        found.survey.revision.checked_add(bump)
    });
    let foretold = match first {
        Some(first) => {
            let file = match opened {
                Some(file) => file.clone(),
                None => Arc::new(files::open_regular(&request.snapshot)?),
            };
            let image = Image::open(file);
            // What can't be read was told above.
            image
                .ok()
                .and_then(|image| foretell_hash_kv(&image, Some(first), &|_| true).ok())
        }
        None => None,
    };
    Ok(SeenSnapshot { contents, foretold })
}

/// Looks at the hosts, and at whoever answers. `access` says how etcd is reached.
///
/// # Errors
/// Where a host's files can't be read.
pub async fn observe(
    request: &ClusterRestoreRequest,
    snapshot: SeenSnapshot,
    access: &ClusterAccess,
) -> Result<Observed, FileError> {
    let members: Result<Vec<_>, _> = request
        .members()
        .map(|member| observed_member(request, member))
        .collect();
    let mut apiservers = Vec::new();
    let mut stray_apiservers = Vec::new();
    for member in control_plane(&request.spec) {
        if !request.is_left_out(&member.name) {
            apiservers.push(apiserver(request, member).await?);
        } else if probe(member.address, APISERVER_PORT, Duration::from_secs(1)).await
            == TcpAnswer::Open
        {
            stray_apiservers.push(member.name.clone());
        }
    }
    Ok(Observed {
        snapshot,
        self_ids: snapshot_restore::self_ids(),
        members: members?,
        apiservers,
        living: living(request, access).await,
        stray_apiservers,
    })
}

fn observed_member(
    request: &ClusterRestoreRequest,
    member: &MemberSpec,
) -> Result<ObservedMember, FileError> {
    let node = local_node(member);
    let spec = &request.spec;
    let mut seen = ObservedMember {
        name: member.name.clone(),
        root: node.root.clone(),
        how: None,
        data: None,
        owner: Err("such host".to_owned()),
        mark: None,
    };
    if !node.root.is_dir() {
        return Ok(seen);
    }
    let mark = node.read(&request.backup_dir.join(MARK))?;
    seen.mark = mark.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let (how, data_dir, wal_dir, wish) = match spec.topology_of(member) {
        Topology::Stacked => {
            let found = etcd_pod::find(&node, &request.backup_dir)?;
            let (data_dir, wal_dir) = match &found {
                FoundEtcd::One(pod) => (pod.data_dir.clone(), pod.wal_dir.clone()),
                _ => (None, None),
            };
            (How::Pod(found), data_dir, wal_dir, OwnerWish::AsFound)
        }
        Topology::External => {
            let unit = spec.etcd.service.unit.file_stem().unwrap_or_default();
            let how = How::Service(unit.to_string_lossy().into_owned());
            let mut arguments = spec.etcd.extra_args.iter();
            let wal_dir = arguments.find(|argument| argument.name == "wal-dir");
            let wish = OwnerWish::Named {
                user: spec.etcd.service.user.clone(),
                group: None,
            };
            let wal_dir = wal_dir.map(|argument| PathBuf::from(&argument.value));
            (how, Some(spec.etcd.data_dir.clone()), wal_dir, wish)
        }
    };
    seen.how = Some(how);
    if let Some(data_dir) = data_dir {
        let data = data(&node, &data_dir, wal_dir.as_deref())?;
        seen.owner = snapshot_restore::owner(&node, &wish, &data.data_dir)?;
        seen.data = Some(data);
    }
    Ok(seen)
}

fn data(
    node: &LocalNode,
    data_dir: &Path,
    wal_dir: Option<&Path>,
) -> Result<ObservedData, FileError> {
    let data_dir = snapshot_restore::place(node, data_dir)?;
    let wal_dir = wal_dir
        .map(|path| snapshot_restore::place(node, path))
        .transpose()?;
    let log = match &wal_dir {
        Some(wal) => wal.path.clone(),
        None => data_dir.path.join("member/wal"),
    };
    let is_wal_mount = match &wal_dir {
        Some(wal) => is_mount(node, &wal.path)?,
        None => false,
    };
    Ok(ObservedData {
        is_mount: is_mount(node, &data_dir.path)?,
        is_wal_mount,
        has_member: node.local(&data_dir.path.join("member")).exists(),
        identity: node.log_identity(&log)?,
        kept: beside(node, &data_dir.path, "before-")?,
        made: beside(node, &data_dir.path, "new-")?,
        data_dir,
        wal_dir,
    })
}

/// True where the directory is there and nothing can be renamed from it to what is beside it.
fn is_mount(node: &LocalNode, path: &Path) -> Result<bool, FileError> {
    let local = node.local(path);
    match local.parent() {
        Some(parent) if local.is_dir() => Ok(!is_one_mount(&local, parent)?),
        _ => Ok(false),
    }
}

/// What earlier restores have put beside the directory or into it.
fn beside(node: &LocalNode, path: &Path, what: &str) -> Result<Vec<PathBuf>, FileError> {
    let kept = format!("{BESIDE}{what}");
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let parent = path.parent().unwrap_or(Path::new("/"));
    let mut found = Vec::new();
    for (directory, prefix) in [(parent, format!("{name}{kept}")), (path, kept.clone())] {
        let names = files::list(&node.local(directory))?;
        let names = names.iter().filter(|name| name.starts_with(&prefix));
        found.extend(names.map(|name| directory.join(name)));
    }
    Ok(found)
}

async fn apiserver(
    request: &ClusterRestoreRequest,
    member: &MemberSpec,
) -> Result<ObservedApiserver, FileError> {
    let (node, spec) = (local_node(member), &request.spec);
    let mut seen = ObservedApiserver {
        name: member.name.clone(),
        root: node.root.clone(),
        manifest: find_manifest(&node, member, spec)?,
        is_aside: false,
        target: None,
        ready: Err("it has no manifest".to_owned()),
    };
    if matches!(seen.manifest, FoundManifest::None) {
        let aside = request.backup_dir.join(SET_ASIDE);
        seen.manifest = find_manifest_in(&aside, &node, member, spec)?;
        if let FoundManifest::One(manifest) = &mut seen.manifest {
            let name = manifest.path.file_name().unwrap_or_default();
            manifest.path = Path::new(MANIFEST_DIR).join(name);
            manifest.mode = crate::ops::node_files::MANIFEST_MODE;
            seen.is_aside = true;
        }
    }
    let FoundManifest::One(manifest) = &seen.manifest else {
        return Ok(seen);
    };
    let mut nodes: Vec<_> = control_plane(spec).map(local_node).collect();
    nodes.push(operator_node());
    let places = credential_places(request.kubeconfig.as_deref(), &node, &nodes, &manifest.says);
    seen.target = reach(member, &manifest.says, places, &nodes).await;
    seen.ready = match &seen.target {
        None => Err("there is no CA to verify it with".to_owned()),
        Some(target) => match target.access(&nodes, LOOK_PATIENCE) {
            Ok(access) => demand_ready(&access).await,
            Err(error) => Err(error.to_string()),
        },
    };
    Ok(seen)
}

/// Asks every member of the cluster file, also those that are said to be lost.
async fn living(request: &ClusterRestoreRequest, access: &ClusterAccess) -> Vec<LivingMember> {
    let mut asking = JoinSet::new();
    for (place, member) in request.spec.etcd_members().enumerate() {
        let (name, url) = (member.name.clone(), request.spec.client_url(member));
        let access = access.clone();
        asking.spawn(async move { (place, ask(name, url, &access).await) });
    }
    let mut answers = asking.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers
        .into_iter()
        .filter_map(|(_, answer)| answer)
        .collect()
}

async fn ask(name: NodeName, url: ClientUrl, access: &ClusterAccess) -> Option<LivingMember> {
    if let Host::Ip(ip) = url.0.host
        && probe(ip, url.0.port, access.timeout).await != TcpAnswer::Open
    {
        return None;
    }
    let connection = Connection::open(&url, access).await.ok()?;
    let status = connection.status().await.ok()?;
    Some(LivingMember {
        name,
        cluster_id: status.cluster_id,
        revision: status.revision,
        has_quorum: connection.linearizable_read().await.is_ok(),
    })
}
