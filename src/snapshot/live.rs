//! Which user keys are alive? A digest of 96 bits a key, because a key may be long and there may be millions.
//!
//! The digests are keyed at random, so nobody can make two keys collide; by chance among ten million
//! keys two do with a probability of 10^-15.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

/// Stands for a user key.
pub(super) type KeyDigest = [u32; 3];

/// A map by user key.
pub(super) type KeyMap<V> = HashMap<KeyDigest, V, BuildHasherDefault<FirstBytes>>;

/// Makes digests; two of them make different ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Digester([RandomState; 2]);

impl Digester {
    pub(super) fn digest(&self, key: &[u8]) -> KeyDigest {
        let [first, second] = self.0.each_ref().map(|state| state.hash_one(key));
        [first as u32, (first >> 32) as u32, second as u32]
    }
}

/// Takes the first bytes of a digest for its hash.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        let first = bytes.first_chunk().copied().unwrap_or_default();
        self.0 = u64::from_ne_bytes(first);
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Counts the user keys that are alive.
#[derive(Debug, Default)]
pub(super) struct LiveKeys {
    digester: Digester,
    alive: KeyMap<()>,
}

impl LiveKeys {
    /// Takes note of the next change of `key`.
    pub(super) fn note(&mut self, key: &[u8], is_tombstone: bool) {
        let digest = self.digester.digest(key);
        if is_tombstone {
            self.alive.remove(&digest);
        } else {
            self.alive.insert(digest, ());
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.alive.len() as u64
    }
}
