//! bbolt, the file format of etcd's database: reads an image that nobody vouches for, and writes a
//! fresh one.
//!
//! Invariant: whatever bytes a file holds, reading it neither panics nor loops, takes time in
//! proportion to its size, and memory in proportion to its largest page plus a bit per page.
//!
//! Format: bbolt's `page.go`, `db.go` (meta), `bucket.go`, `node.go`, little-endian.

mod branch;
mod bucket;
mod defect;
mod entries;
mod error;
mod freelist;
mod image;
mod meta;
mod page;
mod page_set;
mod read_at;
#[cfg(test)]
mod tests;
mod tree;
mod walk;
mod window;
mod writer;

pub use bucket::{Bucket, BucketRoot};
pub use defect::{Defect, DefectKind};
pub use entries::{Entries, Entry};
pub use error::BoltError;
pub use freelist::Freelist;
pub use image::{Image, Trailer};
pub use meta::{Meta, MetaDefect, NO_FREELIST};
pub use page::{PAGE_HEADER_BYTES, PageFlags, PageHeader};
pub use page_set::PageSet;
pub use read_at::ReadAt;
pub use walk::{Step, Walk};
pub use writer::{WriteError, Writer, Written};
