//! What a snapshot holds, in the numbers of `etcdutl snapshot status`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::crc::Joiner;
use super::error::SnapshotError;
use super::live::LiveKeys;
use super::marks::{Marks, StorageVersion, find};
use crate::datadir::bolt::{Bucket, Entries, Entry, Image, ReadAt};
use crate::datadir::schema::{BucketName, KeyValueRef, RevisionKey};

/// Sections that the bucket `key` is read in: a few for each processor, so that they end together.
const SECTIONS: u16 = 16;
/// More of them only wait for the disk or for memory.
const MAX_WORKERS: usize = 4;

/// What etcdutl of the file's own version prints, and the revision that it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// CRC-32C over all buckets: it identifies a file, not the data, which members share.
    pub hash: u32,
    /// The last revision that is stored; 0 without any.
    pub revision: i64,
    /// The revision that the store is at; later than `revision` where a delete was compacted away.
    pub current_revision: i64,
    /// Up to 3.5 the entries of all buckets, from 3.6 on the user keys that are alive.
    pub total_key: u64,
    /// Bytes of the image, without the digest.
    pub total_size: u64,
    /// The version of the storage.
    pub version: StorageVersion,
}

/// Reads every entry once. The digest is not looked at, as etcdutl does not: that is `verify`.
///
/// # Errors
/// A source that fails, or a file that is damaged.
pub fn status<R: ReadAt + Sync>(image: &Image<R>) -> Result<Status, SnapshotError> {
    let buckets = image.buckets()?;
    let marks = Marks::read(image, &buckets)?;
    let version = marks.version();
    let mut pass = Pass {
        live: matches!(version, StorageVersion::Stated(_)).then(LiveKeys::default),
        ..Pass::default()
    };
    find(&buckets, BucketName::Key)?;
    for bucket in &buckets {
        pass.hash = crc32c::crc32c_append(pass.hash, &bucket.name);
        if bucket.name == BucketName::Key.as_bytes() {
            pass.revisions(image, bucket)?;
        } else {
            pass.entries(image, bucket)?;
        }
    }
    Ok(Status {
        hash: pass.hash,
        revision: pass.revision,
        current_revision: marks.current_revision(pass.revision),
        total_key: pass.live.map_or(pass.entries, |live| live.count()),
        total_size: image.image_bytes(),
        version,
    })
}

#[derive(Default)]
struct Pass {
    hash: u32,
    /// Bytes of keys and values.
    bytes: u64,
    entries: u64,
    revision: i64,
    live: Option<LiveKeys>,
}

impl Pass {
    fn entries<R: ReadAt>(
        &mut self,
        image: &Image<R>,
        bucket: &Bucket,
    ) -> Result<(), SnapshotError> {
        let mut entries = image.entries(bucket);
        while let Some(entry) = entries.next()? {
            self.count(&entry);
        }
        Ok(())
    }

    /// The bucket `key`, which is nearly all of a file: in sections, unless the keys have to be
    /// followed from their first change to their last.
    fn revisions<R: ReadAt + Sync>(
        &mut self,
        image: &Image<R>,
        bucket: &Bucket,
    ) -> Result<(), SnapshotError> {
        let sections = match self.live {
            Some(_) => vec![image.entries(bucket)],
            None => image.sections(bucket, SECTIONS)?,
        };
        if sections.len() == 1 {
            for mut section in sections {
                self.section(&mut section)?;
            }
            return Ok(());
        }
        let sections = sections
            .into_iter()
            .map(|section| Mutex::new(Some(section)));
        let sections: Vec<_> = sections.collect();
        let workers = thread::available_parallelism().map_or(1, |n| n.get().min(MAX_WORKERS));
        let next = AtomicUsize::new(0);
        let work = || -> Vec<_> {
            let claims = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
            let claims = claims.map_while(|claim| Some((claim, take(sections.get(claim)?)?)));
            claims
                .map(|(number, mut section)| {
                    let mut pass = Pass::default();
                    let read = pass.section(&mut section);
                    (number, read.map(|()| (pass, section)))
                })
                .collect()
        };
        let mut parts = thread::scope(|scope| {
            let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
            let mut parts = work();
            for other in others {
                match other.join() {
                    Ok(more) => parts.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            parts
        });
        parts.sort_unstable_by_key(|(number, _)| *number);
        let mut read = Vec::with_capacity(parts.len());
        for (_, part) in parts {
            let (pass, section) = part?;
            self.append(&pass);
            read.push(section);
        }
        Ok(image.are_apart(read)?)
    }

    fn section<R: ReadAt>(&mut self, entries: &mut Entries<'_, R>) -> Result<(), SnapshotError> {
        while let Some(entry) = entries.next()? {
            self.count(&entry);
            let revision = revision_of(&entry)?;
            self.revision = revision.main;
            if let Some(live) = &mut self.live {
                let change = change_of(&entry)?;
                live.note(change.key, revision.is_tombstone);
            }
        }
        Ok(())
    }

    /// Adds what another pass has read behind this one.
    fn append(&mut self, next: &Self) {
        self.hash = Joiner::new().join(self.hash, next.hash, next.bytes);
        self.bytes += next.bytes;
        self.entries += next.entries;
        if next.entries > 0 {
            self.revision = next.revision;
        }
    }

    fn count(&mut self, entry: &Entry<'_>) {
        let hash = crc32c::crc32c_append(self.hash, entry.key);
        self.hash = crc32c::crc32c_append(hash, entry.value);
        self.bytes += (entry.key.len() + entry.value.len()) as u64;
        self.entries += 1;
    }
}

fn take<T>(section: &Mutex<Option<T>>) -> Option<T> {
    // A worker that panicked ends the run anyway.
    section.lock().ok()?.take()
}

/// The revision that an entry of `key` lies under.
pub(super) fn revision_of(entry: &Entry<'_>) -> Result<RevisionKey, SnapshotError> {
    RevisionKey::parse(entry.key).map_err(|error| SnapshotError::Entry {
        offset: entry.offset,
        reason: error.into(),
    })
}

/// The change that an entry of `key` holds.
pub(super) fn change_of<'a>(entry: &Entry<'a>) -> Result<KeyValueRef<'a>, SnapshotError> {
    KeyValueRef::parse(entry.value).map_err(|error| SnapshotError::Entry {
        offset: entry.offset,
        reason: error.into(),
    })
}
