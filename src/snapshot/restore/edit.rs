//! What a restore changes in each bucket on the way.
//!
//! As etcdutl 3.5 does, with three corrections: `confState` names the new voters, alarms of members
//! that are gone are dropped, and a bump counts from the revision the server had truly reached.

use crate::datadir::schema::{BucketName, MetaKey, RevisionKey};
use crate::datadir::{Founding, FoundingMember, TERM};

/// What a restore changes.
#[derive(Clone, Copy, Debug)]
pub struct Edit<'a> {
    /// The members that found the cluster.
    pub founding: &'a Founding,
    /// The revision to begin with, all before it compacted; none keeps the snapshot's.
    pub first_revision: Option<i64>,
}

/// What becomes of a bucket.
pub(super) struct BucketEdit {
    /// Whether its entries are kept.
    pub(super) keeps: bool,
    /// Entries that are added, or replace those of the same key; ascending.
    pub(super) entries: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Edit<'_> {
    /// The buckets a database must have beside those of the snapshot.
    pub(super) fn buckets() -> impl Iterator<Item = &'static [u8]> {
        BucketName::ALL.into_iter().map(BucketName::as_bytes)
    }

    /// What becomes of a bucket; one that etcd does not know is kept as it is.
    pub(super) fn of(&self, bucket: &[u8]) -> BucketEdit {
        let (keeps, mut entries) = match BucketName::parse(bucket) {
            Some(BucketName::Members) => (false, self.members()),
            Some(BucketName::MembersRemoved | BucketName::Alarm) => (false, Vec::new()),
            Some(BucketName::Meta) => (true, self.meta()),
            Some(BucketName::Key) => (true, self.last_entry()),
            _ => (true, Vec::new()),
        };
        entries.sort();
        BucketEdit { keeps, entries }
    }

    fn members(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let entry = |member: &FoundingMember| {
            let (key, value) = (member.hex_id(), member.json());
            (key.into_bytes(), value.into_bytes())
        };
        self.founding.members().iter().map(entry).collect()
    }

    fn meta(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut entries = vec![
            // Lower than the index of the .snap file stops the server, higher makes it skip entries.
            (MetaKey::ConsistentIndex, number(self.founding.index())),
            (MetaKey::Term, number(TERM)),
            (
                MetaKey::ConfState,
                self.founding.conf_state_json().into_bytes(),
            ),
        ];
        // The server compacts there when it starts, and marks that finished.
        entries.extend(self.first_revision.map(|revision| {
            let mark = revision_key(revision);
            (MetaKey::ScheduledCompactRev, mark)
        }));
        let encoded = entries.into_iter();
        encoded
            .map(|(key, value)| (key.as_bytes().to_vec(), value))
            .collect()
    }

    /// An entry without a value, from which the server takes its revision.
    fn last_entry(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let first = self.first_revision.into_iter();
        first.map(|main| (revision_key(main), Vec::new())).collect()
    }
}

fn revision_key(main: i64) -> Vec<u8> {
    let key = RevisionKey {
        main,
        sub: 0,
        is_tombstone: false,
    };
    key.encode()
}

fn number(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}
