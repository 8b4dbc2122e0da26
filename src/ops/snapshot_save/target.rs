//! What will be done: who is asked, in which order, and where the file goes. Pure.

use crate::cluster::ClusterView;
use crate::model::{SnapshotPlace, bytes};
use crate::ops::Refusal;
use crate::snapshot::packing::Packing;

use super::choose::{self, Candidate};
use super::fetch::SpoolAt;
use super::observe::{Observed, SaveRequest};

/// Room that must be left beside the snapshot, in bytes.
const SPARE_BYTES: u64 = 16 << 20;

/// A save to be.
#[derive(Clone, Debug)]
pub struct SavePlan {
    /// Who is asked, best first.
    pub candidates: Vec<Candidate>,
    /// Where the snapshot goes.
    pub place: SnapshotPlace,
    /// Where copies of it go.
    pub copies: Vec<SnapshotPlace>,
    /// How it is stored.
    pub packing: Packing,
    /// Where it comes to at first.
    pub spool: SpoolAt,
    /// The cluster as it was seen.
    pub view: ClusterView,
    /// Its name.
    pub cluster_name: Option<String>,
    /// What is worth knowing before.
    pub warnings: Vec<String>,
}

/// Plans the save.
///
/// # Errors
/// A file is there already, there is no room, or nobody is fit to be asked.
pub fn plan(request: &SaveRequest, observed: Observed) -> Result<SavePlan, Refusal> {
    if let Some(taken) = observed.places.iter().find(|found| found.is_taken) {
        return Err(Refusal::new(
            "file-exists",
            format!("{} is there already", taken.place),
            "name another file, or a directory: etcdha then makes a name with the time",
        ));
    }
    let mut places = observed.places.into_iter().map(|found| found.place);
    // There is always the first.
    let place = places.next().unwrap_or_else(|| request.place.clone());
    let copies: Vec<_> = places.collect();
    let spool = match (&place, request.packing.is_plain()) {
        (SnapshotPlace::Path(path), true) => SpoolAt::Beside(path.clone()),
        _ => SpoolAt::Within(observed.spool_dir.clone()),
    };
    let view = observed.view;
    let candidates = match &observed.pinned {
        Some((endpoint, member)) => choose::pinned(&view, endpoint, *member)?,
        None => choose::candidates(&view)?,
    };
    let largest = candidates.iter().map(|candidate| candidate.db_size).max();
    let needed = needed(largest.unwrap_or(0), &request.packing).saturating_add(SPARE_BYTES);
    if needed > observed.free_bytes {
        let (needed, free) = (bytes(needed), bytes(observed.free_bytes));
        return Err(Refusal::new(
            "disk-space",
            format!(
                "{} has {free} free, and the snapshot needs up to {needed}",
                observed.spool_dir.display()
            ),
            match place {
                SnapshotPlace::Path(_) => "make room, or name a place on another file system",
                SnapshotPlace::Object(_) => "make room, or name another directory: --scratch DIR",
            },
        ));
    }
    let warnings = warnings(&view);
    Ok(SavePlan {
        candidates,
        place,
        copies,
        packing: request.packing.clone(),
        spool,
        view,
        cluster_name: request.cluster_name.clone(),
        warnings,
    })
}

/// What is encrypted needs its size twice while that is done; how much less what is compressed needs is
/// not known before.
fn needed(size: u64, packing: &Packing) -> u64 {
    match (packing.compression, packing.recipients.as_slice()) {
        (None, [_, ..]) => size.saturating_mul(2),
        _ => size,
    }
}

fn warnings(view: &ClusterView) -> Vec<String> {
    let mut warnings = Vec::new();
    if !view.has_quorum {
        warnings.push(
            "the cluster has no quorum: writes that the lost members had acknowledged may be missing"
                .to_owned(),
        );
    }
    let alarms = view.alarms.iter();
    warnings.extend(alarms.map(|alarm| {
        let member = view
            .members
            .iter()
            .find(|member| member.info.id == alarm.member);
        let name = member.map_or_else(
            || alarm.member.to_string(),
            |member| member.info.name.clone(),
        );
        format!("{name} has raised the alarm {}", alarm.kind)
    }));
    warnings
}
