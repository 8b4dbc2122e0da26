//! What is made on every host, and where: the orders of single members' restores, agreed on one cluster.
//! Pure.

use std::path::{Path, PathBuf};

use crate::node::LocalNode;
use crate::ops::Refusal;
use crate::ops::snapshot_restore::{
    self, ObservedPlace, ObservedSnapshot, Occupancy, OwnerWish, RestoreRequest, RestoredIds,
};
use crate::plan::{DataSwap, FoundingPeer, RestoreDataDir, RestoredMember, StageData, SwapPlaces};

use super::ClusterRestoreRequest;
use super::observe::BESIDE;
use super::observed::{Observed, ObservedMember};
use super::plan::pod;
use super::preflight;

/// The snapshot, if its contents may be relied on: the rules of a single member's restore.
pub(super) fn trusted<'a>(
    request: &ClusterRestoreRequest,
    observed: &'a Observed,
) -> Result<&'a ObservedSnapshot, Refusal> {
    let here = crate::ops::node_files::operator_node();
    let place = ObservedPlace {
        path: PathBuf::from("/"),
        occupancy: Occupancy::Empty,
        found: None,
        free_bytes: u64::MAX,
        device: 0,
    };
    let wish = single(request, here, "any", PathBuf::from("/"), None);
    let seen = snapshot_restore::Observed {
        snapshot: observed.snapshot.contents.clone(),
        data_dir: place,
        wal_dir: None,
        owner: Ok(observed.self_ids),
        self_ids: observed.self_ids,
    };
    snapshot_restore::order(&wish, &seen)?;
    let unread =
        |why: &String| Refusal::new("snapshot-damaged", why.clone(), "use another snapshot");
    observed.snapshot.contents.as_ref().map_err(unread)
}

/// The request of a single member's restore.
fn single(
    request: &ClusterRestoreRequest,
    node: LocalNode,
    member: &str,
    data_dir: PathBuf,
    wal_dir: Option<PathBuf>,
) -> RestoreRequest {
    let members = request.members().map(|member| FoundingPeer {
        name: member.name.to_string(),
        peer_urls: vec![request.spec.peer_url(member)],
    });
    RestoreRequest {
        opened: request.opened.clone(),
        snapshot: request.snapshot.clone(),
        node,
        member: member.to_owned(),
        members: members.collect(),
        token: None,
        data_dir,
        wal_dir,
        bump: Some(request.bump),
        skip_hash_check: request.skip_hash_check,
        version: Some(request.spec.etcd.version.clone()),
        allow_newer: request.allow_newer,
        owner: OwnerWish::AsFound,
    }
}

fn orders(
    request: &ClusterRestoreRequest,
    observed: &Observed,
    member: &ObservedMember,
    tag: &str,
) -> Result<(RestoreRequest, snapshot_restore::Observed), Refusal> {
    let Some(data) = &member.data else {
        let what = format!("{}: its data directory is not known", member.name);
        return Err(Refusal::new(
            "etcd-manifest-differs",
            what,
            "correct its manifest",
        ));
    };
    let node = LocalNode {
        name: member.name.clone(),
        root: member.root.clone(),
    };
    let beside = |place: &ObservedPlace, is_mount| ObservedPlace {
        path: beside_of(&place.path, is_mount, "new", tag),
        occupancy: Occupancy::Empty,
        found: None,
        ..place.clone()
    };
    let data_dir = beside(&data.data_dir, data.is_mount);
    let wal_dir = data
        .wal_dir
        .as_ref()
        .map(|wal| beside(wal, data.is_wal_mount));
    let wal_path = wal_dir.as_ref().map(|wal| wal.path.clone());
    let wish = single(
        request,
        node,
        member.name.as_str(),
        data_dir.path.clone(),
        wal_path,
    );
    let seen = snapshot_restore::Observed {
        snapshot: observed.snapshot.contents.clone(),
        data_dir,
        wal_dir,
        owner: member.owner.clone(),
        self_ids: observed.self_ids,
    };
    Ok((wish, seen))
}

/// The name of a directory beside another, or in it where it is a mount.
fn beside_of(path: &Path, is_mount: bool, what: &str, tag: &str) -> PathBuf {
    match is_mount {
        true => path.join(format!("{BESIDE}{what}-{tag}")),
        false => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.with_file_name(format!("{name}{BESIDE}{what}-{tag}"))
        }
    }
}

/// What is made on every host.
pub(super) fn stages(
    request: &ClusterRestoreRequest,
    observed: &Observed,
    snapshot: &ObservedSnapshot,
) -> Result<Vec<StageData>, Refusal> {
    let hash_kv = observed
        .snapshot
        .foretold
        .as_ref()
        .map_or(0, |found| found.hash);
    let mut stages = Vec::new();
    for member in &observed.members {
        // The ids name the directories, and do not depend on them.
        let (wish, seen) = orders(request, observed, member, "")?;
        let ids = ids_of(&snapshot_restore::order(&wish, &seen)?)?;
        let tag = ids.cluster.to_string();
        let (wish, seen) = orders(request, observed, member, &tag)?;
        let order = snapshot_restore::order(&wish, &seen)?;
        let swap = swap(request, member, &order, ids, &tag)?;
        stages.push(StageData {
            order,
            hash_kv,
            swap,
        });
    }
    debug_assert!(
        stages
            .iter()
            .all(|stage| stage.order.content == snapshot.survey.content)
    );
    Ok(stages)
}

fn swap(
    request: &ClusterRestoreRequest,
    member: &ObservedMember,
    order: &RestoreDataDir,
    ids: RestoredIds,
    tag: &str,
) -> Result<DataSwap, Refusal> {
    let (Some(data), Some(spec)) = (&member.data, request.spec.member(&member.name)) else {
        let what = format!("{} is not in the cluster file", member.name);
        return Err(Refusal::new(
            "unknown-member",
            what,
            "add it under members:",
        ));
    };
    let places = |place: &ObservedPlace, is_mount| SwapPlaces {
        place: place.path.clone(),
        new: beside_of(&place.path, is_mount, "new", tag),
        before: beside_of(&place.path, is_mount, "before", tag),
    };
    Ok(DataSwap {
        member_id: ids.member,
        cluster_id: ids.cluster,
        data_dir: places(&data.data_dir, data.is_mount),
        wal_dir: data
            .wal_dir
            .as_ref()
            .map(|wal| places(wal, data.is_wal_mount)),
        owner: order.owner,
        is_new: data.data_dir.found.is_none(),
        peer_url: request.spec.peer_url(spec),
        is_service: preflight::is_service(request, &member.name),
    })
}

fn ids_of(order: &RestoreDataDir) -> Result<RestoredIds, Refusal> {
    snapshot_restore::ids(order).map_err(|error| {
        let fix = "give every member its own name and address";
        Refusal::new("hosts-share-root", error.to_string(), fix)
    })
}

pub(super) fn ids(stages: &[StageData]) -> Result<Vec<RestoredIds>, Refusal> {
    stages.iter().map(|stage| ids_of(&stage.order)).collect()
}

pub(super) fn restored_members(
    request: &ClusterRestoreRequest,
    observed: &Observed,
    stages: &[StageData],
    ids: &[RestoredIds],
) -> Vec<RestoredMember> {
    let members = request.members().zip(&observed.members);
    let members = members.zip(stages.iter().zip(ids));
    members
        .map(|((spec, member), (stage, ids))| RestoredMember {
            on: member.name.clone(),
            id: ids.member,
            client_url: request.spec.client_url(spec),
            manifest: pod(member).map(|pod| pod.path.clone()),
            before: stage.swap.data_dir.before.clone(),
        })
        .collect()
}

pub(super) fn room(
    request: &ClusterRestoreRequest,
    observed: &Observed,
    snapshot: &ObservedSnapshot,
    stages: &[StageData],
) -> Result<(), Refusal> {
    for (member, stage) in observed.members.iter().zip(stages) {
        let ids = ids_of(&stage.order)?;
        let made = member.data.iter().flat_map(|data| &data.made);
        // What is made already, or in place, takes no more room.
        if preflight::holds(member, &ids) || made.clone().any(|d| *d == stage.order.data_dir.path) {
            continue;
        }
        let (_, seen) = orders(request, observed, member, &ids.cluster.to_string())?;
        snapshot_restore::room(&seen, snapshot).map_err(|refusal| Refusal {
            what: format!("{}: {}", member.name, refusal.what),
            fix: "make room there: the new data is made beside the old".to_owned(),
            ..refusal
        })?;
    }
    Ok(())
}

/// Old data can be kept only where nothing is kept under that name.
pub(super) fn not_in_the_way(
    observed: &Observed,
    stages: &[StageData],
    ids: &[RestoredIds],
) -> Result<(), Refusal> {
    for ((member, stage), ids) in observed.members.iter().zip(stages).zip(ids) {
        let before = &stage.swap.data_dir.before;
        let Some(data) = &member.data else { continue };
        if data.has_member && !preflight::holds(member, ids) && data.kept.contains(before) {
            let what = format!(
                "{} on {} holds old data already, and so does {}",
                before.display(),
                member.name,
                data.data_dir.path.display()
            );
            let fix = format!("look at both, and move {} away", before.display());
            return Err(Refusal::new("data-dir-occupied", what, fix));
        }
    }
    Ok(())
}
