//! What `snapshot restore` looks at: the file, whole; the directories; the accounts. Changes nothing.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::datadir::bolt::{Image, Trailer};
use crate::model::MemberId;
use crate::model::hex;
use crate::node::{DataDirState, LocalNode};
use crate::plan::{EmptyDir, OwnerIds, World};
use crate::snapshot::digest_while;
use crate::snapshot::restore::{RestoreError, Survey, survey};
use crate::sys::files::{self, FileError};
use crate::sys::staged_dir::{DirFacts, dir_facts, is_part_inside};

use super::{OwnerWish, RestoreRequest};

/// What was found.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The snapshot, or what is wrong with it.
    pub snapshot: Result<ObservedSnapshot, String>,
    /// The data directory.
    pub data_dir: ObservedPlace,
    /// The log's own directory.
    pub wal_dir: Option<ObservedPlace>,
    /// Whose the files will be; an error names who is not known.
    pub owner: Result<OwnerIds, String>,
    /// Who etcdha runs as.
    pub self_ids: OwnerIds,
}

/// A snapshot that was read whole.
#[derive(Clone, Debug)]
pub struct ObservedSnapshot {
    /// What it holds.
    pub survey: Survey,
    /// What its digest says.
    pub digest: Digest,
    /// SHA-256 of its image, in hex.
    pub sha256: String,
}

/// What a snapshot's digest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digest {
    /// The contents are those that the server sent.
    Right,
    /// They are not.
    Wrong {
        /// The digest in the file, in hex.
        stated: String,
    },
    /// The file ends with its last page, or preallocated ones: the copy of a database.
    Missing,
    /// Something else follows the pages.
    Unknown {
        /// How many bytes.
        bytes: u64,
    },
}

/// A directory to be filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedPlace {
    /// Where it is on the node, links followed.
    pub path: PathBuf,
    /// What is in it.
    pub occupancy: Occupancy,
    /// What it is, where it is there.
    pub found: Option<EmptyDir>,
    /// Free bytes on its file system.
    pub free_bytes: u64,
    /// Number of its file system, or of the one it will be on.
    pub device: u64,
}

/// What is in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occupancy {
    /// Nothing that counts.
    Empty,
    /// A member's data.
    Member(MemberId),
    /// Something else, by its names.
    Others(Vec<String>),
}

/// Looks at everything that `snapshot restore` decides on. `watch` is told how many bytes of how many
/// have been read; false ends the look.
///
/// # Errors
/// Files that can't be read; being ended.
pub fn observe(
    request: &RestoreRequest,
    watch: &(dyn Fn(u64, u64) -> bool + Sync),
) -> Result<Observed, ObserveError> {
    let data_dir = place(&request.node, &request.data_dir)?;
    let wal_dir = request.wal_dir.as_deref();
    let mut wal_dir = wal_dir.map(|path| place(&request.node, path)).transpose()?;
    if let Some(wal) = &mut wal_dir
        && wal.occupancy != Occupancy::Empty
        && is_unfinished(&request.node, &data_dir, wal)?
    {
        wal.occupancy = Occupancy::Empty;
    }
    let owner = owner(&request.node, &request.owner, &data_dir)?;
    Ok(Observed {
        snapshot: snapshot(&request.snapshot, request.opened.as_ref(), watch)?,
        data_dir,
        wal_dir,
        owner,
        self_ids: self_ids(),
    })
}

/// Who etcdha runs as.
pub(in crate::ops) fn self_ids() -> OwnerIds {
    OwnerIds {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
    }
}

/// A killed run has filled the log's directory and not the other one: that is in nobody's way.
fn is_unfinished(
    node: &LocalNode,
    data_dir: &ObservedPlace,
    wal_dir: &ObservedPlace,
) -> Result<bool, FileError> {
    let [data_dir, wal_dir] = [data_dir, wal_dir].map(|place| node.local(&place.path));
    World::is_unfinished_log(&data_dir, &wal_dir)
}

/// Why looking failed.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Someone asked for an end.
    #[error("interrupted")]
    Interrupted,
}

/// Reads the file whole: its pages and entries on some threads, its bytes for the digest on another.
/// `opened` is its plain file, where that is another than the one of its name.
///
/// # Errors
/// A file that can't be read; being ended.
pub(in crate::ops) fn snapshot(
    path: &Path,
    opened: Option<&Arc<File>>,
    watch: &(dyn Fn(u64, u64) -> bool + Sync),
) -> Result<Result<ObservedSnapshot, String>, ObserveError> {
    let failed = |source| FileError {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let file = match opened {
        Some(file) => file.clone(),
        None => Arc::new(files::open_regular(path)?),
    };
    let image = match Image::open(&*file) {
        Ok(image) => image,
        Err(error) => return told(error.into()),
    };
    let bytes = image.digested_bytes();
    let ended = AtomicBool::new(false);
    let (surveyed, hashed) = thread::scope(|scope| {
        let hashing =
            scope.spawn(|| digest_while(&*file, bytes, || !ended.load(Ordering::Relaxed)));
        let surveyed = survey(&image, &|done| watch(done, image.image_bytes()));
        if matches!(surveyed, Err(RestoreError::Interrupted)) {
            ended.store(true, Ordering::Relaxed);
        }
        let hashed = hashing.join();
        (
            surveyed,
            hashed.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        )
    });
    let hashed = hashed.map_err(failed)?;
    let sha256 = hex(&hashed);
    let digest = match image.trailer() {
        Trailer::Digest(stated) if stated == hashed => Digest::Right,
        Trailer::Digest(stated) => Digest::Wrong {
            stated: hex(&stated),
        },
        Trailer::Absent => Digest::Missing,
        Trailer::Unknown { bytes } => Digest::Unknown { bytes },
    };
    match surveyed {
        Ok(survey) => Ok(Ok(ObservedSnapshot {
            survey,
            digest,
            sha256,
        })),
        Err(error) => told(error),
    }
}

fn told<T>(error: RestoreError) -> Result<Result<T, String>, ObserveError> {
    match error {
        RestoreError::Interrupted => Err(ObserveError::Interrupted),
        error => Ok(Err(error.to_string())),
    }
}

/// Looks at a directory to be filled.
///
/// # Errors
/// Where it can't be looked at.
pub(in crate::ops) fn place(
    node: &LocalNode,
    host_path: &Path,
) -> Result<ObservedPlace, FileError> {
    let path = node.follow(host_path)?;
    let local = node.local(&path);
    let found = dir_facts(&local)?;
    let mut names = files::list(&local)?;
    names.retain(|name| name != "lost+found" && !is_part_inside(name));
    let occupancy = match (names.is_empty(), node.data_dir(&path)?) {
        (true, _) => Occupancy::Empty,
        (false, DataDirState::Member { member_id, .. }) => Occupancy::Member(member_id),
        (false, _) => Occupancy::Others(names),
    };
    Ok(ObservedPlace {
        free_bytes: node.free_bytes(&path)?,
        device: device(&local)?,
        occupancy,
        found: found.map(|DirFacts { mode, uid, gid }| EmptyDir { mode, uid, gid }),
        path,
    })
}

/// The file system of a path or of its nearest existing parent.
fn device(path: &Path) -> Result<u64, FileError> {
    let there = nearest(path);
    let about = rustix::fs::stat(there).map_err(|source| FileError {
        doing: "look at",
        path: there.to_owned(),
        source: source.into(),
    })?;
    Ok(about.st_dev)
}

fn nearest(path: &Path) -> &Path {
    let mut there = path.ancestors().filter(|path| !path.as_os_str().is_empty());
    there.find(|path| path.exists()).unwrap_or(Path::new("."))
}

/// Whose files in a data directory shall be; an error within names who is not known.
///
/// # Errors
/// Where accounts or the directory can't be looked at.
pub(in crate::ops) fn owner(
    node: &LocalNode,
    wish: &OwnerWish,
    data_dir: &ObservedPlace,
) -> Result<Result<OwnerIds, String>, FileError> {
    let OwnerWish::Named { user, group } = wish else {
        let ids = match data_dir.found {
            Some(EmptyDir { uid, gid, .. }) => OwnerIds { uid, gid },
            None => owner_of(nearest(&node.local(&data_dir.path)))?,
        };
        return Ok(Ok(ids));
    };
    let Some(account) = node.account(user)? else {
        return Ok(Err(format!("user {user}")));
    };
    let gid = match group {
        None => account.gid,
        Some(group) => match node.group(group)? {
            Some(gid) => gid,
            None => return Ok(Err(format!("group {group}"))),
        },
    };
    Ok(Ok(OwnerIds {
        uid: account.uid,
        gid,
    }))
}

fn owner_of(path: &Path) -> Result<OwnerIds, FileError> {
    let facts = dir_facts(path)?;
    // It is there: it was found as the nearest that is.
    let facts = facts.unwrap_or(DirFacts {
        mode: 0,
        uid: 0,
        gid: 0,
    });
    Ok(OwnerIds {
        uid: facts.uid,
        gid: facts.gid,
    })
}
