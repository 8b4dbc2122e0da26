//! What is in a directory of snapshots, from their records and their first pages. Reads no snapshot
//! whole.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::datadir::bolt::Image;
use crate::snapshot::{RecordError, SnapshotRecord, record_path};
use crate::sys::files::{self, FileError};

/// What a snapshot's name ends with.
const ENDING: &str = ".db";

/// What a directory holds.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// The snapshots, oldest first.
    pub snapshots: Vec<Stored>,
    /// Snapshots that are gone and whose records are not, with the times of these: a prune that was
    /// killed leaves them.
    pub orphans: Vec<(PathBuf, Timestamp)>,
}

/// A snapshot in the directory.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
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
        if name.ends_with(ENDING) {
            found.snapshots.push(look_at(path)?);
        } else if let Some(snapshot) = name.strip_suffix(".json")
            && snapshot.ends_with(ENDING)
            && !directory.join(snapshot).exists()
            && let Some(Ok(record)) = read_record(&path)?
        {
            let snapshot = directory.join(snapshot);
            found.orphans.push((snapshot, record.taken_at));
        }
    }
    let order = |one: &Stored| (one.taken_at, one.path.clone());
    found.snapshots.sort_by_key(order);
    Ok(found)
}

fn look_at(path: PathBuf) -> Result<Stored, FileError> {
    let failed = |source| FileError {
        doing: "look at",
        path: path.clone(),
        source,
    };
    let metadata = fs::metadata(&path).map_err(failed)?;
    let written = metadata.modified().map_err(failed)?;
    let written = Timestamp::try_from(written).unwrap_or(Timestamp::UNIX_EPOCH);
    let size = metadata.len();
    let (record, complaint) = match read_record(&record_path(&path))? {
        None => (None, None),
        Some(Ok(record)) => (Some(record), None),
        Some(Err(error)) => (None, Some(format!("its record: {error}"))),
    };
    let state = match (complaint, &record) {
        (Some(why), _) => State::Damaged(why),
        (None, Some(record)) if record.size_bytes != size => State::Damaged(format!(
            "{size} bytes, and {} were saved",
            record.size_bytes
        )),
        (None, record) => match (image_of(&path), record) {
            (Err(why), _) => State::Damaged(why),
            (Ok(()), None) => State::Unrecorded,
            (Ok(()), Some(record)) if record.equal_to.is_empty() => State::Unproven,
            (Ok(()), Some(_)) => State::Proven,
        },
    };
    Ok(Stored {
        taken_at: record.as_ref().map_or(written, |record| record.taken_at),
        path,
        size,
        record,
        state,
    })
}

/// A record, or why it can't be read.
type ReadRecord = Result<SnapshotRecord, RecordError>;

/// Reads a record; none where there is none.
fn read_record(path: &Path) -> Result<Option<ReadRecord>, FileError> {
    let failed = |source| FileError {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    // One byte more than a record may have tells that it has too many.
    let limit = SnapshotRecord::MAX_BYTES as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(SnapshotRecord::parse(&bytes)))
}

/// Whether the file begins as a database does, and is long enough for it.
fn image_of(path: &Path) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    Image::open(file)
        .map(drop)
        .map_err(|error| error.to_string())
}
