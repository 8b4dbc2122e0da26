//! etcd's write-ahead log: frames and records, the segment a restored member begins with, and a
//! reader that checks a segment whole.
//!
//! Format: etcd's `server/storage/wal/{encoder,decoder,wal}.go` and `wal/walpb/record.proto`; the
//! same in 3.4, 3.5 and 3.6.

mod identity;
mod reader;
mod record;
mod segment;

pub use identity::{WalError, WalIdentity};
pub use reader::{Segment, SegmentError, SnapshotMark, read_segment};
pub use segment::{SEGMENT_BYTES, SEGMENT_NAME, founding_segment};
