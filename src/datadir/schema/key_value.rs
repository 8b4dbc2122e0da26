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
