//! What is in a snapshot: buckets, keys by prefix, the largest ones, leases, alarms, members.
//!
//! Invariant: names and sizes only, never a value or a password hash.
//!
//! Two passes: which change of a key is its last one is known only at the end of the first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use prost::Message;

use super::error::SnapshotError;
use super::live::{Digester, KeyMap};
use super::marks::{Marks, find};
use super::status::{change_of, revision_of};
use crate::datadir::bolt::{Bucket, Image, ReadAt};
use crate::datadir::schema::{AlarmMember, BucketName, Lease, MemberJson};

/// Prefixes that are told apart; keys of further ones are counted together.
const MAX_PREFIXES: usize = 10_000;

/// How much to tell.
#[derive(Clone, Copy, Debug)]
pub struct InspectOptions {
    /// How many parts of a key, split at `/`, make its prefix.
    pub depth: usize,
    /// How many of the largest keys to name.
    pub largest: usize,
}

/// What is in a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// Bytes of a page.
    pub page_bytes: u64,
    /// Bytes of the image.
    pub image_bytes: u64,
    /// The last transaction.
    pub txid: u64,
    /// The bucket `meta`.
    pub marks: Marks,
    /// The revision that the store is at.
    pub revision: i64,
    /// The version of the cluster that wrote it, where it is recorded.
    pub cluster_version: Option<String>,
    /// Every bucket, by name.
    pub buckets: Vec<BucketFacts>,
    /// User keys alive.
    pub live_keys: u64,
    /// Entries of the bucket `key` that are history: older changes and deletes.
    pub history: u64,
    /// Live keys by prefix, by name.
    pub prefixes: Vec<PrefixFacts>,
    /// The largest live keys, largest first.
    pub largest: Vec<KeyFacts>,
    /// Leases, by id.
    pub leases: Vec<LeaseFacts>,
    /// Alarms that are raised.
    pub alarms: Vec<AlarmMember>,
    /// Members recorded, by key.
    pub members: Vec<MemberJson>,
    /// Ids of members that were removed.
    pub removed_members: u64,
    /// True where authentication is on.
    pub auth_enabled: bool,
    /// Users known to etcd.
    pub users: u64,
    /// Roles known to etcd.
    pub roles: u64,
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketFacts {
    /// Its name.
    pub name: String,
    /// Its entries.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// Live keys of a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixFacts {
    /// The prefix, or that of all others.
    pub prefix: String,
    /// Live keys.
    pub keys: u64,
    /// Bytes of their last values.
    pub bytes: u64,
}

/// A live key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyFacts {
    /// Bytes of its value.
    pub bytes: u64,
    /// The key, as text.
    pub key: String,
    /// The revision of its last change.
    pub revision: i64,
}

/// A lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseFacts {
    /// Its id.
    pub id: i64,
    /// Seconds it was granted for.
    pub ttl: i64,
    /// Live keys that hang on it.
    pub keys: u64,
}

/// Reads every entry, those of the bucket `key` twice.
///
/// # Errors
/// A source that fails, or a file that is damaged.
pub fn inspect<R: ReadAt>(
    image: &Image<R>,
    options: InspectOptions,
) -> Result<Inspection, SnapshotError> {
    let buckets = image.buckets()?;
    let marks = Marks::read(image, &buckets)?;
    let mut found = Inspection {
        page_bytes: image.page_size(),
        image_bytes: image.image_bytes(),
        txid: image.meta().txid,
        marks,
        ..Inspection::default()
    };
    for bucket in &buckets {
        found.add_bucket(image, bucket)?;
    }
    let keys = find(&buckets, BucketName::Key)?;
    let last = last_changes(image, keys)?;
    found.revision = found.marks.current_revision(last.revision);
    found.live_keys = last.live;
    found.history = last.entries - last.live;
    found.add_live(image, keys, &last, options)?;
    Ok(found)
}

impl Inspection {
    fn add_bucket<R: ReadAt>(
        &mut self,
        image: &Image<R>,
        bucket: &Bucket,
    ) -> Result<(), SnapshotError> {
        let mut facts = BucketFacts {
            name: String::from_utf8_lossy(&bucket.name).into_owned(),
            entries: 0,
            bytes: 0,
        };
        let name = BucketName::parse(&bucket.name);
        // The bucket of all that is large is counted with its live keys.
        let mut entries = image.entries(bucket);
        while let Some(entry) = entries.next()? {
            facts.entries += 1;
            facts.bytes += (entry.key.len() + entry.value.len()) as u64;
            self.add_record(name, entry.key, entry.value);
        }
        match name {
            Some(BucketName::AuthUsers) => self.users = facts.entries,
            Some(BucketName::AuthRoles) => self.roles = facts.entries,
            Some(BucketName::MembersRemoved) => self.removed_members = facts.entries,
            _ => {}
        }
        self.buckets.push(facts);
        Ok(())
    }

    /// Keeps what the small buckets say. What is damaged there is for `verify` to tell.
    fn add_record(&mut self, bucket: Option<BucketName>, key: &[u8], value: &[u8]) {
        match bucket {
            Some(BucketName::Alarm) => self.alarms.extend(AlarmMember::decode(key)),
            Some(BucketName::Members) => self.members.extend(MemberJson::parse(value)),
            Some(BucketName::Lease) => {
                if let Ok(lease) = Lease::decode(value) {
                    self.leases.push(LeaseFacts {
                        id: lease.id,
                        ttl: lease.ttl,
                        keys: 0,
                    });
                }
            }
            Some(BucketName::Cluster) if key == b"clusterVersion" => {
                self.cluster_version = String::from_utf8(value.to_vec()).ok();
            }
            Some(BucketName::Auth) if key == b"authEnabled" => self.auth_enabled = value == [1],
            _ => {}
        }
    }

    fn add_live<R: ReadAt>(
        &mut self,
        image: &Image<R>,
        bucket: &Bucket,
        last: &LastChanges,
        options: InspectOptions,
    ) -> Result<(), SnapshotError> {
        let mut prefixes: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let mut largest: BinaryHeap<Reverse<(u64, String, i64)>> = BinaryHeap::new();
        let mut leases: BTreeMap<i64, u64> = BTreeMap::new();
        let mut others = (0, 0);
        let mut number = 0;
        let mut entries = image.entries(bucket);
        while let Some(entry) = entries.next()? {
            number += 1;
            if !last.is_live(number - 1) {
                continue;
            }
            let change = change_of(&entry)?;
            let bytes = change.value.len() as u64;
            let prefix = prefix(change.key, options.depth);
            let is_full = prefixes.len() >= MAX_PREFIXES && !prefixes.contains_key(&prefix);
            let count = match is_full {
                true => &mut others,
                false => prefixes.entry(prefix).or_default(),
            };
            *count = (count.0 + 1, count.1 + bytes);
            if change.lease != 0 {
                *leases.entry(change.lease).or_default() += 1;
            }
            let smallest = largest.peek().map_or(0, |Reverse((bytes, ..))| *bytes);
            if largest.len() < options.largest || bytes > smallest {
                largest.push(Reverse((bytes, text(change.key), change.mod_revision)));
                if largest.len() > options.largest {
                    largest.pop();
                }
            }
        }
        let facts = |(prefix, (keys, bytes))| PrefixFacts {
            prefix,
            keys,
            bytes,
        };
        self.prefixes = prefixes.into_iter().map(facts).collect();
        if others.0 > 0 {
            self.prefixes.push(facts(("(others)".to_owned(), others)));
        }
        let facts = |Reverse((bytes, key, revision))| KeyFacts {
            bytes,
            key,
            revision,
        };
        self.largest = largest.into_sorted_vec().into_iter().map(facts).collect();
        for lease in &mut self.leases {
            lease.keys = leases.get(&lease.id).copied().unwrap_or(0);
        }
        Ok(())
    }
}

/// Which entries of the bucket `key` are the last change of a living key.
struct LastChanges {
    entries: u64,
    live: u64,
    revision: i64,
    /// A bit an entry.
    bits: Vec<u64>,
}

impl LastChanges {
    fn is_live(&self, entry: u64) -> bool {
        let word = usize::try_from(entry / 64)
            .ok()
            .and_then(|i| self.bits.get(i));
        word.is_some_and(|word| word & (1 << (entry % 64)) != 0)
    }
}

fn last_changes<R: ReadAt>(
    image: &Image<R>,
    bucket: &Bucket,
) -> Result<LastChanges, SnapshotError> {
    let digester = Digester::default();
    let mut last: KeyMap<u32> = KeyMap::default();
    let (mut number, mut revision) = (0_u32, 0);
    let mut entries = image.entries(bucket);
    while let Some(entry) = entries.next()? {
        let found = revision_of(&entry)?;
        revision = found.main;
        let digest = digester.digest(change_of(&entry)?.key);
        if found.is_tombstone {
            last.remove(&digest);
        } else {
            last.insert(digest, number);
        }
        number = number.checked_add(1).ok_or(SnapshotError::TooManyEntries)?;
    }
    let mut bits = vec![0; number.div_ceil(64) as usize];
    for entry in last.values() {
        bits[*entry as usize / 64] |= 1 << (entry % 64);
    }
    Ok(LastChanges {
        entries: u64::from(number),
        live: last.len() as u64,
        revision,
        bits,
    })
}

/// The first `depth` parts of a key, but not its last one: `/registry/pods` for a depth of 2.
fn prefix(key: &[u8], depth: usize) -> String {
    let parts = key.iter().enumerate().skip(1);
    let slashes = parts.filter(|(_, byte)| **byte == b'/');
    let end = slashes.take(depth).last().map_or(0, |(at, _)| at);
    text(&key[..end])
}

fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}
