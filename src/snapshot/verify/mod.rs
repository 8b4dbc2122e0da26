//! Can this snapshot be restored, and is it what the server sent?
//!
//! Invariant: everything that is wrong is found in one run, up to a cap; a finding names the offset; the
//! file is read front to back once for its digest, beside one walk over its entries.

mod contents;
mod finding;
mod keys;
mod leases;
mod pages;
mod rule;
#[cfg(test)]
mod tests;

use std::thread;

use contents::Contents;
use finding::Findings;

use super::digest::{checksum, digest};
use super::error::SnapshotError;
use super::hash_kv::HashKv;
use super::marks::Marks;
use super::watch::Watch;
use crate::datadir::bolt::{BoltError, Image, ReadAt, Trailer};
use crate::datadir::schema::AlarmMember;

pub use finding::{Finding, Severity};
pub use rule::Rule;

/// How to judge.
#[derive(Clone, Copy, Debug, Default)]
pub struct VerifyOptions {
    /// A digest that is missing or does not fit is a warning only: for the copy of a database file.
    pub skip_hash_check: bool,
    /// The image as it was when its SHA-256 was computed: that is not done again where it has this checksum
    /// still.
    pub known: Option<KnownImage>,
    /// The keys that are alive are to be counted even where that takes a map of all of them.
    pub count_live: bool,
}

/// An image whose SHA-256 was computed before.
#[derive(Clone, Copy, Debug)]
pub struct KnownImage {
    /// CRC-32C of it.
    pub checksum: u32,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Verification {
    /// Bytes of the file.
    pub file_bytes: u64,
    /// The SHA-256 of the image, where one follows it and was computed.
    pub sha256: Option<[u8; 32]>,
    /// What is wrong, errors and warnings in the order they were met; at most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// Errors, those behind the cap included.
    pub errors: u64,
    /// Warnings, those behind the cap included.
    pub warnings: u64,
    /// What the snapshot holds; absent where it cannot be opened.
    pub contents: Option<VerifiedContents>,
}

/// What a snapshot holds that could be opened.
#[derive(Clone, Debug)]
pub struct VerifiedContents {
    /// Bytes of a page.
    pub page_bytes: u64,
    /// Bytes of the image.
    pub image_bytes: u64,
    /// Pages in use by trees.
    pub used_pages: u64,
    /// All pages of the image.
    pub pages: u64,
    /// Entries of all buckets that could be read.
    pub entries: u64,
    /// Checksum of all buckets' names, keys and values: what etcdutl's `snapshot status` calls hash.
    pub content: u32,
    /// The last revision that is stored; 0 where there is none.
    pub last_revision: i64,
    /// Names of the members recorded.
    pub members: Vec<String>,
    /// Alarms that are raised.
    pub alarms: Vec<AlarmMember>,
    /// The bucket `meta`.
    pub marks: Marks,
    /// The version of the cluster that wrote it, where it is recorded.
    pub cluster_version: Option<String>,
    /// Its HashKV; absent where an error makes it meaningless.
    pub hash_kv: Option<HashKv>,
}

pub use finding::MAX_FINDINGS;

impl Verification {
    /// True where a restore from it is sound.
    pub fn is_restorable(&self) -> bool {
        self.errors == 0
    }
}

/// Reads the whole file and judges it.
///
/// # Errors
/// Where the source cannot be read. Damage is a finding, not an error.
pub fn verify<R: ReadAt + Sync>(
    source: &R,
    options: VerifyOptions,
) -> Result<Verification, SnapshotError> {
    let mut findings = Findings::default();
    let file_bytes = source.size().map_err(|error| BoltError::Io {
        offset: 0,
        length: 0,
        source: error,
    })?;
    let image = match Image::open(source) {
        Ok(image) => image,
        Err(error) if error.is_io() => return Err(error.into()),
        Err(error) => {
            pages::unusable(&error, &mut findings);
            return Ok(summary(file_bytes, None, findings, None));
        }
    };
    pages::metas(&image, &mut findings);
    let bytes = image.digested_bytes();
    let (sha256, contents) = thread::scope(|scope| {
        // Reading front to back also brings in the pages that the walk wants next.
        let sha256 = scope.spawn(|| match image.trailer() {
            Trailer::Digest(_) => sha256_of(source, bytes, options.known).map(Some),
            Trailer::Absent | Trailer::Unknown { .. } => Ok(None),
        });
        let contents = Contents::read(&image, options.count_live, &mut findings, &|_| true);
        (sha256.join(), contents)
    });
    let sha256 = match sha256 {
        Ok(Ok(sha256)) => sha256,
        Ok(Err(error)) => {
            return Err(SnapshotError::Image(BoltError::Io {
                offset: 0,
                length: bytes,
                source: error,
            }));
        }
        // The digest has no reason to panic; if it did, so do we.
        Err(panic) => std::panic::resume_unwind(panic),
    };
    pages::trailer(&image, sha256, options, &mut findings);
    let contents = match contents {
        Ok(contents) => Some(contents),
        Err(ExamineError::Snapshot(error)) => return Err(error),
        Err(ExamineError::Interrupted) => None,
    };
    Ok(summary(file_bytes, sha256, findings, contents))
}

fn sha256_of<R: ReadAt>(
    source: &R,
    bytes: u64,
    known: Option<KnownImage>,
) -> std::io::Result<[u8; 32]> {
    match known {
        Some(known) if checksum(source, bytes)? == known.checksum => Ok(known.sha256),
        _ => digest(source, bytes),
    }
}

/// Why an image was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// It can't be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The watch said so.
    #[error("interrupted")]
    Interrupted,
}

impl From<BoltError> for ExamineError {
    fn from(error: BoltError) -> Self {
        Self::Snapshot(error.into())
    }
}

/// Judges all that is in an image, not what follows it: every page, tree and entry.
///
/// # Errors
/// Where the source cannot be read, or the watch ends it. Damage is a finding.
pub fn examine<R: ReadAt + Sync>(
    image: &Image<R>,
    watch: Watch<'_>,
) -> Result<(VerifiedContents, Vec<Finding>), ExamineError> {
    let mut findings = Findings::default();
    let contents = Contents::read(image, false, &mut findings, watch)?;
    Ok((contents, findings.list))
}

fn summary(
    file_bytes: u64,
    sha256: Option<[u8; 32]>,
    findings: Findings,
    contents: Option<VerifiedContents>,
) -> Verification {
    let (errors, warnings) = (findings.errors, findings.warnings);
    Verification {
        file_bytes,
        sha256,
        findings: findings.list,
        errors,
        warnings,
        contents,
    }
}
