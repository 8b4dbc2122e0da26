//! What a snapshot holds, in the numbers of `etcdutl snapshot status`.

use super::crc::Sum;
use super::error::SnapshotError;
use super::live::LiveKeys;
use super::marks::{Marks, StorageVersion, find};
use super::sections::in_sections;
use crate::datadir::bolt::{Bucket, Entries, Entry, Image, ReadAt};
use crate::datadir::schema::{BucketName, KeyValueRef, RevisionKey};

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
        pass.content.add(&bucket.name);
        if bucket.name == BucketName::Key.as_bytes() {
            pass.revisions(image, bucket)?;
        } else {
            pass.entries(image, bucket)?;
        }
    }
    Ok(Status {
        hash: pass.content.crc,
        revision: pass.revision,
        current_revision: marks.current_revision(pass.revision),
        total_key: pass.live.map_or(pass.entries, |live| live.count()),
        total_size: image.image_bytes(),
        version,
    })
}

#[derive(Default)]
struct Pass {
    content: Sum,
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
        if self.live.is_some() {
            return self.section(&mut image.entries(bucket));
        }
        let (sections, _) = in_sections(image, bucket, image.page_set(), |entries| {
            let mut pass = Self::default();
            pass.section(entries)?;
            Ok::<_, SnapshotError>(pass)
        })?;
        for section in &sections {
            self.append(section);
        }
        Ok(())
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
        self.content.append(next.content);
        self.entries += next.entries;
        if next.entries > 0 {
            self.revision = next.revision;
        }
    }

    fn count(&mut self, entry: &Entry<'_>) {
        self.content.add(entry.both);
        self.entries += 1;
    }
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
