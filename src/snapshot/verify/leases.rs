//! Do the living keys hang on leases that are there?

use std::collections::HashSet;

use super::super::live::{Digester, KeyMap};
use super::finding::Findings;
use super::rule::Rule;
use crate::datadir::schema::{KeyValueRef, RevisionKey};

/// The leases, and the living keys whose lease is not among them.
#[derive(Debug, Default)]
pub(super) struct Leases {
    known: HashSet<i64>,
    digester: Digester,
    orphans: KeyMap<(i64, u64)>,
}

impl Leases {
    /// A lease that is there, by its key in the bucket.
    pub(super) fn add(&mut self, key: &[u8]) {
        if let Ok(id) = key.try_into() {
            self.known.insert(i64::from_be_bytes(id));
        }
    }

    /// True where a key hangs on a lease that is not there.
    pub(super) fn lacks(&self, lease: i64) -> bool {
        lease != 0 && !self.known.contains(&lease)
    }

    /// Takes the next change of a key.
    pub(super) fn note(&mut self, revision: RevisionKey, change: &KeyValueRef<'_>, offset: u64) {
        let is_orphan = !revision.is_tombstone && self.lacks(change.lease);
        if is_orphan {
            let digest = self.digester.digest(change.key);
            self.orphans.insert(digest, (change.lease, offset));
        } else if !self.orphans.is_empty() {
            self.orphans.remove(&self.digester.digest(change.key));
        }
    }

    /// The keys that are left, by lease and offset.
    pub(super) fn orphans(&self) -> Vec<(i64, u64)> {
        self.orphans.values().copied().collect()
    }

    /// Reports such keys in the order of the file.
    pub(super) fn report(mut orphans: Vec<(i64, u64)>, findings: &mut Findings) {
        orphans.sort_unstable_by_key(|(_, offset)| *offset);
        for (lease, offset) in orphans {
            let message = format!("a key hangs on lease {lease:016x}, which is not there");
            findings.warning(Rule::MissingLease, Some(offset), message);
        }
    }
}
