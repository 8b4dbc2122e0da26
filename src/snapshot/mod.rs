//! What is done with a snapshot file: looked at, verified, made a member's database.
//!
//! Invariant: a snapshot is only read, and nothing of a value is shown: it may hold every Secret of a
//! cluster.

mod crc;
mod digest;
mod error;
mod hash_kv;
pub mod inspect;
mod live;
mod marks;
pub mod packing;
mod receive;
mod record;
pub mod restore;
mod retention;
pub mod schedule;
mod sections;
mod status;
mod tally;
#[cfg(test)]
mod tests;
pub mod verify;
mod watch;

pub use digest::{digest, digest_while};
pub use error::{EntryError, SnapshotError};
pub use hash_kv::{HashKv, hash_kv, hash_kv_compacted_at};
pub use marks::{MarkError, Marks, StorageVersion, current_revision};
pub use receive::{ReceiveError, Received, Receiver};
#[cfg(test)]
pub(crate) use record::tests::record as record_for_tests;
pub use record::{
    RecordError, RecordedCluster, RecordedFile, RecordedHash, RecordedMember, SnapshotRecord,
    record_path,
};
pub use retention::{Reason, Retention};
pub use status::{Status, status};
pub use tally::{Tally, has_bump_entry, tally};
pub use watch::Watch;
