//! What is done with a snapshot file.
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
mod status;
#[cfg(test)]
mod tests;
pub mod verify;

pub use digest::digest;
pub use error::{EntryError, SnapshotError};
pub use hash_kv::{HashKv, hash_kv};
pub use marks::{MarkError, Marks, StorageVersion};
pub use status::{Status, status};
