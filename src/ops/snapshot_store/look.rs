//! What is in a directory of snapshots, from their records and their first pages. Reads no snapshot
//! whole.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::datadir::bolt::Image;
use crate::model::SnapshotPlace;
use crate::snapshot::packing::{LONGEST_MAGIC, Layer, is_ending, recognise};
use crate::snapshot::{RecordError, SnapshotRecord, record_path};
use crate::sys::files::{self, FileError};

/// What a directory, or a prefix of a store, holds.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// The snapshots, oldest first.
    pub snapshots: Vec<Stored>,
    /// Snapshots that are gone and whose records are not, with the times of these: a prune that was
    /// killed leaves them.
    pub orphans: Vec<(SnapshotPlace, Timestamp)>,
    /// Uploads that have not ended.
    pub uploads: Vec<StoredUpload>,
}

/// An upload of a snapshot that has not ended: it runs, or was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredUpload {
    /// What it would be.
    pub place: SnapshotPlace,
    /// Its id.
    pub id: String,
    /// When it was begun.
    pub begun: Timestamp,
}

/// A snapshot in the directory.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The file or object.
    pub place: SnapshotPlace,
    /// Its bytes, as stored.
    pub size: u64,
    /// When it was taken: by its record, or else when the file was last written.
    pub taken_at: Timestamp,
    /// Its record.
    pub record: Option<SnapshotRecord>,
    /// What can be told without reading it whole.
    pub state: State,
}

/// What is known of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// When it was saved, members had its HashKV.
    Proven,
    /// It was verified when it was saved, and no member could be compared.
    Unproven,
    /// Nobody recorded what it is.
    Unrecorded,
    /// It is not what was saved, or no snapshot; why.
    Damaged(String),
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Proven => f.write_str("proven"),
            Self::Unproven => f.write_str("unproven"),
            Self::Unrecorded => f.write_str("unrecorded"),
            Self::Damaged(why) => write!(f, "damaged: {why}"),
        }
    }
}

impl Directory {
    /// Brings the snapshots into their order.
    pub(super) fn sort(&mut self) {
        self.snapshots
            .sort_by_key(|one| (one.taken_at, one.place.clone()));
    }
}

/// Looks at every snapshot of a directory.
///
/// # Errors
/// The directory or a file in it can't be read.
pub fn look(directory: &Path) -> Result<Directory, FileError> {
    files::demand_dir(directory)?;
    let mut found = Directory::default();
    for name in files::list(directory)? {
        let path = directory.join(&name);
        if name.starts_with('.') || !path.is_file() {
            continue;
        }
        if is_ending(&name) {
            found.snapshots.push(look_at(path)?);
        } else if let Some(snapshot) = name.strip_suffix(".json")
            && is_ending(snapshot)
            && !directory.join(snapshot).exists()
            && let Some(Ok(record)) = read_record(&path)?
        {
            let snapshot = directory.join(snapshot);
            found.orphans.push((snapshot.into(), record.taken_at));
        }
    }
    found.sort();
    Ok(found)
}

/// Looks at one snapshot.
///
/// # Errors
/// It or its record can't be read.
pub(super) fn look_at(path: PathBuf) -> Result<Stored, FileError> {
    let failed = |source| FileError {
        doing: "look at",
        path: path.clone(),
        source,
    };
    let metadata = fs::metadata(&path).map_err(failed)?;
    let written = metadata.modified().map_err(failed)?;
    let written = Timestamp::try_from(written).unwrap_or(Timestamp::UNIX_EPOCH);
    let size = metadata.len();
    let record = read_record(&record_path(&path))?;
    let state = match judge(record.as_ref(), size) {
        state @ State::Damaged(_) => state,
        state => match beginning_of(&path, record.as_ref().and_then(|it| it.as_ref().ok())) {
            Err(why) => State::Damaged(why),
            Ok(()) => state,
        },
    };
    Ok(stored(path.into(), size, written, record, state))
}

/// What a record says of a file or object of this size.
pub(super) fn judge(record: Option<&ReadRecord>, size: u64) -> State {
    match record {
        None => State::Unrecorded,
        Some(Err(error)) => State::Damaged(format!("its record: {error}")),
        Some(Ok(record)) if record.stored_bytes() != size => State::Damaged(format!(
            "{size} bytes, and {} were saved",
            record.stored_bytes()
        )),
        Some(Ok(record)) if record.equal_to.is_empty() => State::Unproven,
        Some(Ok(_)) => State::Proven,
    }
}

pub(super) fn stored(
    place: SnapshotPlace,
    size: u64,
    written: Timestamp,
    record: Option<ReadRecord>,
    state: State,
) -> Stored {
    let record = record.and_then(Result::ok);
    Stored {
        taken_at: record.as_ref().map_or(written, |record| record.taken_at),
        place,
        size,
        record,
        state,
    }
}

/// A record, or why it can't be read.
pub(super) type ReadRecord = Result<SnapshotRecord, RecordError>;

/// Reads a record; none where there is none.
fn read_record(path: &Path) -> Result<Option<ReadRecord>, FileError> {
    let failed = |source| FileError {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    // One byte more than a record may have tells that it has too many.
    let limit = SnapshotRecord::MAX_BYTES as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(SnapshotRecord::parse(&bytes)))
}

/// Whether the file begins as what was stored: a database that is long enough, or its packing.
fn beginning_of(path: &Path, record: Option<&SnapshotRecord>) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let found = outermost(&file).map_err(|error| error.to_string())?;
    let is_packed = record.map(|record| !record.is_plain());
    match (found, is_packed) {
        (Some(layer), Some(false)) => Err(format!("packed with {layer}, and it was saved plain")),
        (Some(_), _) => Ok(()),
        (None, Some(true)) => {
            Err("neither compressed nor encrypted, and it was saved so".to_owned())
        }
        (None, _) => Image::open(file)
            .map(drop)
            .map_err(|error| error.to_string()),
    }
}

fn outermost(file: &File) -> io::Result<Option<Layer>> {
    let mut beginning = [0; LONGEST_MAGIC];
    let count = file.read_at(&mut beginning, 0)?;
    Ok(recognise(&beginning[..count]))
}
