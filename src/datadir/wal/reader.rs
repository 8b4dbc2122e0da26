//! Reads a whole segment and checks it at least as strictly as an etcd that starts: frames, the chain
//! of checksums, the order of entries.
//!
//! Invariant: no byte of a segment makes it panic or take more memory than the segment has bytes.

use std::io::{self, Read};

use prost::Message;

use super::identity::{Metadata, Record};
use super::record::Kind;

/// Bytes of a frame's length field, and what its length is padded to.
const FIELD: u64 = 8;

/// What a segment says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Id of the member that wrote it.
    pub member_id: u64,
    /// Id of its cluster.
    pub cluster_id: u64,
    /// Bytes up to the end of its last record.
    pub used_bytes: u64,
    /// How many raft entries it holds.
    pub entries: u64,
    /// Index of its last entry.
    pub last_index: u64,
    /// Term of the last hard state.
    pub term: u64,
    /// Commit index of the last hard state.
    pub commit: u64,
    /// The snapshots it names, in order.
    pub snapshots: Vec<SnapshotMark>,
}

/// A snapshot that a segment names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotMark {
    /// Its raft index.
    pub index: u64,
    /// Its raft term.
    pub term: u64,
    /// The voters it names; none where it was written by 3.4.
    pub voters: Vec<u64>,
}

/// Why a segment is of no use.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// It can't be read.
    #[error("failed to read the WAL")]
    Io(#[from] io::Error),
    /// It says what no etcd writes.
    #[error("damaged WAL record at byte {offset}: {reason}")]
    Damaged {
        /// Where the record's frame begins.
        offset: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(uint64, tag = "3")]
    index: u64,
}

#[derive(Clone, PartialEq, Message)]
struct HardState {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "3")]
    commit: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Snapshot {
    #[prost(uint64, tag = "1")]
    index: u64,
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(message, optional, tag = "3")]
    conf_state: Option<ConfState>,
}

#[derive(Clone, PartialEq, Message)]
struct ConfState {
    #[prost(uint64, repeated, packed = "false", tag = "1")]
    voters: Vec<u64>,
}

/// Reads a segment to its end: that of the data, or the first zero length field.
///
/// # Errors
/// The first record that is damaged or cut off.
pub fn read_segment(mut source: impl Read) -> Result<Segment, SegmentError> {
    let mut reader = Reader::default();
    while let Some(record) = reader.next(&mut source)? {
        reader
            .take(&record)
            .map_err(|reason| reader.damaged(reason))?;
        reader.segment.used_bytes = reader.next;
    }
    match reader.has_metadata {
        true => Ok(reader.segment),
        false => Err(reader.damaged("the data ends before the metadata record")),
    }
}

#[derive(Default)]
struct Reader {
    segment: Segment,
    /// Where the frame begins that is looked at, and where the one behind it does.
    offset: u64,
    next: u64,
    crc: u32,
    has_crc: bool,
    has_metadata: bool,
}

impl Reader {
    fn damaged(&self, reason: &'static str) -> SegmentError {
        SegmentError::Damaged {
            offset: self.offset,
            reason,
        }
    }

    /// The next record; none at the end of the data.
    fn next(&mut self, source: &mut impl Read) -> Result<Option<Record>, SegmentError> {
        self.offset = self.next;
        let mut field = Vec::new();
        source.by_ref().take(FIELD).read_to_end(&mut field)?;
        if field.is_empty() {
            return Ok(None);
        }
        let field: [u8; 8] = field
            .try_into()
            .map_err(|_| self.damaged("the data ends inside a length field"))?;
        let field = u64::from_le_bytes(field);
        if field == 0 {
            return Ok(None);
        }
        let length = field & 0x00ff_ffff_ffff_ffff;
        let padding = length.wrapping_neg() % FIELD;
        let head = if padding == 0 { 0 } else { 0x80 | padding };
        if length == 0 || field >> 56 != head {
            return Err(self.damaged("an impossible length"));
        }
        let mut record = Vec::new();
        source
            .by_ref()
            .take(length + padding)
            .read_to_end(&mut record)?;
        if record.len() as u64 != length + padding {
            return Err(self.damaged("the data ends inside the record"));
        }
        self.next = self.offset + FIELD + length + padding;
        // It was read whole, so its length is one of memory.
        let padding = record.split_off(record.len() - padding as usize);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(self.damaged("the padding is not zero"));
        }
        let record = Record::decode(record.as_slice());
        record
            .map(Some)
            .map_err(|_| self.damaged("no protobuf record"))
    }

    fn take(&mut self, record: &Record) -> Result<(), &'static str> {
        let kind = Kind::of(record.kind).ok_or("an unknown type")?;
        if !self.has_crc && kind != Kind::Crc {
            return Err("no checksum record comes first");
        }
        let data = record.data.as_deref().unwrap_or_default();
        if kind == Kind::Crc {
            // Each segment goes on with the checksum of the one before.
            if self.has_crc && self.crc != record.crc {
                return Err("the checksum does not continue");
            }
            (self.crc, self.has_crc) = (record.crc, true);
            return Ok(());
        }
        self.crc = crc32c::crc32c_append(self.crc, data);
        if self.crc != record.crc {
            return Err("the checksum does not fit");
        }
        match kind {
            Kind::Metadata => self.metadata(data),
            _ if !self.has_metadata => Err("no metadata record comes second"),
            Kind::Entry => self.entry(data),
            Kind::HardState => {
                let state = HardState::decode(data).map_err(|_| "no hard state")?;
                (self.segment.term, self.segment.commit) = (state.term, state.commit);
                Ok(())
            }
            Kind::Snapshot => {
                let snapshot = Snapshot::decode(data).map_err(|_| "no snapshot")?;
                let voters = snapshot.conf_state.map(|state| state.voters);
                self.segment.snapshots.push(SnapshotMark {
                    index: snapshot.index,
                    term: snapshot.term,
                    voters: voters.unwrap_or_default(),
                });
                Ok(())
            }
            Kind::Crc => Ok(()),
        }
    }

    fn metadata(&mut self, data: &[u8]) -> Result<(), &'static str> {
        let found = Metadata::decode(data).map_err(|_| "no metadata")?;
        let ids = (found.node_id, found.cluster_id);
        if self.has_metadata && ids != (self.segment.member_id, self.segment.cluster_id) {
            return Err("another member's metadata");
        }
        (self.segment.member_id, self.segment.cluster_id) = ids;
        self.has_metadata = true;
        Ok(())
    }

    fn entry(&mut self, data: &[u8]) -> Result<(), &'static str> {
        let entry = Entry::decode(data).map_err(|_| "no entry")?;
        // A new leader may write an index again, but never leaves one out.
        if self.segment.entries > 0 && entry.index > self.segment.last_index + 1 {
            return Err("an entry is missing");
        }
        self.segment.entries += 1;
        self.segment.last_index = entry.index;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const THREE: &[u8] = include_bytes!("../../../tests/data/restores/restore-3.5.wal.head");
    const THREE_3_4: &[u8] = include_bytes!("../../../tests/data/restores/restore-3.4.wal.head");
    const IDS: [u64; 3] = [
        0x018b_5c9f_7562_e750,
        0x711a_51a7_5381_97a2,
        0xbdd9_228d_0ad6_358c,
    ];

    fn mark(index: u64, term: u64, voters: &[u64]) -> SnapshotMark {
        SnapshotMark {
            index,
            term,
            voters: voters.to_vec(),
        }
    }

    #[test]
    fn segments_that_etcdutl_wrote_are_read_whole() {
        for (bytes, voters) in [(THREE, &IDS[..]), (THREE_3_4, &[])] {
            let mut padded = bytes.to_vec();
            padded.resize(bytes.len() + 4096, 0);
            let expected = Segment {
                member_id: IDS[2],
                cluster_id: 0x2619_acb4_877e_7ec8,
                used_bytes: bytes.len() as u64,
                entries: 3,
                last_index: 3,
                term: 1,
                commit: 3,
                snapshots: vec![mark(0, 0, &[]), mark(3, 1, voters)],
            };
            assert_eq!(read_segment(padded.as_slice()).unwrap(), expected);
            assert_eq!(read_segment(bytes).unwrap(), expected);
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let whole = read_segment(THREE).unwrap();
        for place in 0..THREE.len() {
            let mut flipped = THREE.to_vec();
            flipped[place] ^= 1;
            let found = read_segment(flipped.as_slice());
            assert!(found.ok() != Some(whole.clone()), "byte {place}");
        }
        for length in 0..THREE.len() {
            let found = read_segment(&THREE[..length]);
            assert!(found.ok() != Some(whole.clone()), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = read_segment(bytes.as_slice());
        }
    }
}
