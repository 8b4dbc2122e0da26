//! Revision keys: under which an entry of the bucket `key` lies.
//!
//! Format (etcd's `mvcc/revision.go`): main as 8 bytes big-endian, `_`, sub as 8 bytes big-endian, and
//! `t` behind it for a delete.

use std::fmt;

const SEPARATOR: u8 = b'_';
const TOMBSTONE_MARK: u8 = b't';

/// A revision, and whether it is a delete. Sorts as the bytes do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevisionKey {
    /// The transaction's revision, never negative.
    pub main: i64,
    /// The operation within the transaction, from 0.
    pub sub: i64,
    /// True for a delete.
    pub is_tombstone: bool,
}

/// Bytes that are no revision key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevisionKeyError {
    /// Too short or too long.
    #[error("{0} bytes, expected 17 or 18")]
    Length(usize),
    /// The byte between the two numbers.
    #[error("byte {0:#04x} between main and sub, expected 0x5f (_)")]
    Separator(u8),
    /// The byte behind them.
    #[error("byte {0:#04x} at the end, expected 0x74 (t)")]
    Mark(u8),
    /// A number below zero.
    #[error("the negative number {0}")]
    Negative(i64),
}

impl RevisionKey {
    /// Bytes of a key that is no delete.
    pub const BYTES: usize = 17;

    /// Reads a key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, RevisionKeyError> {
        let length = RevisionKeyError::Length(bytes.len());
        let (numbers, mark) = bytes.split_at_checked(Self::BYTES).ok_or(length)?;
        let is_tombstone = match mark {
            [] => false,
            [TOMBSTONE_MARK] => true,
            [other] => return Err(RevisionKeyError::Mark(*other)),
            _ => return Err(length),
        };
        if numbers[8] != SEPARATOR {
            return Err(RevisionKeyError::Separator(numbers[8]));
        }
        let number = |at: usize| {
            let bytes = numbers[at..at + 8].try_into().map_err(|_| length)?;
            match i64::from_be_bytes(bytes) {
                negative @ ..0 => Err(RevisionKeyError::Negative(negative)),
                number => Ok(number),
            }
        };
        Ok(Self {
            main: number(0)?,
            sub: number(9)?,
            is_tombstone,
        })
    }

    /// Reads a key that is no delete, as the compaction marks are.
    pub fn parse_mark(bytes: &[u8]) -> Result<i64, RevisionKeyError> {
        let key = Self::parse(bytes)?;
        match key.is_tombstone {
            true => Err(RevisionKeyError::Length(bytes.len())),
            false => Ok(key.main),
        }
    }

    /// The key as it lies in the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::BYTES + 1);
        bytes.extend_from_slice(&self.main.to_be_bytes());
        bytes.push(SEPARATOR);
        bytes.extend_from_slice(&self.sub.to_be_bytes());
        if self.is_tombstone {
            bytes.push(TOMBSTONE_MARK);
        }
        bytes
    }
}

/// `46/0`, as etcd's own messages show it.
impl fmt::Display for RevisionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.main, self.sub)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn malformed_keys_say_what_is_wrong() {
        let key = RevisionKey {
            main: 46,
            sub: 2,
            is_tombstone: true,
        };
        let good = key.encode();
        assert_eq!(good.len(), 18);
        assert_eq!(
            RevisionKey::parse(&good[..16]),
            Err(RevisionKeyError::Length(16))
        );
        let with = |at: usize, byte| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            RevisionKey::parse(&bytes)
        };
        assert_eq!(with(17, b'x'), Err(RevisionKeyError::Mark(b'x')));
        assert_eq!(with(8, b'-'), Err(RevisionKeyError::Separator(b'-')));
        assert!(matches!(with(0, 0x80), Err(RevisionKeyError::Negative(_))));
        assert_eq!(
            RevisionKey::parse_mark(&good),
            Err(RevisionKeyError::Length(18))
        );
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_and_sorts_alike(
            a in (0..i64::MAX, 0..i64::MAX, any::<bool>()),
            b in (0..i64::MAX, 0..i64::MAX, any::<bool>()),
        ) {
            let [a, b] = [a, b].map(|(main, sub, is_tombstone)| RevisionKey { main, sub, is_tombstone });
            prop_assert_eq!(RevisionKey::parse(&a.encode()), Ok(a));
            prop_assert_eq!(a.cmp(&b), a.encode().cmp(&b.encode()));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
            if let Ok(key) = RevisionKey::parse(&bytes) {
                prop_assert_eq!(key.encode(), bytes);
            }
        }
    }
}
