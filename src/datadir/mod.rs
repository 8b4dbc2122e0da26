//! etcd's files on disk: the database, and who a data directory belongs to.
//! etcd's files on disk: its database, its write-ahead log, its raft snapshots.
//!
//! Lives as if it were a crate of its own: its own errors, nothing of ours. Opening files is the
//! caller's.

pub mod bolt;
pub mod schema;
mod wal_identity;
mod founding;
mod go_json;
mod protobuf;
mod snap;
mod v2store;
pub mod wal;

pub use founding::{Founding, FoundingMember, SameId, TERM};
pub use snap::{SnapError, SnapFile, founding_snap, read_snap, snap_name};
pub use wal::{WalError, WalIdentity};
