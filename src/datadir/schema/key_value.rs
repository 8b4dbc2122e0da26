//! A key's value at a revision.
//!
//! Format: etcd's `api/mvccpb/kv.proto`. A tombstone has the key only; the entry that a revision bump adds is
//! of no bytes at all.

use prost::Message;

/// `mvccpb.KeyValue`.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct KeyValue {
    /// The user's key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The revision at which the key was created last.
    #[prost(int64, tag = "2")]
    pub create_revision: i64,
    /// The revision of this very change.
    #[prost(int64, tag = "3")]
    pub mod_revision: i64,
    /// Changes since the creation, which is 1.
    #[prost(int64, tag = "4")]
    pub version: i64,
    /// The user's value, perhaps a secret.
    #[prost(bytes = "vec", tag = "5")]
    pub value: Vec<u8>,
    /// The lease it hangs on; 0 for none.
    #[prost(int64, tag = "6")]
    pub lease: i64,
}

/// Leaves the value out: it may be a Secret.
impl std::fmt::Debug for KeyValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyValue")
            .field("key", &String::from_utf8_lossy(&self.key))
            .field("create_revision", &self.create_revision)
            .field("mod_revision", &self.mod_revision)
            .field("version", &self.version)
            .field("value_bytes", &self.value.len())
            .field("lease", &self.lease)
            .finish()
    }
}

/// A [`KeyValue`] that borrows its bytes: what a pass over millions of entries can afford.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyValueRef<'a> {
    /// The user's key.
    pub key: &'a [u8],
    /// As [`KeyValue::create_revision`].
    pub create_revision: i64,
    /// As [`KeyValue::mod_revision`].
    pub mod_revision: i64,
    /// As [`KeyValue::version`].
    pub version: i64,
    /// The user's value, perhaps a secret.
    pub value: &'a [u8],
    /// As [`KeyValue::lease`].
    pub lease: i64,
}

/// Bytes that are no `mvccpb.KeyValue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no mvccpb.KeyValue: {reason} at byte {at}")]
pub struct KeyValueError {
    /// Where the field begins, from the start of the value.
    pub at: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl<'a> KeyValueRef<'a> {
    /// Reads a message. Unknown fields are passed over, the last of a repeated field counts.
    ///
    /// # Errors
    /// Where the bytes are cut off or no protobuf of this shape.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, KeyValueError> {
        let mut found = Self::default();
        let mut reader = Reader { bytes, at: 0 };
        while reader.at < bytes.len() {
            let at = reader.at;
            let wrong = |reason| KeyValueError { at, reason };
            let tag = reader.varint().ok_or(wrong("a damaged tag"))?;
            let field = u32::try_from(tag >> 3).unwrap_or(0);
            match (field, tag & 7) {
                (0, _) => return Err(wrong("a field without a number")),
                (1, 2) => found.key = reader.bytes().ok_or(wrong("a key that is cut off"))?,
                (5, 2) => found.value = reader.bytes().ok_or(wrong("a value that is cut off"))?,
                (2 | 3 | 4 | 6, 0) => {
                    let number = reader.varint().ok_or(wrong("a damaged number"))?;
                    match field {
                        2 => found.create_revision = number.cast_signed(),
                        3 => found.mod_revision = number.cast_signed(),
                        4 => found.version = number.cast_signed(),
                        _ => found.lease = number.cast_signed(),
                    }
                }
                (1..=6, _) => return Err(wrong("a field of another type")),
                (_, wire) => reader.skip(wire).ok_or(wrong("a damaged unknown field"))?,
            }
        }
        Ok(found)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in 0..10 {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            number |= u64::from(byte & 0x7f) << (shift * 7);
            if byte < 0x80 {
                // The tenth byte has room for one bit.
                return (shift < 9 || byte <= 1).then_some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let found = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(found)
    }

    fn skip(&mut self, wire: u64) -> Option<()> {
        match wire {
            0 => self.varint().map(|_| ()),
            1 => self.advance(8),
            2 => self.bytes().map(|_| ()),
            5 => self.advance(4),
            // Groups, which nothing in etcd writes.
            _ => None,
        }
    }

    fn advance(&mut self, length: usize) -> Option<()> {
        self.at = self.at.checked_add(length)?;
        (self.at <= self.bytes.len()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn owned(found: &KeyValueRef<'_>) -> KeyValue {
        KeyValue {
            key: found.key.to_vec(),
            create_revision: found.create_revision,
            mod_revision: found.mod_revision,
            version: found.version,
            value: found.value.to_vec(),
            lease: found.lease,
        }
    }

    #[test]
    fn an_empty_value_is_the_empty_key() {
        assert!(KeyValueRef::parse(&[]) == Ok(KeyValueRef::default()));
    }

    #[test]
    fn debug_keeps_the_value_to_itself() {
        let secret = KeyValue {
            key: b"k".to_vec(),
            value: b"secret".to_vec(),
            ..KeyValue::default()
        };
        let text = format!("{secret:?}");
        assert!(
            text.contains("value_bytes: 6") && !text.contains("secret"),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn both_forms_read_alike(
            key: Vec<u8>, create_revision: i64, mod_revision: i64, version: i64, value: Vec<u8>, lease: i64,
        ) {
            let message = KeyValue { key, create_revision, mod_revision, version, value, lease };
            let bytes = message.encode_to_vec();
            let found = KeyValueRef::parse(&bytes).map(|found| owned(&found));
            prop_assert!(found == Ok(message));
        }

        #[test]
        fn what_one_takes_the_other_takes_too(bytes in proptest::collection::vec(0_u8..64, 0..40)) {
            if let Ok(found) = KeyValueRef::parse(&bytes) {
                prop_assert!(KeyValue::decode(bytes.as_slice()) == Ok(owned(&found)));
            }
        }
    }
}
