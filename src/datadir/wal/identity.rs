//! Whose WAL is this? The member and cluster id that every WAL segment states at its beginning.
//!
//! Format (etcd's `server/storage/wal/{encoder,decoder,wal}.go`, `wal/walpb/record.proto`): frames
//! of an 8-byte little-endian length field, a protobuf record and padding to 8 bytes. The low 56
//! bits of the length field count the record's bytes; where its top bit is set the low three bits
//! of the top byte count the padding. A segment begins with a CRC record (type 4) that carries the running checksum,
//! followed by the metadata record (type 1), whose data is `{1: NodeID, 2: ClusterID}`.

use prost::Message;

/// The ids in a WAL's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalIdentity {
    /// Id of the member that wrote it.
    pub member_id: u64,
    /// Id of the cluster it belongs to.
    pub cluster_id: u64,
}

/// Why a WAL's beginning can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalError {
    /// Fewer bytes than the first two records need.
    #[error("the WAL ends at byte {offset}, inside its first records")]
    Truncated {
        /// Where the data ends.
        offset: usize,
    },
    /// The length or the contents of a record make no sense.
    #[error("damaged WAL record at byte {offset}: {reason}")]
    Damaged {
        /// Where the record's frame begins.
        offset: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// How many bytes of a segment are enough for [`WalIdentity::read`].
const HEAD_BYTES: usize = 4096;

const TYPE_METADATA: i64 = 1;
const TYPE_CRC: i64 = 4;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Record {
    #[prost(int64, tag = "1")]
    pub(super) kind: i64,
    #[prost(uint32, tag = "2")]
    pub(super) crc: u32,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(super) data: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Metadata {
    #[prost(uint64, tag = "1")]
    pub(super) node_id: u64,
    #[prost(uint64, tag = "2")]
    pub(super) cluster_id: u64,
}

impl WalIdentity {
    /// How many bytes of a segment's beginning [`WalIdentity::read`] looks at.
    pub const HEAD_BYTES: usize = HEAD_BYTES;

    /// Reads the ids from the beginning of a WAL segment.
    ///
    /// # Errors
    /// Where the first two records are cut off, damaged or not what a segment begins with.
    pub fn read(head: &[u8]) -> Result<Self, WalError> {
        let (first, next) = frame(head, 0)?;
        if first.kind != TYPE_CRC {
            return Err(WalError::Damaged {
                offset: 0,
                reason: "no checksum record comes first",
            });
        }
        let (second, _) = frame(head, next)?;
        let damaged = |reason| WalError::Damaged {
            offset: next,
            reason,
        };
        if second.kind != TYPE_METADATA {
            return Err(damaged("no metadata record comes second"));
        }
        let data = second.data.unwrap_or_default();
        if crc32c::crc32c_append(first.crc, &data) != second.crc {
            return Err(damaged("the checksum does not fit"));
        }
        let metadata = Metadata::decode(data.as_slice()).map_err(|_| damaged("no metadata"))?;
        Ok(Self {
            member_id: metadata.node_id,
            cluster_id: metadata.cluster_id,
        })
    }
}

/// Reads the frame at `offset`; returns its record and where the next one begins.
fn frame(bytes: &[u8], offset: usize) -> Result<(Record, usize), WalError> {
    let truncated = WalError::Truncated {
        offset: bytes.len(),
    };
    let field = bytes.get(offset..offset + 8).ok_or(truncated)?;
    let field = u64::from_le_bytes(field.try_into().map_err(|_| truncated)?);
    let length = usize::try_from(field & 0x00ff_ffff_ffff_ffff).unwrap_or(usize::MAX);
    let padding = if field >> 63 == 1 {
        usize::from((field >> 56) as u8 & 0x7)
    } else {
        0
    };
    if length == 0 || length > HEAD_BYTES {
        return Err(WalError::Damaged {
            offset,
            reason: "an impossible length",
        });
    }
    let start = offset + 8;
    let record = bytes.get(start..start + length).ok_or(truncated)?;
    let record = Record::decode(record).map_err(|_| WalError::Damaged {
        offset,
        reason: "no protobuf record",
    })?;
    Ok((record, start + length + padding))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RESTORED_3_4: &[u8] = include_bytes!("../../../tests/data/restores/restore-3.4.wal.head");
    const RESTORED_3_5: &[u8] = include_bytes!("../../../tests/data/restores/restore-3.5.wal.head");

    #[test]
    fn segments_written_by_etcd_name_member_and_cluster() {
        for head in [RESTORED_3_4, RESTORED_3_5] {
            let expected = WalIdentity {
                member_id: 0xbdd9_228d_0ad6_358c,
                cluster_id: 0x2619_acb4_877e_7ec8,
            };
            assert_eq!(WalIdentity::read(head), Ok(expected));
        }
    }

    #[test]
    fn cut_off_and_damaged_beginnings_are_told_apart() {
        for length in 0..40 {
            let found = WalIdentity::read(&RESTORED_3_5[..length]);
            assert_eq!(
                found,
                Err(WalError::Truncated { offset: length }),
                "{length}"
            );
        }
        let zeros = WalIdentity::read(&[0; 64]).unwrap_err();
        assert!(matches!(zeros, WalError::Damaged { offset: 0, .. }));
        let mut flipped = RESTORED_3_5.to_vec();
        flipped[35] ^= 1;
        assert!(matches!(
            WalIdentity::read(&flipped),
            Err(WalError::Damaged { offset: 16, .. })
        ));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = WalIdentity::read(&bytes);
        }
    }
}
