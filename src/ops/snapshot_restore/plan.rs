//! Whether and how a member is restored. Pure: facts in, plan or refusal out.

use crate::datadir::wal::SEGMENT_BYTES;
use crate::model::{ClusterId, EtcdVersion, MemberId, bytes as size};
use crate::ops::Refusal;
use crate::plan::{Action, OwnerIds, PlaceToBe, Plan, RestoreDataDir, Step, StepError, World};

use super::observe::{Digest, Observed, ObservedPlace, ObservedSnapshot, Occupancy};
use super::{OwnerWish, RestoreRequest};

/// What the new file may take beyond the pages that the old one uses: pages end where keys do.
const SLACK: u64 = 1 << 20;

/// etcd's own advice for a bump: more than any cluster writes between two snapshots, and room for
/// nine billion such restores.
const ADVISED_BUMP: &str = "--bump-revision 1000000000 --mark-compacted";

/// Plans the restore, or refuses.
///
/// # Errors
/// A [`Refusal`] where the snapshot must not be trusted, or the directory is somebody's.
pub fn plan(request: &RestoreRequest, observed: &Observed) -> Result<Plan, Refusal> {
    let order = order(request, observed)?;
    empty(&observed.data_dir, "data directory", "--data-dir")?;
    if let Some(wal) = &observed.wal_dir {
        empty(wal, "WAL directory", "--wal-dir")?;
    }
    let snapshot = trusted(request, observed)?;
    room(observed, snapshot)?;
    let survey = &snapshot.survey;
    let first = order.first_revision.unwrap_or(survey.revision);
    Ok(Plan {
        command: "snapshot restore".into(),
        headline: format!(
            "restore member {} of {} from {}",
            order.member,
            order.members.len(),
            request.snapshot.display()
        ),
        checked: checked(request, observed, snapshot),
        notes: notes(request, snapshot, first),
        steps: vec![Step {
            on: request.node.name.to_string(),
            action: Action::RestoreDataDir(Box::new(order)),
            voters: None,
        }],
    })
}

/// What is to be restored, whatever stands in its way.
///
/// # Errors
/// As [`plan`], apart from what is about the directories' contents and their room.
pub fn order(request: &RestoreRequest, observed: &Observed) -> Result<RestoreDataDir, Refusal> {
    let snapshot = trusted(request, observed)?;
    known_version(request, snapshot)?;
    let first_revision = first_revision(request, snapshot)?;
    let place = |found: &ObservedPlace| PlaceToBe {
        path: found.path.clone(),
        before: found.found,
    };
    Ok(RestoreDataDir {
        snapshot: request.snapshot.clone(),
        content: snapshot.survey.content,
        image_bytes: snapshot.survey.image_bytes,
        member: request.member.clone(),
        members: request.members.clone(),
        token: request
            .token
            .clone()
            .unwrap_or_else(|| token(snapshot, first_revision)),
        first_revision,
        data_dir: place(&observed.data_dir),
        wal_dir: observed.wal_dir.as_ref().map(place),
        owner: owner(request, observed)?,
    })
}

/// The token of a restore for which none was named. Every restore of this file with this bump has
/// it, and no other.
pub fn token(snapshot: &ObservedSnapshot, first_revision: Option<i64>) -> String {
    let revision = first_revision.unwrap_or(snapshot.survey.revision);
    format!("restore-{}-{revision}", &snapshot.sha256[..16])
}

/// The snapshot, if its contents may be relied on.
fn trusted<'a>(
    request: &RestoreRequest,
    observed: &'a Observed,
) -> Result<&'a ObservedSnapshot, Refusal> {
    let file = request.snapshot.display();
    let snapshot = observed.snapshot.as_ref().map_err(|why| {
        let fix = "use another snapshot, or the data directory of a living member";
        Refusal::new("snapshot-damaged", format!("{file}: {why}"), fix)
    })?;
    if request.skip_hash_check {
        return Ok(snapshot);
    }
    match &snapshot.digest {
        Digest::Right => Ok(snapshot),
        Digest::Wrong { stated } => {
            let what = format!(
                "{file}: the contents are not those the server sent\nits digest: {stated}\ncontents:   {}",
                snapshot.sha256
            );
            let fix = "use another snapshot; --skip-hash-check takes this one as it is";
            Err(Refusal::new("digest-mismatch", what, fix))
        }
        Digest::Missing => {
            let what = format!(
                "{file} ends without a digest: it is the copy of a database file, or a snapshot that \
                 lost its end, and nothing vouches for its values"
            );
            let fix = "use a snapshot that `snapshot save` made, or --skip-hash-check for a copy of \
                       member/snap/db";
            Err(Refusal::new("digest-missing", what, fix))
        }
        Digest::Unknown { bytes } => {
            let what =
                format!("{file}: {bytes} bytes follow the pages, which are no digest of 32 bytes");
            let fix = "copy the snapshot again; --skip-hash-check takes this one as it is";
            Err(Refusal::new("digest-missing", what, fix))
        }
    }
}

/// A server reads what older ones have written, not what newer ones have.
fn known_version(request: &RestoreRequest, snapshot: &ObservedSnapshot) -> Result<(), Refusal> {
    let Some(target) = request.version.as_ref().filter(|_| !request.allow_newer) else {
        return Ok(());
    };
    let survey = &snapshot.survey;
    let written = [&survey.storage_version, &survey.cluster_version];
    let minor = |text: &String| text.parse().ok().as_ref().map(EtcdVersion::minor);
    let newest = written
        .into_iter()
        .flatten()
        .filter_map(|text| Some((minor(text)?, text)))
        .max();
    match newest {
        Some((minor, text)) if minor > target.minor() => {
            let what = format!("the snapshot is of etcd {text}, and etcd {target} is to run on it");
            let fix = "run the newer etcd; --allow-newer restores all the same";
            Err(Refusal::new("snapshot-newer", what, fix))
        }
        _ => Ok(()),
    }
}

fn first_revision(
    request: &RestoreRequest,
    snapshot: &ObservedSnapshot,
) -> Result<Option<i64>, Refusal> {
    let Some(bump) = request.bump else {
        return Ok(None);
    };
    let revision = snapshot.survey.revision;
    let moved = i64::try_from(bump)
        .ok()
        .and_then(|bump| revision.checked_add(bump));
    match moved {
        Some(first) => Ok(Some(first)),
        None => {
            let room = i64::MAX - revision;
            let what = format!(
                "revision {revision} + {bump} is beyond etcd's largest, {}",
                i64::MAX
            );
            Err(Refusal::new(
                "revision-overflow",
                what,
                format!("bump by {room} at most; 1000000000 is plenty"),
            ))
        }
    }
}

/// Nothing for the user that etcdha runs as.
fn owner(request: &RestoreRequest, observed: &Observed) -> Result<Option<OwnerIds>, Refusal> {
    let name = &request.node.name;
    let owner = observed.owner.as_ref().map_err(|who| {
        let what = format!("{name} has no {who}");
        Refusal::new(
            "user-unknown",
            what,
            "make it there first, or name another: --owner USER[:GROUP]",
        )
    })?;
    let OwnerIds { uid, gid } = *owner;
    if *owner == observed.self_ids {
        return Ok(None);
    }
    if observed.self_ids.uid == 0 {
        return Ok(Some(*owner));
    }
    // Another user's directory that this one may write to: only a wish makes that its problem.
    if request.owner == OwnerWish::AsFound {
        return Ok(None);
    }
    let what = format!("only root may give files to {uid}:{gid}");
    Err(Refusal::new(
        "owner-needs-root",
        what,
        "run it as root, or as that user",
    ))
}

fn empty(place: &ObservedPlace, what: &str, flag: &str) -> Result<(), Refusal> {
    let path = place.path.display();
    let holds = match &place.occupancy {
        Occupancy::Empty => return Ok(()),
        Occupancy::Member(id) => format!("the data of member {id}"),
        Occupancy::Others(names) => names.join(" "),
    };
    let what = format!("the {what} {path} holds {holds}");
    let fix =
        format!("stop etcd and move it away: mv {path} {path}.old; or name another: {flag} DIR");
    Err(Refusal::new("data-dir-occupied", what, fix))
}

/// Refuses where the new files would not fit.
pub(in crate::ops) fn room(
    observed: &Observed,
    snapshot: &ObservedSnapshot,
) -> Result<(), Refusal> {
    let database = snapshot.survey.used_bytes + SLACK;
    let mut wanted = vec![(&observed.data_dir, database)];
    match &observed.wal_dir {
        Some(wal) if wal.device != observed.data_dir.device => wanted.push((wal, SEGMENT_BYTES)),
        _ => wanted[0].1 += SEGMENT_BYTES,
    }
    for (place, bytes) in wanted {
        if place.free_bytes < bytes {
            let what = format!(
                "{} has {} free, the restore needs {}",
                place.path.display(),
                size(place.free_bytes),
                size(bytes)
            );
            return Err(Refusal::new(
                "disk-space",
                what,
                "make room, or name another directory",
            ));
        }
    }
    Ok(())
}

fn checked(
    request: &RestoreRequest,
    observed: &Observed,
    snapshot: &ObservedSnapshot,
) -> Vec<String> {
    let survey = &snapshot.survey;
    let mut checked = Vec::new();
    if snapshot.digest == Digest::Right {
        checked.push(format!("SHA-256 {}… right", &snapshot.sha256[..16]));
    }
    checked.push(format!(
        "every page and all {} entries readable",
        survey.entries
    ));
    checked.push(format!("revision {}", survey.revision));
    if let Some(version) = survey
        .storage_version
        .as_ref()
        .or(survey.cluster_version.as_ref())
    {
        checked.push(format!("written by etcd {version}"));
    }
    checked.push(format!("{} empty", observed.data_dir.path.display()));
    checked.push(format!("{} free", size(observed.data_dir.free_bytes)));
    if request.version.is_none() {
        checked.push("not the release of etcd that will run on it (--etcd-version)".to_owned());
    }
    checked
}

fn notes(request: &RestoreRequest, snapshot: &ObservedSnapshot, first: i64) -> Vec<String> {
    let survey = &snapshot.survey;
    let mut notes = Vec::new();
    match &snapshot.digest {
        Digest::Right => {}
        _ => notes
            .push("Nothing vouches for the values in this file (--skip-hash-check).".to_owned()),
    }
    if survey.revision > survey.stored_revision && survey.entries > 0 {
        notes.push(format!(
            "The server had reached revision {}; the last one that is stored is {}.",
            survey.revision, survey.stored_revision
        ));
    }
    match request.bump {
        None => notes.push(format!(
            "Revisions go back to {first}: clients that have seen later ones (apiserver caches, \
             informers) would miss changes without a word. {ADVISED_BUMP} makes their watches fail, so \
             that they list anew."
        )),
        Some(_) => notes.push(format!(
            "Revisions begin with {first} and all before it count as compacted: watches from before \
             fail, so that clients list anew."
        )),
    }
    if !survey.members.is_empty() {
        notes.push(format!(
            "Dropped: the members of the old cluster ({}).",
            survey.members.join(" ")
        ));
    }
    for alarm in &survey.alarms {
        notes.push(format!(
            "Dropped: alarm {} of member {:x}, who is no more.",
            alarm.kind(),
            alarm.member_id
        ));
    }
    if request.members.len() > 1 {
        notes.push(
            "Restore every member from this very file with the same cluster, token and bump: others \
             would refuse it."
                .to_owned(),
        );
    }
    notes
}

/// Ids of a member and its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoredIds {
    /// The member's.
    pub member: MemberId,
    /// The cluster's.
    pub cluster: ClusterId,
}

/// The ids that a restore gives.
///
/// # Errors
/// Members that can't be told apart.
pub fn ids(order: &RestoreDataDir) -> Result<RestoredIds, StepError> {
    let founding = order.founding()?;
    let member = founding.member(&order.member).map_or(0, |member| member.id);
    Ok(RestoredIds {
        member: MemberId(member),
        cluster: ClusterId(founding.cluster_id()),
    })
}

/// True where an earlier run has made this very directory, and no etcd has been started on it since.
///
/// # Errors
/// Files that can't be read.
pub fn is_done(
    request: &RestoreRequest,
    observed: &Observed,
    world: &World,
) -> Result<bool, StepError> {
    let Ok(order) = order(request, observed) else {
        return Ok(false);
    };
    match observed.data_dir.occupancy {
        Occupancy::Empty => Ok(false),
        _ => world.is_restored(request.node.name.as_str(), &order),
    }
}
