//! What a person reads above and below the steps. Pure.

use std::path::PathBuf;

use crate::model::{NodeName, Topology};
use crate::ops::apiserver_nodes::FoundManifest;
use crate::ops::snapshot_restore::{Digest, ObservedSnapshot};
use crate::plan::RestoredCluster;

use super::ClusterRestoreRequest;
use super::observed::Observed;
use super::preflight;

pub(super) fn headline(request: &ClusterRestoreRequest, count: usize) -> String {
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

pub(super) fn checked(observed: &Observed, snapshot: &ObservedSnapshot) -> Vec<String> {
    let survey = &snapshot.survey;
    let mut checked = Vec::new();
    if snapshot.digest == Digest::Right {
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

pub(super) fn notes(
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
    if snapshot.digest != Digest::Right {
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
pub(super) fn kept(observed: &Observed) -> Vec<(NodeName, PathBuf)> {
    let members = observed.members.iter();
    let kept = members.filter_map(|member| Some((&member.name, member.data.as_ref()?)));
    kept.flat_map(|(name, data)| data.kept.iter().map(|path| (name.clone(), path.clone())))
        .collect()
}
