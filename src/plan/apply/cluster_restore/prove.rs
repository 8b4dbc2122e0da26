//! The members serve, and hold what the snapshot holds. With that proof a restore counts as done.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::cluster::{ClusterAccess, Connection, verify_consistency};
use crate::model::Revision;
use crate::plan::cluster_restore::{MARK, RestoreMark, RestoredCluster, RestoredMember};
use crate::plan::engine::Progress;
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::sys::files;

use super::{demand_no_mark, kept};

/// Pause between two looks.
const INTERVAL: Duration = Duration::from_millis(300);

/// Longest time of one call while members start: without a leader a read is not answered, and one that
/// was sent before there was a leader need not be answered later.
const CALL_PATIENCE: Duration = Duration::from_secs(2);

/// How long a proof is tried again while an answer gets lost.
const PROOF_PATIENCE: Duration = Duration::from_secs(30);

/// Waits until every member serves reads through consensus and all know each other, and nobody else.
pub(in crate::plan) async fn serving(
    world: &World,
    wanted: &RestoredCluster,
    progress: &dyn Fn(Progress),
) -> Result<Outcome, StepError> {
    let mut access = world.access()?.clone();
    access.timeout = access.timeout.min(CALL_PATIENCE);
    let begin = Instant::now();
    loop {
        let Some((member, last)) = first_silent(&access, wanted).await else {
            return Ok(Outcome::Plain);
        };
        if begin.elapsed().as_secs() >= wanted.deadline_seconds {
            return Err(StepError::NotStarted {
                member: member.on.clone(),
                seconds: wanted.deadline_seconds,
                last,
            });
        }
        progress(Progress {
            done: 0,
            total: 0,
            message: format!("{}: {last}", member.on),
        });
        sleep(INTERVAL).await;
    }
}

async fn first_silent<'a>(
    access: &ClusterAccess,
    wanted: &'a RestoredCluster,
) -> Option<(&'a RestoredMember, String)> {
    for member in &wanted.members {
        if let Err(why) = serves(access, wanted, member).await {
            return Some((member, why));
        }
    }
    None
}

async fn serves(
    access: &ClusterAccess,
    wanted: &RestoredCluster,
    member: &RestoredMember,
) -> Result<(), String> {
    let connection = Connection::open(&member.client_url, access).await;
    let connection = connection.map_err(|error| error.to_string())?;
    let status = connection.status().await;
    let status = status.map_err(|error| error.to_string())?;
    if (status.cluster_id, status.member_id) != (wanted.cluster_id, member.id) {
        return Err(format!(
            "member {} of cluster {} answers, expected {} of {}",
            status.member_id, status.cluster_id, member.id, wanted.cluster_id
        ));
    }
    let read = connection.linearizable_read().await;
    read.map_err(|error| error.to_string())?;
    let (_, listed) = connection
        .member_list()
        .await
        .map_err(|error| error.to_string())?;
    let mut found: Vec<_> = listed
        .iter()
        .filter(|m| !m.is_learner)
        .map(|m| m.id)
        .collect();
    let mut expected: Vec<_> = wanted.members.iter().map(|member| member.id).collect();
    found.sort();
    expected.sort();
    match found == expected {
        true => Ok(()),
        false => Err(format!("it lists {} voters", found.len())),
    }
}

/// Compares every member with the snapshot, and writes down on every node that it was proven.
pub(in crate::plan) async fn proven(
    world: &World,
    wanted: &RestoredCluster,
) -> Result<Outcome, StepError> {
    let access = world.access()?;
    let begin = Instant::now();
    let text = loop {
        match compare(access, wanted).await {
            Ok(text) => break text,
            Err(StepError::Cluster(error))
                if error.is_transient() && begin.elapsed() < PROOF_PATIENCE => {}
            Err(error) => return Err(error),
        }
        sleep(INTERVAL).await;
    };
    let now = Timestamp::now();
    for member in &wanted.members {
        let node = world.node(member.on.as_str())?;
        write_mark(world, wanted, member, now)?;
        if let Some(manifest) = &member.manifest {
            files::remove(&kept(world, node, manifest))?;
        }
    }
    Ok(Outcome::Noted { text })
}

async fn compare(access: &ClusterAccess, wanted: &RestoredCluster) -> Result<String, StepError> {
    let mut moved_on = None;
    for member in &wanted.members {
        match hash_of(access, wanted, member).await? {
            Hashed::AtFirst(hash) if hash == wanted.hash_kv => {}
            Hashed::AtFirst(hash) => {
                return Err(StepError::Moved {
                    what: format!("HashKV of {}", member.on),
                    expected: format!("{}, as the snapshot has it", wanted.hash_kv),
                    found: hash.to_string(),
                });
            }
            Hashed::MovedOn(revision) => moved_on = Some(revision),
        }
    }
    let count = wanted.members.len();
    let Some(revision) = moved_on else {
        return Ok(format!(
            "HashKV {} on all {count} members at revision {}, as the snapshot has it",
            wanted.hash_kv, wanted.first_revision
        ));
    };
    // Leases end by themselves, and 3.4 gives no hash of the revision it is compacted to. What was put
    // in place was compared with the snapshot, byte for byte, when it was made.
    let endpoints: Vec<_> = wanted
        .members
        .iter()
        .map(|m| m.client_url.clone())
        .collect();
    let found = verify_consistency(access, &endpoints).await?;
    Ok(format!(
        "{found} on all {count} members, which have moved on from {} to {revision}",
        wanted.first_revision
    ))
}

enum Hashed {
    AtFirst(u32),
    MovedOn(Revision),
}

async fn hash_of(
    access: &ClusterAccess,
    wanted: &RestoredCluster,
    member: &RestoredMember,
) -> Result<Hashed, StepError> {
    let connection = Connection::open(&member.client_url, access).await?;
    let first = Revision(wanted.first_revision);
    let before = connection.linearizable_read().await?;
    // 3.4 answers for the revision it is compacted to only where that is the present one.
    let (hash, _) = connection.hash_kv(Revision(0)).await?;
    let after = connection.linearizable_read().await?;
    if (before, after) == (first, first) {
        return Ok(Hashed::AtFirst(hash));
    }
    match connection.hash_kv(first).await {
        Ok((hash, _)) => Ok(Hashed::AtFirst(hash)),
        Err(error)
            if error
                .server_message()
                .is_some_and(|text| text.contains("compacted")) =>
        {
            Ok(Hashed::MovedOn(after))
        }
        Err(error) => Err(error.into()),
    }
}

fn write_mark(
    world: &World,
    wanted: &RestoredCluster,
    member: &RestoredMember,
    now: Timestamp,
) -> Result<(), StepError> {
    let node = world.node(member.on.as_str())?;
    let path = world.backup_dir.join(MARK);
    let known = super::mark_on(world, node)?;
    if known.is_some_and(|mark| mark.cluster_id == wanted.cluster_id) {
        return Ok(());
    }
    let mark = RestoreMark {
        cluster_id: wanted.cluster_id,
        snapshot_sha256: wanted.snapshot_sha256.clone(),
        first_revision: wanted.first_revision,
        hash_kv: wanted.hash_kv,
        proven_at: now,
        old_data: member.before.clone(),
    };
    let json = serde_json::to_vec_pretty(&mark)
        .map_err(|error| StepError::Missing(format!("encode the mark: {error}")))?;
    let local = node.local(&path);
    if let Some(parent) = local.parent() {
        files::ensure_dir(parent, 0o700)?;
    }
    Ok(files::write_atomic(&local, &json, 0o600)?)
}

/// There is no way back from the proof; this tells whether there is anything to come back from.
pub(in crate::plan) fn demand_unproven(
    world: &World,
    wanted: &RestoredCluster,
) -> Result<(), StepError> {
    demand_no_mark(world, wanted.cluster_id)
}
