//! etcd's files on disk: reads who a data directory belongs to.
//!
//! Lives as if it were a crate of its own: its own error, nothing of ours. Opening files is the
//! caller's.

mod wal_identity;

pub use wal_identity::{WalError, WalIdentity};
