//! etcd's files on disk: the database, and who a data directory belongs to.
//!
//! Lives as if it were a crate of its own: its own errors, nothing of ours. Opening files is the
//! caller's.

pub mod bolt;
pub mod schema;
mod wal_identity;

pub use wal_identity::{WalError, WalIdentity};
