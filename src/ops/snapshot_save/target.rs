//! What will be done: who is asked, in which order, and where the file goes. Pure.

use std::path::PathBuf;

use crate::cluster::ClusterView;
use crate::model::bytes;
use crate::ops::Refusal;

use super::choose::{self, Candidate};
use super::observe::{Observed, SaveRequest};

/// Room that must be left beside the snapshot, in bytes.
const SPARE_BYTES: u64 = 16 << 20;

/// A save to be.
#[derive(Clone, Debug)]
pub struct SavePlan {
    /// Who is asked, best first.
    pub candidates: Vec<Candidate>,
    /// Where the snapshot goes.
    pub path: PathBuf,
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
    let path = match observed.is_directory {
        true => request.path.join(file_name(request)),
        false => request.path.clone(),
    };
    if observed.is_file {
        return Err(Refusal::new(
            "file-exists",
            format!("{} is there already", path.display()),
            "name another file, or a directory: etcdha then makes a name with the time",
        ));
    }
    let view = observed.view;
    let candidates = match &observed.pinned {
        Some((endpoint, member)) => choose::pinned(&view, endpoint, *member)?,
        None => choose::candidates(&view)?,
    };
    let largest = candidates.iter().map(|candidate| candidate.db_size).max();
    let needed = largest.unwrap_or(0).saturating_add(SPARE_BYTES);
    if needed > observed.free_bytes {
        let (needed, free) = (bytes(needed), bytes(observed.free_bytes));
        return Err(Refusal::new(
            "disk-space",
            format!(
                "{} has {free} free, and the snapshot needs up to {needed}",
                path.display()
            ),
            "make room, or name a place on another file system",
        ));
    }
    let warnings = warnings(&view);
    Ok(SavePlan {
        candidates,
        path,
        view,
        cluster_name: request.cluster_name.clone(),
        warnings,
    })
}

/// `prod-20260203T040506Z.db`: sorted by name they are sorted by time.
fn file_name(request: &SaveRequest) -> String {
    let name = request.cluster_name.as_deref().unwrap_or("etcd");
    format!("{name}-{}.db", request.now.strftime("%Y%m%dT%H%M%SZ"))
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
