//! Streams an image into a fresh file through an [`Edit`], and proves that the file holds what went
//! in.
//!
//! Invariant: memory does not grow with the image.

use std::collections::BTreeMap;
use std::io::{Seek, Write};

use crate::datadir::bolt::{Bucket, Image, ReadAt, Writer, Written};

use super::edit::Edit;
use super::survey::survey;
use super::{RestoreError, Watch};
use crate::snapshot::HashKv;
use crate::snapshot::crc::Sum;
use crate::snapshot::watch::{Gauge, Meter};

/// Smallest page that is written: what most machines have. Larger ones are kept, since they are
/// those of the machine that the snapshot is from.
const PAGE_BYTES: u32 = 4096;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Pages and their size.
    pub written: Written,
    /// Checksum of what was read, as [`super::Survey::content`].
    pub read: u32,
    /// Checksum of what was written.
    pub content: u32,
}

/// Writes the edited database. The sink should gather small writes; nothing is synced.
///
/// # Errors
/// A damaged image, a sink that fails.
pub fn rewrite<R: ReadAt, W: Write + Seek>(
    image: &Image<R>,
    edit: &Edit<'_>,
    sink: W,
    watch: Watch<'_>,
) -> Result<(W, Rewritten), RestoreError> {
    let buckets = image.buckets()?;
    let mut names: BTreeMap<&[u8], Option<&Bucket>> =
        Edit::buckets().map(|name| (name, None)).collect();
    for bucket in &buckets {
        names.insert(&bucket.name, Some(bucket));
    }
    let gauge = Gauge::new(watch);
    let mut copy = Copy {
        writer: Writer::new(sink, PAGE_BYTES.max(image.meta().page_size))?,
        meter: gauge.meter(),
        read: Sum::default(),
        content: Sum::default(),
        unchanged: Sum::default(),
    };
    for (name, bucket) in names {
        copy.bucket(image, name, bucket, edit)?;
    }
    let (sink, written) = copy.writer.finish()?;
    let rewritten = Rewritten {
        written,
        read: copy.read.crc,
        content: copy.content.crc,
    };
    Ok((sink, rewritten))
}

/// Reads a database that was written and compares it with what went in. Returns the HashKV that
/// its server will answer.
///
/// # Errors
/// A defect, or other contents.
pub fn prove<R: ReadAt + Sync>(
    image: &Image<R>,
    rewritten: &Rewritten,
    watch: Watch<'_>,
) -> Result<HashKv, RestoreError> {
    let found = survey(image, watch)?;
    match found.hash_kv.filter(|_| found.content == rewritten.content) {
        Some(hash_kv) => Ok(hash_kv),
        None => Err(RestoreError::Differs {
            what: "the new database, read back,",
            found: found.content,
            expected: rewritten.content,
        }),
    }
}

struct Copy<'a, W: Write + Seek> {
    writer: Writer<W>,
    meter: Meter<'a>,
    read: Sum,
    content: Sum,
    /// What was written as it was read and is in neither sum yet.
    unchanged: Sum,
}

impl<W: Write + Seek> Copy<'_, W> {
    fn bucket<R: ReadAt>(
        &mut self,
        image: &Image<R>,
        name: &[u8],
        bucket: Option<&Bucket>,
        edit: &Edit<'_>,
    ) -> Result<(), RestoreError> {
        let sequence = bucket.map_or(0, |bucket| bucket.sequence);
        self.writer.bucket(name, sequence)?;
        self.content.add(name);
        let edit = edit.of(name);
        let mut added = edit.entries.iter().peekable();
        if let Some(bucket) = bucket {
            self.read.add(name);
            let mut entries = image.entries(bucket);
            while let Some(entry) = entries.next()? {
                if !self.meter.add(entry.key.len() + entry.value.len()) {
                    return Err(RestoreError::Interrupted);
                }
                while let Some((key, value)) = added.next_if(|(key, _)| key.as_slice() < entry.key)
                {
                    self.put(key, value)?;
                }
                let is_replaced = added.peek().is_some_and(|(key, _)| key == entry.key);
                if edit.keeps && !is_replaced {
                    self.unchanged.add(entry.both);
                    self.writer.put(entry.key, entry.value)?;
                } else {
                    self.settle();
                    self.read.add(entry.both);
                }
            }
            self.settle();
        }
        for (key, value) in added {
            self.put(key, value)?;
        }
        Ok(())
    }

    /// Brings both sums up to date.
    fn settle(&mut self) {
        let unchanged = std::mem::take(&mut self.unchanged);
        self.read.append(unchanged);
        self.content.append(unchanged);
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), RestoreError> {
        self.settle();
        self.content.add(key);
        self.content.add(value);
        Ok(self.writer.put(key, value)?)
    }
}
