//! The number that a living member answers to `Maintenance/HashKV`, from a file alone.
//!
//! Format: etcd's `server/storage/mvcc/{hash,kvstore,index}.go`. The hash is CRC-32C of `key` and of keys and values of
//! the bucket `key` up to a revision; of what lies at or before the compaction only what was alive at that revision.
//!
//! What a later change makes dead is known only when that change is met. So that one pass does, the
//! entries up to the compaction are remembered by their checksums, which are joined at the end.

use super::crc::Joiner;
use super::error::SnapshotError;
use super::live::{Digester, KeyMap};
use super::marks::{Marks, find};
use super::status::{change_of, revision_of};
use crate::datadir::bolt::{Bucket, Image, ReadAt};
use crate::datadir::schema::{BucketName, RevisionKey};

/// A HashKV, to be compared with one of the same revision and compaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKv {
    /// The hash.
    pub hash: u32,
    /// The revision it is of.
    pub revision: i64,
    /// The revision that history begins at; −1 where nothing was compacted, as the server gives it.
    pub compact_revision: i64,
    /// The revision the store is at.
    pub current_revision: i64,
    /// User keys alive at `revision`, where they were counted.
    pub live_keys: Option<u64>,
}

/// The HashKV at a revision, or at the last one. Reads the bucket `key` once.
///
/// # Errors
/// A source that fails, a file that is damaged, a revision that is compacted or in the future.
pub fn hash_kv<R: ReadAt>(
    image: &Image<R>,
    revision: Option<i64>,
) -> Result<HashKv, SnapshotError> {
    let buckets = image.buckets()?;
    let marks = Marks::read(image, &buckets)?;
    hash_of(image, &buckets, &marks, revision)
}

/// The HashKV that a member answers which has compacted further than the file: up to `compacted`, at most
/// the revision that is asked for.
///
/// # Errors
/// As [`hash_kv`].
pub fn hash_kv_compacted_at<R: ReadAt>(
    image: &Image<R>,
    revision: i64,
    compacted: i64,
) -> Result<HashKv, SnapshotError> {
    let buckets = image.buckets()?;
    let mut marks = Marks::read(image, &buckets)?;
    marks.finished_compaction = marks.finished_compaction.max(Some(compacted));
    hash_of(image, &buckets, &marks, Some(revision))
}

fn hash_of<R: ReadAt>(
    image: &Image<R>,
    buckets: &[Bucket],
    marks: &Marks,
    revision: Option<i64>,
) -> Result<HashKv, SnapshotError> {
    let mut hasher = KvHasher::new(marks, revision)?;
    let mut entries = image.entries(find(buckets, BucketName::Key)?);
    while let Some(entry) = entries.next()? {
        let revision = revision_of(&entry)?;
        let change = change_of(&entry)?;
        hasher.note(revision, change.key, entry.key, entry.value)?;
    }
    hasher.finish()
}

/// A HashKV in the making.
#[derive(Debug)]
pub(super) struct KvHasher {
    marks: Marks,
    wanted: Option<i64>,
    last: i64,
    /// The entries at or before the compaction.
    old: Vec<Old>,
    /// The checksum of those behind it, and their bytes.
    recent: u32,
    recent_bytes: u64,
    digester: Digester,
    /// The user keys alive: where in `old` their last change is, or [`RECENT`].
    alive: KeyMap<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Old {
    checksum: u32,
    /// Bytes; the top bit says that a later change, or a delete, made it dead.
    bytes: u32,
}

const DEAD: u32 = 1 << 31;
const RECENT: u32 = u32::MAX;

impl KvHasher {
    pub(super) fn new(marks: &Marks, wanted: Option<i64>) -> Result<Self, SnapshotError> {
        if let (Some(wanted), Some(compacted)) = (wanted, marks.compacted())
            && wanted < compacted
        {
            return Err(SnapshotError::Compacted { wanted, compacted });
        }
        Ok(Self {
            marks: marks.clone(),
            wanted,
            last: 0,
            old: Vec::new(),
            recent: crc32c::crc32c(b""),
            recent_bytes: 0,
            digester: Digester::default(),
            alive: KeyMap::default(),
        })
    }

    /// Takes the next entry of the bucket.
    pub(super) fn note(
        &mut self,
        revision: RevisionKey,
        user_key: &[u8],
        key: &[u8],
        value: &[u8],
    ) -> Result<(), SnapshotError> {
        self.last = revision.main;
        if self.wanted.is_some_and(|wanted| revision.main > wanted) {
            return Ok(());
        }
        let compacted = self.marks.compacted();
        let is_old = compacted.is_some_and(|compacted| revision.main <= compacted);
        let place = if is_old {
            u32::try_from(self.old.len())
                .ok()
                .filter(|place| *place < RECENT)
                .ok_or(SnapshotError::TooManyEntries)?
        } else {
            RECENT
        };
        let digest = self.digester.digest(user_key);
        let before = if revision.is_tombstone {
            self.alive.remove(&digest)
        } else {
            self.alive.insert(digest, place)
        };
        if let Some(dead) = before.and_then(|place| self.old.get_mut(place as usize)) {
            dead.bytes |= DEAD;
        }
        if !is_old {
            let sum = crc32c::crc32c_append(self.recent, key);
            self.recent = crc32c::crc32c_append(sum, value);
            self.recent_bytes += (key.len() + value.len()) as u64;
        } else if !(revision.is_tombstone && Some(revision.main) == compacted) {
            let bytes = u32::try_from(key.len() + value.len()).unwrap_or(DEAD);
            if bytes >= DEAD {
                return Err(SnapshotError::TooManyEntries);
            }
            let mark = if revision.is_tombstone { DEAD } else { 0 };
            self.old.push(Old {
                checksum: crc32c::crc32c_append(crc32c::crc32c(key), value),
                bytes: bytes | mark,
            });
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<HashKv, SnapshotError> {
        let current = self.marks.current_revision(self.last);
        let revision = self.wanted.unwrap_or(current);
        if revision > current {
            return Err(SnapshotError::Future {
                wanted: revision,
                current,
            });
        }
        let mut joiner = Joiner::new();
        let mut hash = crc32c::crc32c(BucketName::Key.as_bytes());
        // etcd skips nothing where nothing is alive.
        let keeps_all = self.alive.is_empty();
        for old in &self.old {
            if keeps_all || old.bytes & DEAD == 0 {
                hash = joiner.join(hash, old.checksum, u64::from(old.bytes & !DEAD));
            }
        }
        Ok(HashKv {
            hash: joiner.join(hash, self.recent, self.recent_bytes),
            revision,
            compact_revision: self.marks.compacted().unwrap_or(-1),
            current_revision: current,
            live_keys: Some(self.alive.len() as u64),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A change: its revision and its user key.
    type Change = (RevisionKey, u8);

    fn entry((revision, user_key): Change) -> (Vec<u8>, Vec<u8>) {
        (revision.encode(), vec![user_key, revision.main as u8])
    }

    /// The hash as etcd computes it: first who is alive, then everything again.
    fn by_the_book(changes: &[Change], compacted: Option<i64>, at: i64) -> u32 {
        let until = changes.iter().filter(|(revision, _)| revision.main <= at);
        let until: Vec<Change> = until.copied().collect();
        let mut last = BTreeMap::new();
        for (revision, user_key) in &until {
            last.insert(*user_key, *revision);
        }
        let mut keep: Vec<_> = last.into_values().collect();
        keep.retain(|revision| !revision.is_tombstone);
        let mut hash = crc32c::crc32c(b"key");
        for change in until {
            let revision = change.0;
            let is_old = compacted.is_some_and(|compacted| revision.main <= compacted);
            let is_dead = is_old && !keep.is_empty() && !keep.contains(&revision);
            if is_dead || (Some(revision.main) == compacted && revision.is_tombstone) {
                continue;
            }
            let (key, value) = entry(change);
            hash = crc32c::crc32c_append(crc32c::crc32c_append(hash, &key), &value);
        }
        hash
    }

    proptest! {
        #[test]
        fn one_pass_is_as_good_as_two(
            changes in proptest::collection::vec((0_u8..4, any::<bool>(), 0_i64..2), 1..24),
            compacted in proptest::option::of(0_i64..24),
            ahead in 0_i64..24,
        ) {
            let (mut main, mut sub) = (1, 0);
            let changes: Vec<Change> = changes
                .into_iter()
                .map(|(user_key, is_tombstone, step)| {
                    main += step;
                    sub = if step == 0 { sub + 1 } else { 0 };
                    (RevisionKey { main, sub, is_tombstone }, user_key)
                })
                .collect();
            let compacted = compacted.map(|compacted| compacted.min(main));
            let at = (compacted.unwrap_or(1) + ahead).clamp(1, main);
            let marks = Marks {
                finished_compaction: compacted,
                ..Marks::default()
            };
            let mut hasher = KvHasher::new(&marks, Some(at)).unwrap();
            for change in &changes {
                let (key, value) = entry(*change);
                hasher.note(change.0, &[change.1], &key, &value).unwrap();
            }
            let found = hasher.finish().unwrap();
            prop_assert_eq!(found.hash, by_the_book(&changes, compacted, at));
        }
    }
}
