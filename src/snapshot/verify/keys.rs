//! The bucket `key` of a sound file in sections at once: what would take a pass over every entry in order, and a
//! map of all keys, comes of pieces that are joined.
//!
//! Invariant: what is not sound, and what needs the order, is left to the pass over every entry, which also says where
//! it is. So a fact that is given here is the one that the other pass would give.
//!
//! What makes it possible: behind a compaction that was finished, every entry up to its revision was alive at it. What
//! has died since has a later change, and those are few: the apiservers compact every five minutes.

use crate::datadir::bolt::{BoltError, Bucket, Entries, Entry, Image, PageSet, ReadAt};
use crate::datadir::schema::{BucketName, KeyValueRef, RevisionKey};

use super::super::crc::Sum;
use super::super::hash_kv::HashKv;
use super::super::live::{Digester, KeyDigest, KeyMap};
use super::super::marks::Marks;
use super::super::sections::in_sections;
use super::super::watch::Gauge;
use super::contents::consistent;
use super::leases::Leases;

/// What the bucket holds.
pub(super) struct Keys {
    /// Its entries.
    pub(super) entries: u64,
    /// The last revision that is stored; 0 where there is none.
    pub(super) last: i64,
    /// The checksum of all keys and values.
    pub(super) content: Sum,
    pub(super) hash_kv: HashKv,
    /// Living keys whose lease is not there: the lease, the offset of the entry.
    pub(super) orphans: Vec<(i64, u64)>,
}

/// Why there are no facts.
pub(super) enum Setback {
    /// Something is wrong, or needs the order.
    Unsound,
    /// The watch said so.
    Interrupted,
    /// The source fails.
    Io(BoltError),
}

impl From<BoltError> for Setback {
    fn from(error: BoltError) -> Self {
        match error.is_io() {
            true => Self::Io(error),
            false => Self::Unsound,
        }
    }
}

/// What the entries are judged by.
pub(super) struct KeyPass<'a> {
    pub(super) marks: &'a Marks,
    pub(super) leases: &'a Leases,
    pub(super) gauge: &'a Gauge<'a>,
    /// Without a compaction, to count the keys that are alive takes a map of all of them.
    pub(super) count_live: bool,
}

impl KeyPass<'_> {
    /// Reads the bucket; returns also `reached` with its pages.
    ///
    /// # Errors
    /// [`Setback`].
    pub(super) fn read<R: ReadAt + Sync>(
        &self,
        image: &Image<R>,
        bucket: &Bucket,
        reached: PageSet,
    ) -> Result<(Keys, PageSet), Setback> {
        let marks = self.marks;
        let compacted = marks.finished_compaction;
        if marks.scheduled_compaction != compacted || (compacted.is_none() && self.count_live) {
            return Err(Setback::Unsound);
        }
        let digester = Digester::default();
        let read = |entries: &mut Entries<'_, R>| {
            let mut section = Section::default();
            let mut meter = self.gauge.meter();
            while let Some(entry) = entries.next()? {
                section.note(self, &digester, &entry)?;
                if !meter.add(entry.key.len() + entry.value.len()) {
                    return Err(Setback::Interrupted);
                }
            }
            Ok(section)
        };
        let (sections, reached) = in_sections(image, bucket, reached, read)?;
        let all = sections.into_iter().fold(Section::default(), Section::join);
        let kept = match all.changed.is_empty() || all.old_entries == 0 {
            true => (all.old, all.old_entries),
            false => survivors(image, bucket, compacted, &digester, &all.changed)?,
        };
        Ok((all.facts(marks, kept), reached))
    }
}

/// The last that is known of a key.
#[derive(Clone, Copy)]
struct Last {
    is_alive: bool,
    /// The lease that is not there, and the offset of the entry.
    orphan: Option<(i64, u64)>,
}

/// What a section holds.
#[derive(Default)]
struct Section {
    entries: u64,
    last: i64,
    content: Sum,
    /// Up to the compaction: what was alive at it.
    old: Sum,
    old_entries: u64,
    old_orphans: Vec<(KeyDigest, i64, u64)>,
    /// Behind it: everything, and the keys that were changed.
    recent: Sum,
    changed: KeyMap<Last>,
}

impl Section {
    fn note(
        &mut self,
        pass: &KeyPass<'_>,
        digester: &Digester,
        entry: &Entry<'_>,
    ) -> Result<(), Setback> {
        let revision = RevisionKey::parse(entry.key).map_err(|_| Setback::Unsound)?;
        let change = KeyValueRef::parse(entry.value).map_err(|_| Setback::Unsound)?;
        let is_put = !revision.is_tombstone;
        if is_put && !entry.value.is_empty() && consistent(revision, &change).is_err() {
            return Err(Setback::Unsound);
        }
        self.entries += 1;
        self.last = revision.main;
        self.content.add(entry.both);
        let is_orphan = is_put && pass.leases.lacks(change.lease);
        let orphan = is_orphan.then_some((change.lease, entry.offset));
        let Some(compacted) = pass.marks.finished_compaction else {
            // Whether a later change has freed it is not followed here.
            return match orphan {
                Some(_) => Err(Setback::Unsound),
                None => Ok(()),
            };
        };
        if revision.main > compacted {
            self.recent.add(entry.both);
            let last = Last {
                is_alive: is_put,
                orphan,
            };
            self.changed.insert(digester.digest(change.key), last);
            return Ok(());
        }
        if !is_put {
            // The delete that a compaction was made at may stay, and is left out of the hash.
            return match revision.main == compacted {
                true => Ok(()),
                false => Err(Setback::Unsound),
            };
        }
        self.old.add(entry.both);
        self.old_entries += 1;
        if let Some((lease, offset)) = orphan {
            let digest = digester.digest(change.key);
            self.old_orphans.push((digest, lease, offset));
        }
        Ok(())
    }

    /// With what the next section holds.
    fn join(mut self, next: Self) -> Self {
        if next.entries == 0 {
            return self;
        }
        self.entries += next.entries;
        self.last = next.last;
        self.content.append(next.content);
        self.old.append(next.old);
        self.old_entries += next.old_entries;
        self.old_orphans.extend(next.old_orphans);
        self.recent.append(next.recent);
        if self.changed.is_empty() {
            self.changed = next.changed;
        } else {
            self.changed.extend(next.changed);
        }
        self
    }

    /// `kept` are the old entries that are alive to this day, and how many.
    fn facts(self, marks: &Marks, kept: (Sum, u64)) -> Keys {
        let alive = self.changed.values().filter(|last| last.is_alive);
        let live_keys = kept.1 + alive.clone().count() as u64;
        let mut hash = Sum::default();
        hash.add(BucketName::Key.as_bytes());
        if marks.finished_compaction.is_none() {
            hash.append(self.content);
        } else {
            // etcd skips nothing where nothing is alive.
            hash.append(if live_keys == 0 { self.old } else { kept.0 });
            hash.append(self.recent);
        }
        let current = marks.current_revision(self.last);
        let old_orphans = self.old_orphans.iter();
        let old_orphans = old_orphans.filter(|(key, ..)| !self.changed.contains_key(key));
        let recent_orphans = alive.filter_map(|last| last.orphan);
        Keys {
            entries: self.entries,
            last: self.last,
            content: self.content,
            hash_kv: HashKv {
                hash: hash.crc,
                revision: current,
                compact_revision: marks.compacted().unwrap_or(-1),
                current_revision: current,
                live_keys: marks.finished_compaction.map(|_| live_keys),
            },
            orphans: old_orphans
                .map(|(_, lease, offset)| (*lease, *offset))
                .chain(recent_orphans)
                .collect(),
        }
    }
}

/// The old entries whose keys were not changed since.
fn survivors<R: ReadAt + Sync>(
    image: &Image<R>,
    bucket: &Bucket,
    compacted: Option<i64>,
    digester: &Digester,
    changed: &KeyMap<Last>,
) -> Result<(Sum, u64), Setback> {
    let read = |entries: &mut Entries<'_, R>| {
        let mut kept = (Sum::default(), 0);
        while let Some(entry) = entries.next()? {
            let revision = RevisionKey::parse(entry.key).map_err(|_| Setback::Unsound)?;
            if Some(revision.main) > compacted {
                break;
            }
            let change = KeyValueRef::parse(entry.value).map_err(|_| Setback::Unsound)?;
            if !revision.is_tombstone && !changed.contains_key(&digester.digest(change.key)) {
                kept.0.add(entry.both);
                kept.1 += 1;
            }
        }
        Ok::<_, Setback>(kept)
    };
    let (sections, _) = in_sections(image, bucket, image.page_set(), read)?;
    let mut all = (Sum::default(), 0);
    for (sum, entries) in sections {
        all.0.append(sum);
        all.1 += entries;
    }
    Ok(all)
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
