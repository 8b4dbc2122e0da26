//! Brings a member's database into a file that nobody sees yet.
//!
//! Invariant: memory is bounded: a few pieces wait between the network and the disk, which have a
//! thread each, so neither waits for the other.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use crate::cluster::{ClusterAccess, ClusterError, Connection};
use crate::snapshot::{ReceiveError, Received, Receiver};
use crate::sys::files::FileError;
use crate::sys::scratch;
use crate::sys::staged::{Spool, StagedFile};

use super::choose::Candidate;

/// Pieces of 32 KiB that may wait for the disk.
const WAITING: usize = 128;

/// Permission bits of a snapshot: it holds every Secret of the cluster.
pub(super) const MODE: u32 = 0o600;

/// Where the bytes go at first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpoolAt {
    /// Beside this path, which they will have.
    Beside(PathBuf),
    /// Into this directory, without a name.
    Within(PathBuf),
}

impl SpoolAt {
    /// Begins the file.
    pub(super) fn begin(&self) -> Result<Spool, FileError> {
        match self {
            Self::Beside(path) => StagedFile::begin(path, MODE).map(Spool::Named),
            Self::Within(directory) => scratch::nameless(directory).map(Spool::Nameless),
        }
    }

    /// What is named in errors.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Beside(path) | Self::Within(path) => path,
        }
    }
}

/// How far the transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Bytes that came.
    pub received: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Why a member's database did not come.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The member, or the way to it, failed: another one may do better.
    #[error(transparent)]
    Member(#[from] ClusterError),
    /// What came is not a whole snapshot: another member may send one.
    #[error("{endpoint}: {source}")]
    Damaged {
        /// Who sent it.
        endpoint: String,
        /// What is wrong with it.
        source: ReceiveError,
    },
    /// The disk here failed: another member does not help.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Fetches the snapshot into a new file.
///
/// # Errors
/// [`FetchError`]; the file is gone then.
pub(super) async fn fetch(
    candidate: &Candidate,
    access: &ClusterAccess,
    at: &SpoolAt,
    progress: &(dyn Fn(Transfer) + Send + Sync),
) -> Result<(Spool, Received), FetchError> {
    let connection = Connection::open(&candidate.endpoint, access).await?;
    let mut stream = connection.snapshot().await?;
    let (pieces, arriving) = mpsc::channel(WAITING);
    let spool = at.begin()?;
    let writing = tokio::task::spawn_blocking(move || write(spool, arriving));
    let mut received = 0;
    let streamed = loop {
        match stream.next().await {
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
            Ok(Some(piece)) => {
                received += piece.bytes.len() as u64;
                let total = received.saturating_add(piece.remaining);
                progress(Transfer { received, total });
                // A writer that has ended tells why below.
                if pieces.send(piece.bytes).await.is_err() {
                    break Ok(());
                }
            }
        }
    };
    drop(pieces);
    let written = match writing.await {
        Ok(written) => written,
        Err(ended) => std::panic::resume_unwind(ended.into_panic()),
    };
    match (streamed, written) {
        (Err(error), _) => Err(error.into()),
        (Ok(()), Ok(done)) => Ok(done),
        (Ok(()), Err(ReceiveError::Write(source))) => Err(FetchError::File(FileError {
            doing: "write",
            path: at.path().to_owned(),
            source,
        })),
        (Ok(()), Err(source)) => Err(FetchError::Damaged {
            endpoint: candidate.endpoint.to_string(),
            source,
        }),
    }
}

fn write(
    spool: Spool,
    mut arriving: mpsc::Receiver<Vec<u8>>,
) -> Result<(Spool, Received), ReceiveError> {
    let mut receiver = Receiver::new(spool);
    while let Some(piece) = arriving.blocking_recv() {
        receiver.take(&piece)?;
    }
    receiver.finish()
}
