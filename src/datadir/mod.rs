//! etcd's files on disk: its database, its write-ahead log, its raft snapshots.
//!
//! Lives as if it were a crate of its own: its own errors, nothing of ours. Opening files is the
//! caller's.

pub mod bolt;
mod founding;
mod go_json;
mod protobuf;
pub mod schema;
mod snap;
mod v2store;
pub mod wal;

pub use founding::{Founding, FoundingMember, SameId, TERM};
pub use snap::{SnapError, SnapFile, founding_snap, read_snap, snap_name};
pub use wal::{WalError, WalIdentity};
