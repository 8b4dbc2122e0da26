//! A lease: how long the keys on it live. Its key in the bucket is the id, 8 bytes big-endian.
//!
//! Format: etcd's `server/lease/leasepb/lease.proto`.

use prost::Message;

/// `leasepb.Lease`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Lease {
    /// Its id.
    #[prost(int64, tag = "1")]
    pub id: i64,
    /// Seconds that it was granted for.
    #[prost(int64, tag = "2")]
    pub ttl: i64,
    /// Seconds left at the last checkpoint; 0 without one.
    #[prost(int64, tag = "3")]
    pub remaining_ttl: i64,
}
