//! Records of a WAL and the frames they stand in.
//!
//! A frame is an 8-byte little-endian length field, the record and padding to 8 bytes: the low 56
//! bits count the record's bytes, the top byte is 0x80 and the padding where there is any. Each
//! record carries the checksum (CRC-32C) of all data in the segment so far, its own included.

use crate::datadir::protobuf;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Metadata,
    Entry,
    HardState,
    Crc,
    Snapshot,
}

impl Kind {
    pub(super) fn number(self) -> u64 {
        match self {
            Self::Metadata => 1,
            Self::Entry => 2,
            Self::HardState => 3,
            Self::Crc => 4,
            Self::Snapshot => 5,
        }
    }

    pub(super) fn of(number: i64) -> Option<Self> {
        const ALL: [Kind; 5] = [
            Kind::Metadata,
            Kind::Entry,
            Kind::HardState,
            Kind::Crc,
            Kind::Snapshot,
        ];
        let number = u64::try_from(number).ok()?;
        ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// Appends records to the bytes of a segment.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    bytes: Vec<u8>,
    crc: u32,
}

impl Encoder {
    /// The record that begins a segment: the checksum so far, and no data.
    pub(super) fn crc(&mut self) {
        let record = record(Kind::Crc, self.crc, None);
        self.frame(&record);
    }

    /// Appends a record with data.
    pub(super) fn put(&mut self, kind: Kind, data: &[u8]) {
        self.crc = crc32c::crc32c_append(self.crc, data);
        let record = record(kind, self.crc, Some(data));
        self.frame(&record);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn frame(&mut self, record: &[u8]) {
        let padding = record.len().wrapping_neg() % 8;
        let mut field = record.len() as u64;
        if padding > 0 {
            field |= (0x80 | padding as u64) << 56;
        }
        self.bytes.extend(field.to_le_bytes());
        self.bytes.extend(record);
        self.bytes.resize(self.bytes.len() + padding, 0);
    }
}

/// Numbers are written also where they are 0 (proto2, required); data is left out where there is
/// none.
fn record(kind: Kind, crc: u32, data: Option<&[u8]>) -> Vec<u8> {
    let mut record = Vec::new();
    protobuf::put_number(&mut record, 1, kind.number());
    protobuf::put_number(&mut record, 2, u64::from(crc));
    if let Some(data) = data {
        protobuf::put_bytes(&mut record, 3, data);
    }
    record
}
