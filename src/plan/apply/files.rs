//! Files and directories on a node.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::{MemberInfo, Membership};
use crate::model::Host;
use crate::node::DataDirState;
use crate::plan::action::{FileExpectation, JoinTarget, WriteFile, sha256};
use crate::plan::apply::membership::demand_no_vote;
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::sys::files;

/// How long a member that lost its manifest may take to stop: the kubelet's grace period of 30 s
/// and some slack.
const STOP_PATIENCE: Duration = Duration::from_secs(45);

/// How often it is looked whether it has stopped.
const STOP_INTERVAL: Duration = Duration::from_millis(300);

pub(in crate::plan) fn write(
    world: &World,
    on: &str,
    file: &WriteFile,
) -> Result<Outcome, StepError> {
    let node = world.node(on)?;
    let path = node.local(&file.path);
    let found = files::read_optional(&path)?;
    if found.as_deref() == Some(file.contents.as_bytes()) {
        return Ok(Outcome::Unchanged);
    }
    expect(&file.path, &file.expect, found.as_deref())?;
    if let Some(parent) = path.parent() {
        files::ensure_dir(parent, 0o755)?;
    }
    let hash = sha256(file.contents.as_bytes());
    let Some(old) = found else {
        files::write_new(&path, file.contents.as_bytes(), file.mode)?;
        return Ok(Outcome::Created { sha256: hash });
    };
    let backup = backup_path(world, &file.path, &old);
    let local_backup = node.local(&backup);
    if let Some(parent) = local_backup.parent() {
        files::ensure_dir(parent, 0o700)?;
    }
    files::write_atomic(&local_backup, &old, 0o600)?;
    files::write_atomic(&path, file.contents.as_bytes(), file.mode)?;
    Ok(Outcome::Replaced {
        backup,
        sha256: hash,
    })
}

/// A backup's name carries its content's hash, so that a rerun never overwrites another one.
fn backup_path(world: &World, path: &Path, old: &[u8]) -> PathBuf {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    world
        .backup_dir
        .join(format!("{name}.{}", &sha256(old)[..16]))
}

/// Fails where something else is there than the plan counted on.
pub(super) fn expect(
    path: &Path,
    expected: &FileExpectation,
    found: Option<&[u8]>,
) -> Result<(), StepError> {
    let found_text = |bytes: Option<&[u8]>| {
        bytes.map_or("no file".to_owned(), |bytes| {
            format!("sha256 {}", sha256(bytes))
        })
    };
    let expected = match expected {
        FileExpectation::Absent if found.is_none() => return Ok(()),
        FileExpectation::Absent => "no file".to_owned(),
        FileExpectation::Sha256 { hash } => {
            if found.is_some_and(|bytes| sha256(bytes) == *hash) {
                return Ok(());
            }
            format!("sha256 {hash}")
        }
    };
    let what = path.display().to_string();
    Err(StepError::Moved {
        what,
        expected,
        found: found_text(found),
    })
}

pub(in crate::plan) fn restore(
    world: &World,
    on: &str,
    file: &WriteFile,
    outcome: &Outcome,
) -> Result<(), StepError> {
    let node = world.node(on)?;
    let path = node.local(&file.path);
    let found = files::read_optional(&path)?;
    let is_ours = found.as_deref() == Some(file.contents.as_bytes());
    match outcome {
        Outcome::Replaced { backup, .. } if is_ours => {
            let old = files::read(&node.local(backup))?;
            Ok(files::write_atomic(&path, &old, file.mode)?)
        }
        // Killed between writing and recording: what stood there before is known by its hash.
        Outcome::Plain if is_ours => match &file.expect {
            FileExpectation::Absent => Ok(files::remove(&path)?),
            FileExpectation::Sha256 { hash } => {
                let name = format!("{}.{}", file_name(&file.path), &hash[..16.min(hash.len())]);
                let old = files::read(&node.local(&world.backup_dir.join(name)))?;
                Ok(files::write_atomic(&path, &old, file.mode)?)
            }
        },
        Outcome::Created { .. } if is_ours => Ok(files::remove(&path)?),
        // Somebody else's work by now, or nothing was written.
        _ => Ok(()),
    }
}

/// Removes the manifest of a member that joins no longer, and keeps a copy: the next attempt must
/// write another text, because the kubelet remembers how often a pod of this one crashed.
pub(in crate::plan) async fn remove_starter(
    world: &World,
    on: &str,
    file: &WriteFile,
    member: &JoinTarget,
) -> Result<(), StepError> {
    demand_no_vote(world.access()?, member).await?;
    let node = world.node(on)?;
    let path = node.local(&file.path);
    let Some(found) = files::read_optional(&path)? else {
        return Ok(());
    };
    let is_old = file.expect == FileExpectation::of(&found);
    if !is_old && found != file.contents.as_bytes() {
        // Somebody else's work by now.
        return Ok(());
    }
    let backup = node.local(&backup_path(world, &file.path, &found));
    if let Some(parent) = backup.parent() {
        files::ensure_dir(parent, 0o700)?;
    }
    files::write_atomic(&backup, &found, 0o600)?;
    Ok(files::remove(&path)?)
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

pub(in crate::plan) async fn prepare_data_dir(
    world: &World,
    on: &str,
    path: &Path,
    member: &JoinTarget,
) -> Result<Outcome, StepError> {
    let node = world.node(on)?;
    let found = node.data_dir(path)?;
    if found != DataDirState::Empty && !belongs_to(world, member, &found).await? {
        return Err(StepError::Moved {
            what: path.display().to_string(),
            expected: "an empty data directory".into(),
            found: format!("{found:?}"),
        });
    }
    let local = node.local(path);
    if local.is_dir() {
        return Ok(Outcome::Unchanged);
    }
    files::ensure_dir(&local, 0o700)?;
    Ok(Outcome::CreatedFiles {
        paths: vec![path.to_owned()],
        notes: Vec::new(),
    })
}

/// True where the data is that of the learner with this peer URL, or what it has made of its
/// directory before its first log entry.
async fn belongs_to(
    world: &World,
    member: &JoinTarget,
    found: &DataDirState,
) -> Result<bool, StepError> {
    let members = Membership::new(world.access()?).list().await?;
    let listed = members
        .iter()
        .find(|listed| listed.peer_urls.contains(&member.peer_url));
    Ok(match (listed, found) {
        (Some(listed), DataDirState::Member { member_id, .. }) => listed.id == *member_id,
        (Some(_), found) => found.is_unborn_member(),
        (None, _) => false,
    })
}

/// Removes the data of a learner that was removed from the cluster. Such data must never be
/// started again, and it is a copy of what the other members hold.
pub(in crate::plan) async fn clear_data_dir(
    world: &World,
    on: &str,
    path: &Path,
    member: &JoinTarget,
    outcome: &Outcome,
) -> Result<(), StepError> {
    // The step did not end well: what is there now is not ours, and the learner came later.
    if *outcome == Outcome::Plain {
        return Ok(());
    }
    let node = world.node(on)?;
    let members = Membership::new(world.access()?).list().await?;
    let data = node.data_dir(path)?;
    let is_living = |listed: &MemberInfo| {
        let its_id =
            matches!(data, DataDirState::Member { member_id, .. } if listed.id == member_id);
        its_id || listed.peer_urls.contains(&member.peer_url)
    };
    if let Some(living) = members.iter().find(|listed| is_living(listed)) {
        return Err(StepError::Moved {
            what: format!("{} on {on}", path.display()),
            expected: "data of a removed learner".into(),
            found: format!("the data of living member {}", living.id),
        });
    }
    wait_until_stopped(&member.peer_url.0.host, member.peer_url.0.port).await;
    let local = node.local(path);
    files::remove_tree(&local.join("member"))?;
    if matches!(outcome, Outcome::CreatedFiles { .. }) {
        files::remove_empty_dir(&local)?;
    }
    Ok(())
}

/// Waits until nothing accepts connections there any more, or gives up: the data is removed in
/// either case, since the member can't come back.
async fn wait_until_stopped(host: &Host, port: u16) {
    let Host::Ip(ip) = host else { return };
    let end = Instant::now() + STOP_PATIENCE;
    while Instant::now() < end {
        let connecting = timeout(Duration::from_secs(1), TcpStream::connect((*ip, port)));
        if !matches!(connecting.await, Ok(Ok(_))) {
            return;
        }
        sleep(STOP_INTERVAL).await;
    }
}
