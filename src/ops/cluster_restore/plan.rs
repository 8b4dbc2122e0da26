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
use crate::model::{ClusterId, NodeName};
use crate::ops::Refusal;
use crate::ops::apiserver_nodes::{ApiserverManifest, FoundManifest};
use crate::plan::{
    Action, ApiserverTarget, DataSwap, Plan, RestoredCluster, StageData, StartPod, Step, StopPod,
    WaitStopped,
};

use super::ClusterRestoreRequest;
use super::notes::{checked, headline, kept, notes};
use super::observed::{EtcdPod, FoundEtcd, How, Observed, ObservedApiserver, ObservedMember};
use super::preflight::{self, Revisions};
use super::stages::{ids, not_in_the_way, restored_members, room, stages, trusted};

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

pub(super) fn pod(member: &ObservedMember) -> Option<&EtcdPod> {
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
