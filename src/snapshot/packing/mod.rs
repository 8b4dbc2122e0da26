//! How a snapshot lies in a store: as it is, or compressed (zstd, gzip) and encrypted (age), in this
//! order.
//!
//! Invariant: a packed snapshot is told by its first bytes, never by its name; packing and unpacking go
//! through in one pass, in memory that does not grow with the file.

mod age;
mod compression;
mod layer;
mod pack;
#[cfg(test)]
mod tests;
mod unpack;

pub use age::{Identities, IdentityError, Recipient, RecipientError, recipients};
pub use compression::{Compression, CompressionError};
pub use layer::{LONGEST_MAGIC, Layer, is_ending, recognise};
pub use pack::{Packed, Packing, pack};
pub use unpack::{UnpackError, Unpacked, unpack};
