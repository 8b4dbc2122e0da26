//! The order of steps. Pure: facts in, plan or refusal out.
//!
//! First the new data is made on every host, beside the old, while everything runs. Then the apiservers
//! and all members are stopped, the data changes places, the members start and prove what they hold.
//! With that proof the way back ends, since now the apiservers come back, one after the other, and
//! clients write. Every step before is planned whether or not an earlier run has done it: a step that
//! finds its work done changes nothing, and can be taken back all the same.

use std::path::{Path, PathBuf};

use crate::manifest::patch::{Edit, patch};
use crate::manifest::{ATTEMPT_ANNOTATION, attempt_of};
use crate::model::{ClusterId, NodeName, Topology};
use crate::node::LocalNode;
use crate::ops::Refusal;
use crate::ops::apiserver_nodes::{ApiserverManifest, FoundManifest};
use crate::ops::snapshot_restore::{
    self, ObservedPlace, ObservedSnapshot, Occupancy, OwnerWish, RestoreRequest, RestoredIds,
};
use crate::plan::{
    Action, ApiserverTarget, DataSwap, FoundingPeer, Plan, RestoreDataDir, RestoredCluster,
    RestoredMember, StageData, StartPod, Step, StopPod, SwapPlaces, WaitStopped,
};

use super::ClusterRestoreRequest;
use super::observe::BESIDE;
use super::observed::{EtcdPod, FoundEtcd, How, Observed, ObservedApiserver, ObservedMember};
use super::preflight::{self, Revisions};

/// A plan, and what is true of the cluster once it was applied.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The plan; empty where the cluster runs from this snapshot already.
    pub plan: Plan,
    /// The restored cluster.
    pub cluster: RestoredCluster,
    /// Where old data lies, by node, apart from what this plan sets aside.
    pub kept: Vec<(NodeName, PathBuf)>,
    /// When the restore was proven, where it was.
    pub proven_at: Option<jiff::Timestamp>,
}

/// Plans the restore, or refuses it.
///
/// # Errors
/// A [`Refusal`] where the snapshot must not be trusted, a host is not ready for it, or more would be
/// lost than was said.
pub fn plan(request: &ClusterRestoreRequest, observed: &Observed) -> Result<Planned, Refusal> {
    let snapshot = trusted(request, observed)?;
    preflight::hosts(request, observed)?;
    let stages = stages(request, observed, snapshot)?;
    let ids = ids(&stages)?;
    let Some(foretold) = &observed.snapshot.foretold else {
        let what = format!("{}: its keys can't be read", request.snapshot.display());
        let fix = "use another snapshot: etcdha snapshot verify shows all that is wrong";
        return Err(Refusal::new("snapshot-damaged", what, fix));
    };
    let revisions = Revisions {
        snapshot: snapshot.survey.revision,
        first: foretold.current_revision,
    };
    let cluster = RestoredCluster {
        cluster_id: ids.first().map_or(ClusterId(0), |ids| ids.cluster),
        members: restored_members(request, observed, &stages, &ids),
        snapshot_sha256: snapshot.sha256.clone(),
        first_revision: revisions.first,
        hash_kv: foretold.hash,
        deadline_seconds: request.wait_seconds,
    };
    let is_proven = is_proven(observed, cluster.cluster_id);
    if is_proven {
        preflight::not_restored_before(request, observed, &ids)?;
    } else {
        preflight::beyond_earlier_restores(observed, revisions)?;
        preflight::living(request, observed, &ids, revisions)?;
        room(request, observed, snapshot, &stages)?;
        not_in_the_way(observed, &stages, &ids)?;
    }
    let builder = Builder {
        request,
        observed,
        cluster: &cluster,
        stages: &stages,
    };
    let steps = match is_proven {
        true => builder.rest(),
        false => builder.all(),
    }?;
    let marks = observed.members.iter().filter_map(|m| m.mark.as_ref());
    let proven_at = marks
        .filter(|mark| mark.cluster_id == cluster.cluster_id)
        .map(|mark| mark.proven_at)
        .min();
    Ok(Planned {
        plan: Plan {
            command: "snapshot restore --cluster".into(),
            headline: headline(request, stages.len()),
            checked: checked(observed, snapshot),
            notes: notes(request, observed, snapshot, &cluster, is_proven),
            steps,
        },
        kept: kept(observed),
        cluster,
        proven_at,
    })
}

/// The snapshot, if its contents may be relied on: the rules of a single member's restore.
fn trusted<'a>(
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
fn stages(
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

fn ids(stages: &[StageData]) -> Result<Vec<RestoredIds>, Refusal> {
    stages.iter().map(|stage| ids_of(&stage.order)).collect()
}

fn restored_members(
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

fn pod(member: &ObservedMember) -> Option<&EtcdPod> {
    match &member.how {
        Some(How::Pod(FoundEtcd::One(pod))) => Some(pod),
        _ => None,
    }
}

/// True where the members of this restore have proven what they hold: a mark says so, or, where marks
/// were lost, they serve and nothing is set aside.
fn is_proven(observed: &Observed, cluster_id: ClusterId) -> bool {
    let mut marks = observed.members.iter().filter_map(|m| m.mark.as_ref());
    if marks.any(|mark| mark.cluster_id == cluster_id) {
        return true;
    }
    let mut living = observed.living.iter();
    let serves = living.any(|member| member.cluster_id == cluster_id && member.has_quorum);
    let is_aside = observed
        .apiservers
        .iter()
        .any(|apiserver| apiserver.is_aside)
        || observed
            .members
            .iter()
            .filter_map(pod)
            .any(|pod| pod.is_aside);
    serves && !is_aside
}

fn room(
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
fn not_in_the_way(
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

struct Builder<'a> {
    request: &'a ClusterRestoreRequest,
    observed: &'a Observed,
    cluster: &'a RestoredCluster,
    stages: &'a [StageData],
}

fn step(on: &(impl ToString + ?Sized), action: Action) -> Step {
    Step {
        on: on.to_string(),
        action,
        voters: None,
    }
}

/// What a step about all hosts is on.
const ALL: &str = "all";

impl Builder<'_> {
    fn members(&self) -> impl Iterator<Item = (&ObservedMember, &StageData)> {
        self.observed.members.iter().zip(self.stages)
    }

    fn apiservers(
        &self,
    ) -> impl Iterator<Item = (&ObservedApiserver, &ApiserverManifest, &ApiserverTarget)> {
        self.observed
            .apiservers
            .iter()
            .filter_map(|seen| match (&seen.manifest, &seen.target) {
                (FoundManifest::One(manifest), Some(target)) => {
                    Some((seen, manifest.as_ref(), target))
                }
                _ => None,
            })
    }

    /// Everything.
    fn all(&self) -> Result<Vec<Step>, Refusal> {
        let mut steps = Vec::new();
        for (member, stage) in self.members() {
            steps.push(step(
                &member.name,
                Action::StageData(Box::new(stage.clone())),
            ));
        }
        for (seen, manifest, _) in self.apiservers() {
            let stop = stop_pod(&manifest.path, manifest.mode, &manifest.text, None);
            steps.push(step(&seen.name, stop));
        }
        let targets: Vec<_> = self
            .apiservers()
            .map(|(.., target)| target.clone())
            .collect();
        if !targets.is_empty() {
            steps.push(step(ALL, self.wait_stopped(targets, Vec::new())));
        }
        for (member, stage) in self.members() {
            let before = stage.swap.data_dir.before.as_path();
            let stop = match (&member.how, pod(member)) {
                (_, Some(pod)) => stop_pod(&pod.path, pod.mode, &pod.text, Some(before)),
                (Some(How::Service(unit)), _) => Action::StopService {
                    commands: vec![format!("systemctl stop {unit}")],
                },
                _ => continue,
            };
            steps.push(step(&member.name, stop));
        }
        let swaps = self.members();
        let swaps = swaps.map(|(member, stage)| (member.name.clone(), stage.swap.clone()));
        steps.push(step(ALL, self.wait_stopped(Vec::new(), swaps.collect())));
        for (member, stage) in self.members() {
            let swap = Action::SwapData(Box::new(stage.swap.clone()));
            steps.push(step(&member.name, swap));
        }
        for (member, stage) in self.members() {
            let start = match (&member.how, pod(member)) {
                (_, Some(pod)) => Action::StartPod(StartPod {
                    path: pod.path.clone(),
                    mode: pod.mode,
                    contents: another_attempt(&member.name, &pod.text)?,
                    member: Some(Box::new(stage.swap.clone())),
                }),
                (Some(How::Service(unit)), _) => Action::StartService {
                    commands: vec![format!("systemctl start {unit}")],
                },
                _ => continue,
            };
            steps.push(step(&member.name, start));
        }
        steps.push(step(ALL, Action::WaitRestored(self.cluster.clone())));
        steps.push(step(ALL, Action::ProveRestored(self.cluster.clone())));
        self.bring_back(&mut steps, true)?;
        Ok(steps)
    }

    /// What is left once the members have proven what they hold.
    fn rest(&self) -> Result<Vec<Step>, Refusal> {
        let mut steps = Vec::new();
        for (member, _) in self.members() {
            // An apiserver's rules: whatever fails now, it is left to run.
            let aside = pod(member).filter(|pod| pod.is_aside);
            if let Some(pod) = aside {
                let start = Action::StartPod(StartPod {
                    path: pod.path.clone(),
                    mode: pod.mode,
                    contents: another_attempt(&member.name, &pod.text)?,
                    member: None,
                });
                steps.push(step(&member.name, start));
            }
        }
        let is_ours = |name: &NodeName| {
            let mut living = self.observed.living.iter();
            living.any(|member| {
                member.name == *name
                    && member.cluster_id == self.cluster.cluster_id
                    && member.has_quorum
            })
        };
        let bears_mark = |member: &ObservedMember| {
            let mark = member.mark.as_ref();
            mark.is_some_and(|mark| mark.cluster_id == self.cluster.cluster_id)
        };
        let members = &self.observed.members;
        let is_settled = members.iter().all(|m| is_ours(&m.name) && bears_mark(m));
        let mut back = Vec::new();
        self.bring_back(&mut back, false)?;
        if !is_settled || !back.is_empty() {
            steps.push(step(ALL, Action::WaitRestored(self.cluster.clone())));
        }
        if !is_settled {
            steps.push(step(ALL, Action::ProveRestored(self.cluster.clone())));
        }
        steps.extend(back);
        Ok(steps)
    }

    fn wait_stopped(
        &self,
        apiservers: Vec<ApiserverTarget>,
        members: Vec<(NodeName, DataSwap)>,
    ) -> Action {
        Action::WaitStopped(WaitStopped {
            apiservers,
            members,
            deadline_seconds: self.request.wait_seconds,
        })
    }

    /// One apiserver after the other; the next one's turn comes when a write through the one before was
    /// seen in etcd.
    fn bring_back(&self, steps: &mut Vec<Step>, all: bool) -> Result<(), Refusal> {
        let mut begun: Vec<ApiserverTarget> = Vec::new();
        for (seen, manifest, target) in self.apiservers() {
            let is_back = !all && !seen.is_aside && seen.ready.is_ok();
            if !is_back {
                let etcd = manifest.says.etcd.clone();
                if all || seen.is_aside {
                    let start = Action::StartPod(StartPod {
                        path: manifest.path.clone(),
                        mode: manifest.mode,
                        contents: another_attempt(&seen.name, &manifest.text)?,
                        member: None,
                    });
                    steps.push(step(&seen.name, start));
                }
                let wait = Action::WaitApiserver {
                    target: Box::new(target.clone()),
                    etcd: etcd.clone(),
                    file: manifest.path.clone(),
                    deadline_seconds: self.request.wait_seconds,
                };
                steps.push(step(&seen.name, wait));
                let proof = Action::ProveWriteThrough {
                    target: Box::new(target.clone()),
                    others: begun.clone(),
                    etcd,
                    is_same_manifest: true,
                };
                steps.push(step(&seen.name, proof));
            }
            begun.insert(0, target.clone());
        }
        Ok(())
    }
}

fn stop_pod(path: &Path, mode: u32, text: &str, old_data: Option<&Path>) -> Action {
    Action::StopPod(StopPod {
        path: path.to_owned(),
        mode,
        contents: text.to_owned(),
        old_data: old_data.map(Path::to_owned),
    })
}

/// A static pod's UID is a hash of its manifest, and the kubelet remembers how often a pod has crashed: on
/// the day of a disaster it has, and would wait up to five minutes.
fn another_attempt(name: &NodeName, text: &str) -> Result<String, Refusal> {
    let attempt = attempt_of(text).unwrap_or(1).saturating_add(1);
    let edit = Edit::SetAnnotation {
        key: ATTEMPT_ANNOTATION.to_owned(),
        value: attempt.to_string(),
    };
    patch(text, &[edit]).map_err(|error| {
        let what = format!("a manifest of {name} can't be marked as another attempt: {error}");
        let fix = "give its metadata annotations of one line each";
        Refusal::new("manifest-not-editable", what, fix)
    })
}

fn headline(request: &ClusterRestoreRequest, count: usize) -> String {
    let members = match count {
        1 => "1 member".to_owned(),
        count => format!("{count} members"),
    };
    let file = request.snapshot.file_name().unwrap_or_default();
    format!(
        "replace the data of cluster {} ({members}) with {}",
        request.spec.name,
        file.to_string_lossy()
    )
}

fn checked(observed: &Observed, snapshot: &ObservedSnapshot) -> Vec<String> {
    let survey = &snapshot.survey;
    let mut checked = Vec::new();
    if snapshot.digest == snapshot_restore::Digest::Right {
        checked.push(format!("SHA-256 {}… right", &snapshot.sha256[..16]));
    }
    checked.push(format!(
        "every page and all {} entries readable",
        survey.entries
    ));
    checked.push("names, addresses and files of every member".to_owned());
    checked.extend(observed.members.iter().filter_map(preflight::free));
    checked
}

fn notes(
    request: &ClusterRestoreRequest,
    observed: &Observed,
    snapshot: &ObservedSnapshot,
    cluster: &RestoredCluster,
    is_proven: bool,
) -> Vec<String> {
    let survey = &snapshot.survey;
    let mut notes = Vec::new();
    if is_proven {
        return notes;
    }
    notes.push(format!("Snapshot: revision {}.", survey.revision));
    let old = observed.living.iter();
    let old = old.filter(|member| member.cluster_id != cluster.cluster_id);
    notes.push(match old.max_by_key(|member| member.revision) {
        Some(newest) if newest.revision.0 <= survey.revision => format!(
            "Now: revision {} on {}, before the snapshot: what is there is replaced.",
            newest.revision.0, newest.name
        ),
        Some(newest) => format!(
            "Now: revision {} on {}. {} will be lost.",
            newest.revision.0,
            newest.name,
            preflight::lost(survey.revision, newest.revision.0)
        ),
        None => "Now: no member answers. What was written after the snapshot will be lost.".into(),
    });
    notes.push(format!(
        "Revisions begin with {}, and all before it count as compacted: watches and informers from \
         before fail, so that clients list anew. Otherwise they would wait for revisions they have \
         seen already, and miss changes without a word.",
        cluster.first_revision
    ));
    notes.push(
        "Until the members have proven what they hold, any failure puts everything back. Then there \
         is no way back but the old data, which is kept beside the new on every host."
            .to_owned(),
    );
    if snapshot.digest != snapshot_restore::Digest::Right {
        notes.push("Nothing vouches for the values in this file (--skip-hash-check).".to_owned());
    }
    for alarm in &survey.alarms {
        notes.push(format!(
            "Dropped: alarm {} of member {:x}, who is no more.",
            alarm.kind(),
            alarm.member_id
        ));
    }
    if !request.without.is_empty() {
        let names: Vec<_> = request.without.iter().map(ToString::to_string).collect();
        notes.push(format!(
            "Left out for good: {}. Its etcd must never start again; grow the cluster afterwards: \
             etcdha member add.",
            names.join(", ")
        ));
    }
    if observed.members.len() == 2 {
        notes.push("Two members vote: losing either stops writes. Grow at once.".to_owned());
    }
    let without = observed.apiservers.iter();
    let without = without.filter(|seen| matches!(seen.manifest, FoundManifest::None));
    let without: Vec<_> = without.map(|seen| seen.name.to_string()).collect();
    if !without.is_empty() {
        notes.push(format!(
            "No kube-apiserver in the manifest directory of {}: stop what else uses this etcd yourself.",
            without.join(", ")
        ));
    }
    if request.spec.topology == Topology::External {
        notes.push(
            "A person stops and starts the services: the plan says when, and waits.".to_owned(),
        );
    }
    notes
}

/// Old data of earlier restores.
fn kept(observed: &Observed) -> Vec<(NodeName, PathBuf)> {
    let members = observed.members.iter();
    let kept = members.filter_map(|member| Some((&member.name, member.data.as_ref()?)));
    kept.flat_map(|(name, data)| data.kept.iter().map(|path| (name.clone(), path.clone())))
        .collect()
}
