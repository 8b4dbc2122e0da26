//! A snapshot to be read, wherever it lies and however it is packed: opened as the plain file it was.
//!
//! Invariant: what is stored is only read; what is unpacked has no name, so nothing outlives the run.

use std::fs::File;
use std::io::{self, BufReader, Seek};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{ObjectPlace, SnapshotPlace, bytes, hex};
use crate::s3::{S3Access, S3Client, S3Error};
use crate::snapshot::packing::{
    Identities, IdentityError, LONGEST_MAGIC, Layer, UnpackError, recognise, unpack,
};
use crate::snapshot::{SnapshotRecord, record_path};
use crate::sys::files::{self, FileError};
use crate::sys::{scratch, space};

use super::operator_file::{self, SecretFileError};

/// Room that is left on the file system of the scratch file, in bytes.
const SPARE_BYTES: u64 = 16 << 20;

/// Bytes that are written to the scratch file at once.
const GATHERED: usize = 1 << 20;

/// What the operator says about a snapshot to be read.
#[derive(Clone, Debug)]
pub struct SourceRequest {
    /// The file, or the object of a store.
    pub place: SnapshotPlace,
    /// How the store is reached.
    pub store: Option<S3Access>,
    /// A file of age identities, for one that is encrypted.
    pub identity: Option<PathBuf>,
    /// A directory with room for the plain file, where it has to be unpacked.
    pub scratch: Option<PathBuf>,
}

/// A snapshot that can be read.
#[derive(Clone, Debug)]
pub struct Source {
    /// What the operator calls it.
    pub place: SnapshotPlace,
    /// The plain file.
    pub file: Arc<File>,
    /// What it was packed in, from the outside; nothing where `file` is what is stored.
    pub layers: Vec<Layer>,
}

/// Why a snapshot can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file can't be read, or made.
    #[error(transparent)]
    File(#[from] FileError),
    /// The identities can't be read, or others may read them.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// The file of identities holds something else.
    #[error("{path}: {source}", path = path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: IdentityError,
    },
    /// The store fails.
    #[error(transparent)]
    Store(#[from] S3Error),
    /// Nothing says how the store is reached.
    #[error("{0} is in a store, and nothing says how it is reached")]
    NoStore(ObjectPlace),
    /// There is no such object.
    #[error("{0} is not there")]
    Missing(ObjectPlace),
    /// What came is not what was put.
    #[error("{place} is not what was saved")]
    NotRecorded {
        /// The snapshot.
        place: SnapshotPlace,
        /// SHA-256 of what came, in hex.
        found: String,
        /// The one of its record.
        expected: String,
    },
    /// It can't be unpacked.
    #[error("{place}: {source}")]
    Unpack {
        /// The snapshot.
        place: SnapshotPlace,
        /// Why.
        source: UnpackError,
        /// To whom it is encrypted, by its record.
        recipients: Vec<String>,
    },
    /// It is more than its record says.
    #[error("{place} unpacks to more than the {expected} bytes of its record")]
    MoreThanRecorded {
        /// The snapshot.
        place: SnapshotPlace,
        /// Bytes of the plain file.
        expected: u64,
    },
    /// The scratch directory has no room for it.
    #[error("{directory} has no room for {place}", directory = directory.display())]
    NoRoom {
        /// The snapshot.
        place: SnapshotPlace,
        /// The directory.
        directory: PathBuf,
        /// What is known: how much is free, and needed.
        why: String,
    },
    /// It was given up.
    #[error("interrupted")]
    Interrupted,
}

impl SourceError {
    /// True where what is stored is not what was saved.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Unpack { source, .. } => source.is_damage(),
            Self::MoreThanRecorded { .. } | Self::NotRecorded { .. } => true,
            _ => false,
        }
    }
}

/// How far opening is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// So many bytes have come from the store, of so many.
    Fetched(u64, Option<u64>),
    /// So many bytes have been unpacked.
    Unpacked(u64),
}

/// Opens the snapshot: fetched where it is in a store, unpacked where it is packed. `watch` is told how
/// far that is; false gives up.
///
/// # Errors
/// [`SourceError`]; nothing is left then.
pub async fn open(
    request: &SourceRequest,
    mut watch: impl FnMut(Opening) -> bool,
) -> Result<Source, SourceError> {
    let (stored, record) = match &request.place {
        SnapshotPlace::Path(path) => (files::open_regular(path)?, recorded(path)),
        SnapshotPlace::Object(object) => fetched(request, object, &mut watch).await?,
    };
    let plain = |file| Source {
        place: request.place.clone(),
        file: Arc::new(file),
        layers: Vec::new(),
    };
    if outermost(&stored, &request.place)?.is_none() {
        return Ok(plain(stored));
    }
    let identities = request.identity.as_deref().map(identities).transpose()?;
    let directory = scratch_dir(request)?;
    let room = Room::of(&directory, record.as_ref().map(|record| record.size_bytes))?;
    room.demand(&request.place, &directory)?;
    let file = scratch::nameless(&directory)?;
    let unpacked = unpack(
        BufReader::with_capacity(GATHERED, &stored),
        identities.as_ref(),
        room.limit(),
        io::BufWriter::with_capacity(GATHERED, &file),
        |bytes| watch(Opening::Unpacked(bytes)),
    );
    let unpacked = unpacked.map_err(|error| match error {
        UnpackError::Interrupted => SourceError::Interrupted,
        UnpackError::TooBig { .. } => room.exceeded(&request.place, &directory),
        UnpackError::Write(source) => FileError {
            doing: "unpack into",
            path: directory.clone(),
            source,
        }
        .into(),
        UnpackError::Read(source) => FileError {
            doing: "read",
            path: request.place.to_string().into(),
            source,
        }
        .into(),
        source => SourceError::Unpack {
            place: request.place.clone(),
            source,
            recipients: record
                .and_then(|record| record.stored)
                .map(|stored| stored.recipients)
                .unwrap_or_default(),
        },
    })?;
    Ok(Source {
        layers: unpacked.layers,
        ..plain(file)
    })
}

fn scratch_dir(request: &SourceRequest) -> Result<PathBuf, FileError> {
    let beside = request.place.path().unwrap_or(Path::new("."));
    scratch::directory(request.scratch.as_deref(), beside)
}

/// Brings an object here, with its record.
async fn fetched(
    request: &SourceRequest,
    object: &ObjectPlace,
    watch: &mut impl FnMut(Opening) -> bool,
) -> Result<(File, Option<SnapshotRecord>), SourceError> {
    let store = request.store.as_ref();
    let store = store.ok_or_else(|| SourceError::NoStore(object.clone()))?;
    let client = S3Client::new(store, &object.bucket)?;
    let record = client.get(&format!("{}.json", object.key)).await?;
    let record = record.and_then(|bytes| SnapshotRecord::parse(&bytes).ok());
    let size = client.size_of(&object.key).await?;
    let size = size.ok_or_else(|| SourceError::Missing(object.clone()))?;
    let directory = scratch_dir(request)?;
    Room::of(&directory, Some(size))?.demand(&request.place, &directory)?;
    let mut file = scratch::nameless(&directory)?;
    let mut goes_on = true;
    let into = io::BufWriter::with_capacity(GATHERED, &file);
    let fetching = client.fetch(&object.key, into, |bytes| {
        goes_on &= watch(Opening::Fetched(bytes, Some(size)));
    });
    let fetched = fetching.await?;
    if !goes_on {
        return Err(SourceError::Interrupted);
    }
    if let Some(stored) = record.as_ref().and_then(|record| record.stored.as_ref()) {
        let found = hex(&fetched.sha256);
        if found != stored.sha256 {
            return Err(SourceError::NotRecorded {
                place: request.place.clone(),
                found,
                expected: stored.sha256.clone(),
            });
        }
    }
    file.rewind().map_err(|source| FileError {
        doing: "read again",
        path: directory,
        source,
    })?;
    Ok((file, record))
}

/// What the file begins as.
fn outermost(file: &File, place: &SnapshotPlace) -> Result<Option<Layer>, FileError> {
    let failed = |source| FileError {
        doing: "read",
        path: place.to_string().into(),
        source,
    };
    let mut beginning = [0; LONGEST_MAGIC];
    let mut filled = 0;
    while filled < beginning.len() {
        match file.read_at(&mut beginning[filled..], filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(recognise(&beginning[..filled]))
}

/// Reads a file of secret keys, which nobody else may read.
fn identities(path: &Path) -> Result<Identities, SourceError> {
    let text = operator_file::read_secret(path)?;
    Identities::parse(&text).map_err(|source| SourceError::Identity {
        path: path.to_owned(),
        source,
    })
}

/// The record beside it; one that is missing or strange is no reason not to read a snapshot.
fn recorded(path: &Path) -> Option<SnapshotRecord> {
    let bytes = files::read_optional(&record_path(path)).ok()??;
    SnapshotRecord::parse(&bytes).ok()
}

/// How much may be written.
struct Room {
    free: u64,
    expected: Option<u64>,
}

impl Room {
    fn of(directory: &Path, expected: Option<u64>) -> Result<Self, FileError> {
        Ok(Self {
            free: space::free_bytes(directory)?.saturating_sub(SPARE_BYTES),
            expected,
        })
    }

    /// Fails where it is known before that there is too little.
    fn demand(&self, place: &SnapshotPlace, directory: &Path) -> Result<(), SourceError> {
        match self.expected {
            Some(needed) if needed > self.free => Err(SourceError::NoRoom {
                place: place.clone(),
                directory: directory.to_owned(),
                why: format!("{} free, {} needed", bytes(self.free), bytes(needed)),
            }),
            _ => Ok(()),
        }
    }

    fn limit(&self) -> u64 {
        self.expected.unwrap_or(self.free).min(self.free)
    }

    /// What it means that more came out.
    fn exceeded(&self, place: &SnapshotPlace, directory: &Path) -> SourceError {
        let place = place.clone();
        match self.expected {
            Some(expected) => SourceError::MoreThanRecorded { place, expected },
            None => SourceError::NoRoom {
                place,
                directory: directory.to_owned(),
                why: format!("{} free, more needed", bytes(self.free)),
            },
        }
    }
}
