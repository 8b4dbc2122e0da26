//! The files of the directory: written, read back, given to their owner, moved into place.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::thread;

use rustix::fs::FallocateFlags;

use crate::plan::restore::{OwnerIds, RestoreDataDir};
use crate::plan::step::{Outcome, StepError};
use crate::snapshot::HashKv;
use crate::snapshot::restore::{
    Edit, Founding, FoundingMember, Image, RestoreError, Rewritten, SEGMENT_BYTES, SEGMENT_NAME,
    TERM, WriteError, founding_segment, founding_snap, prove, read_segment, read_snap, rewrite,
    snap_name,
};
use crate::sys::files::{self, FileError};
use crate::sys::staged_dir::{StagedDir, create_file, make_dir};
use crate::sys::write_behind::WriteBehind;

use super::{LocalPlaces, Shared, place};

/// Makes the directory, or leaves nothing.
pub(super) fn make(
    order: &RestoreDataDir,
    places: &LocalPlaces,
    shared: &Shared,
) -> Result<Outcome, StepError> {
    place::sweep(places)?;
    place::demand_empty(order, places)?;
    let founding = order.founding()?;
    let member = founding
        .member(&order.member)
        .ok_or_else(|| StepError::Missing(format!("{} is not among the members", order.member)))?;
    let mut data = StagedDir::begin(&places.data)?;
    let wal = places.wal.as_deref().map(StagedDir::begin).transpose()?;
    let contents = data.contents();
    let mut built = Built::default();
    built.dir(contents.clone());
    for name in ["member", "member/snap"] {
        built.made(contents.join(name))?;
    }
    let segments = match &wal {
        Some(wal) => wal.contents(),
        None => {
            built.made(contents.join("member/wal"))?;
            contents.join("member/wal")
        }
    };
    if wal.is_some() {
        built.dir(segments.clone());
    }
    let db = contents.join("member/snap/db");
    built.files.push(db.clone());
    let (database, rewritten) = write_database(order, places, &founding, &db, shared)?;
    let segment = segments.join(SEGMENT_NAME);
    built.files.push(segment.clone());
    write_segment(&segment, &founding_segment(&founding, member))?;
    let snap = contents.join("member/snap").join(snap_name(&founding));
    built.files.push(snap.clone());
    write_small(&snap, &founding_snap(&founding))?;
    let files = Files { db, segment, snap };
    // The disk writes what the processor compares.
    let (synced, found) = thread::scope(|scope| {
        let syncing = scope.spawn(|| database.sync_all());
        let found = check(order, &founding, member, &files, &rewritten, shared);
        let synced = syncing.join();
        (
            synced.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            found,
        )
    });
    let found = found?;
    synced.map_err(failed("sync", &files.db))?;
    built.finish(order.owner)?;
    place::settle(order, places)?;
    place::commit(
        &mut data,
        wal.as_ref(),
        places,
        &founding_segment(&founding, member),
    )?;
    Ok(Outcome::Restored {
        hash_kv: found.hash,
        revision: found.revision,
    })
}

struct Files {
    db: PathBuf,
    segment: PathBuf,
    snap: PathBuf,
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FileError + 'a {
    move |source| FileError {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// Which file a failure is about.
fn named(error: RestoreError, path: &Path) -> StepError {
    match error {
        RestoreError::Write(WriteError::Io(source)) => failed("write", path)(source).into(),
        error => StepError::Restore(error),
    }
}

/// Writes it and hands it over, not synced yet.
fn write_database(
    order: &RestoreDataDir,
    places: &LocalPlaces,
    founding: &Founding,
    path: &Path,
    shared: &Shared,
) -> Result<(File, Rewritten), StepError> {
    let image = Image::open(places.source(order)?).map_err(RestoreError::from)?;
    let edit = Edit {
        founding,
        first_revision: order.first_revision,
    };
    let sink = WriteBehind::new(create_file(path)?).map_err(failed("write", path))?;
    let watch = |bytes| {
        shared.done.store(bytes, Ordering::Relaxed);
        !shared.stop.load(Ordering::Relaxed)
    };
    let (sink, rewritten) =
        rewrite(&image, &edit, sink, &watch).map_err(|error| named(error, path))?;
    if rewritten.read != order.content {
        return Err(StepError::Restore(RestoreError::Differs {
            what: "the snapshot, read again,",
            found: rewritten.read,
            expected: order.content,
        }));
    }
    let file = sink.finish().map_err(failed("write", path))?;
    Ok((file, rewritten))
}

/// What a restore of this order writes into a database, without writing it.
///
/// # Errors
/// A snapshot that can't be read.
pub(super) fn content_of(order: &RestoreDataDir, places: &LocalPlaces) -> Result<u32, StepError> {
    let image = Image::open(places.source(order)?).map_err(RestoreError::from)?;
    let founding = order.founding()?;
    let edit = Edit {
        founding: &founding,
        first_revision: order.first_revision,
    };
    let (_, rewritten) = rewrite(&image, &edit, Nowhere, &|_| true)?;
    Ok(rewritten.content)
}

struct Nowhere;

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Nowhere {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Ok(0)
    }
}

/// Writes the log and reserves the room that etcd reserves for a segment; where the file system
/// reserves none, the file ends with its data, which etcd takes as well.
fn write_segment(path: &Path, bytes: &[u8]) -> Result<(), StepError> {
    let mut file = create_file(path)?;
    let mut write = || {
        file.write_all(bytes)?;
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, SEGMENT_BYTES) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
        file.sync_all()
    };
    Ok(write().map_err(failed("write", path))?)
}

fn write_small(path: &Path, bytes: &[u8]) -> Result<(), StepError> {
    let mut file = create_file(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    Ok(written.map_err(failed("write", path))?)
}

/// Reads everything back as a server would that starts from it. Returns the HashKV that it will
/// answer.
fn check(
    order: &RestoreDataDir,
    founding: &Founding,
    member: &FoundingMember,
    files: &Files,
    rewritten: &Rewritten,
    shared: &Shared,
) -> Result<HashKv, StepError> {
    let open = |path: &Path| File::open(path).map_err(failed("open", path));
    let image = Image::open(open(&files.db)?).map_err(RestoreError::from)?;
    let watch = |bytes| {
        shared
            .done
            .store(order.image_bytes + bytes, Ordering::Relaxed);
        !shared.stop.load(Ordering::Relaxed)
    };
    let found = prove(&image, rewritten, &watch)?;
    let wrong = |path: &Path, found: String| StepError::Moved {
        what: path.display().to_string(),
        expected: format!(
            "member {} of cluster {:x}",
            member.hex_id(),
            founding.cluster_id()
        ),
        found,
    };
    let segment = read_segment(open(&files.segment)?)
        .map_err(|error| wrong(&files.segment, error.to_string()))?;
    let ids = (segment.member_id, segment.cluster_id, segment.commit);
    if ids != (member.id, founding.cluster_id(), founding.index()) {
        return Err(wrong(&files.segment, format!("{segment:?}")));
    }
    let snap = read_snap(&files::read(&files.snap)?)
        .map_err(|error| wrong(&files.snap, error.to_string()))?;
    if (snap.index, snap.term) != (founding.index(), TERM) {
        let found = format!("index {} of term {}", snap.index, snap.term);
        return Err(wrong(&files.snap, found));
    }
    Ok(found)
}

/// What was made, so that all of it is given away and made durable.
#[derive(Default)]
struct Built {
    dirs: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Built {
    fn dir(&mut self, path: PathBuf) {
        self.dirs.push(path);
    }

    fn made(&mut self, path: PathBuf) -> Result<(), FileError> {
        make_dir(&path)?;
        self.dirs.push(path);
        Ok(())
    }

    /// The files' contents are durable already.
    fn finish(&self, owner: Option<OwnerIds>) -> Result<(), FileError> {
        if let Some(OwnerIds { uid, gid }) = owner {
            for path in self.files.iter().chain(&self.dirs) {
                files::give(path, Some(uid), Some(gid))?;
            }
            for path in &self.files {
                let synced = File::open(path).and_then(|file| file.sync_all());
                synced.map_err(failed("sync", path))?;
            }
        }
        // From the inside out.
        self.dirs
            .iter()
            .rev()
            .try_for_each(|dir| files::sync_dir(dir))
    }
}
