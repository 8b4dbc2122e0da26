//! Packs a proven snapshot and puts it where it stays, with its record: into a directory, or into a
//! store.
//!
//! Invariant: the record comes last, so what has one is whole; what fails on the way leaves nothing.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::model::{ObjectPlace, SnapshotPlace};
use crate::s3::{S3Access, S3Client};
use crate::snapshot::packing::{Packed, pack};
use crate::snapshot::{Received, SnapshotRecord, record_path};
use crate::sys::files::{self, FileError};
use crate::sys::staged::{Spool, StagedFile};

use super::fetch::{MODE, SpoolAt, Transfer};
use super::save::{SaveError, SaveEvents, on_a_thread};
use super::target::SavePlan;

/// Permission bits of a record: it names members and addresses.
const RECORD_MODE: u32 = 0o600;

/// Bytes that are written at once.
const GATHERED: usize = 1 << 20;

/// How often it is told how far packing is.
const TICK: Duration = Duration::from_millis(200);

/// A snapshot as it will be stored.
pub(super) struct Stored {
    pub(super) spool: Spool,
    pub(super) bytes: u64,
    pub(super) sha256: [u8; 32],
}

/// Packs the snapshot; a plain one is what it is.
///
/// # Errors
/// The disk here fails.
pub(super) async fn packed(
    plan: &SavePlan,
    spool: Spool,
    received: &Received,
    events: &dyn SaveEvents,
) -> Result<Stored, SaveError> {
    let size = received.image_bytes + received.digest.len() as u64;
    if plan.packing.is_plain() {
        return Ok(Stored {
            spool,
            bytes: size,
            sha256: received.file_digest,
        });
    }
    events.packing();
    let at = match &plan.place {
        SnapshotPlace::Path(path) => SpoolAt::Beside(path.clone()),
        SnapshotPlace::Object(_) => plan.spool.clone(),
    };
    let to = at.begin()?;
    let (into, plain) = (to.handle()?, spool.handle()?);
    let packing = plan.packing.clone();
    let ending = Ending::default();
    let (ended, done) = (ending.0.clone(), Arc::new(AtomicU64::new(0)));
    let position = done.clone();
    let working = on_a_thread(move || {
        let from = Offsets {
            file: &plain,
            done: &done,
        };
        let into = BufWriter::with_capacity(GATHERED, &into);
        let goes_on = || !ended.load(Ordering::Relaxed);
        pack(from, size, into, &packing, goes_on)
    });
    tokio::pin!(working);
    let packed: Packed = loop {
        tokio::select! {
            packed = &mut working => break packed.map_err(|source| FileError {
                doing: "pack the snapshot into",
                path: at.path().to_owned(),
                source,
            })?,
            () = tokio::time::sleep(TICK) => events.transferred(Transfer {
                received: position.load(Ordering::Relaxed),
                total: size,
            }),
        }
    };
    to.sync()?;
    Ok(Stored {
        spool: to,
        bytes: packed.bytes,
        sha256: packed.sha256,
    })
}

/// Tells a thread to end when whoever waits for it has gone.
#[derive(Default)]
struct Ending(Arc<AtomicBool>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads a file from its beginning on, without moving the position that its handles share.
struct Offsets<'a> {
    file: &'a File,
    done: &'a AtomicU64,
}

impl io::Read for Offsets<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let at = self.done.load(Ordering::Relaxed);
        let count = self.file.read_at(into, at)?;
        self.done.store(at + count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Puts a snapshot that is ready.
pub(super) struct Putting<'a> {
    pub(super) access: Option<&'a S3Access>,
    pub(super) record: &'a SnapshotRecord,
    pub(super) sha256: [u8; 32],
    pub(super) events: &'a dyn SaveEvents,
}

impl Putting<'_> {
    /// Puts it into the place that it was made for.
    ///
    /// # Errors
    /// The disk or the store fails, or something is there by now.
    pub(super) async fn first(&self, spool: Spool, place: &SnapshotPlace) -> Result<(), SaveError> {
        match (spool, place) {
            (Spool::Named(staged), SnapshotPlace::Path(path)) => self.name(staged, path),
            (spool, place) => self.copy(spool.file(), place).await,
        }
    }

    /// Puts a copy into another place.
    ///
    /// # Errors
    /// As [`Putting::first`].
    pub(super) async fn copy(&self, file: &File, place: &SnapshotPlace) -> Result<(), SaveError> {
        self.events.storing(place);
        match place {
            SnapshotPlace::Object(object) => self.upload(file, object).await,
            SnapshotPlace::Path(path) => {
                let mut staged = StagedFile::begin(path, MODE)?;
                let done = AtomicU64::new(0);
                let mut from = Offsets { file, done: &done };
                let copied = io::copy(&mut from, &mut staged).and_then(|_| staged.flush());
                copied.map_err(|source| FileError {
                    doing: "write",
                    path: path.clone(),
                    source,
                })?;
                staged.sync()?;
                self.name(staged, path)
            }
        }
    }

    fn name(&self, staged: StagedFile, path: &Path) -> Result<(), SaveError> {
        staged.commit_new()?;
        let record_path = record_path(path);
        let text = self.text(&record_path)?;
        files::write_atomic(&record_path, &text, RECORD_MODE)?;
        Ok(())
    }

    async fn upload(&self, file: &File, object: &ObjectPlace) -> Result<(), SaveError> {
        let Some(access) = self.access else {
            return Err(FileError {
                doing: "reach",
                path: object.to_string().into(),
                source: io::Error::other("nothing says how its store is reached"),
            }
            .into());
        };
        let client = S3Client::new(access, &object.bucket)?;
        let total = self.record.stored_bytes();
        let watch = |received| self.events.transferred(Transfer { received, total });
        client
            .upload(&object.key, file, total, &self.sha256, &watch)
            .await?;
        let record = SnapshotPlace::Object(object.clone()).with_more(".json");
        let text = self.text(Path::new(&record.to_string()))?;
        let put = client.put(&format!("{}.json", object.key), text).await;
        if put.is_err() {
            // Best effort: what is left without a record is told by a list.
            let _ = client.remove(&object.key).await;
        }
        Ok(put?)
    }

    fn text(&self, path: &Path) -> Result<Vec<u8>, FileError> {
        self.record.to_json().map_err(|error| FileError {
            doing: "write",
            path: path.to_owned(),
            source: error.into(),
        })
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
