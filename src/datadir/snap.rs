//! The `.snap` file of a restored member: the raft state at the point from which it goes on.
//!
//! Format (etcd's `snappb/snap.proto`, raft's `raft.proto`): a checksum (CRC-32C) and a raft snapshot
//! made of the v2 store's JSON and the configuration. The server finds it by the term and index that
//! a snapshot record of its WAL names.

use prost::Message;

use super::founding::{Founding, TERM};
use super::protobuf::{put_bytes, put_number};
use super::v2store::founding_store;

/// The name of the file that [`founding_snap`] makes.
pub fn snap_name(founding: &Founding) -> String {
    format!("{TERM:016x}-{:016x}.snap", founding.index())
}

/// The bytes of the file.
pub fn founding_snap(founding: &Founding) -> Vec<u8> {
    let mut metadata = Vec::new();
    put_bytes(&mut metadata, 1, &founding.conf_state());
    put_number(&mut metadata, 2, founding.index());
    put_number(&mut metadata, 3, TERM);
    let mut data = Vec::new();
    put_bytes(&mut data, 1, founding_store(founding).as_bytes());
    put_bytes(&mut data, 2, &metadata);
    let mut file = Vec::new();
    put_number(&mut file, 1, u64::from(crc32c::crc32c(&data)));
    put_bytes(&mut file, 2, &data);
    file
}

/// What a `.snap` file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapFile {
    /// The raft index it stands for.
    pub index: u64,
    /// The raft term of that index.
    pub term: u64,
    /// The voters at that point.
    pub voters: Vec<u64>,
    /// Its payload: the v2 store's JSON.
    pub store: Vec<u8>,
}

/// Why a `.snap` file is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged .snap file: {0}")]
pub struct SnapError(&'static str);

#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(uint32, tag = "1")]
    crc: u32,
    #[prost(bytes = "vec", tag = "2")]
    data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RaftSnapshot {
    #[prost(bytes = "vec", tag = "1")]
    data: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    metadata: Option<SnapshotMetadata>,
}

#[derive(Clone, PartialEq, Message)]
struct SnapshotMetadata {
    #[prost(message, optional, tag = "1")]
    conf_state: Option<ConfState>,
    #[prost(uint64, tag = "2")]
    index: u64,
    #[prost(uint64, tag = "3")]
    term: u64,
}

#[derive(Clone, PartialEq, Message)]
struct ConfState {
    #[prost(uint64, repeated, packed = "false", tag = "1")]
    voters: Vec<u64>,
}

/// Reads a `.snap` file and checks it as an etcd that starts does.
///
/// # Errors
/// Bytes that are no such file, or whose checksum does not fit.
pub fn read_snap(bytes: &[u8]) -> Result<SnapFile, SnapError> {
    let file = File::decode(bytes).map_err(|_| SnapError("no protobuf message"))?;
    if file.data.is_empty() {
        return Err(SnapError("it holds no data"));
    }
    if crc32c::crc32c(&file.data) != file.crc {
        return Err(SnapError("the checksum does not fit"));
    }
    let snapshot =
        RaftSnapshot::decode(file.data.as_slice()).map_err(|_| SnapError("no raft snapshot"))?;
    let metadata = snapshot.metadata.ok_or(SnapError("it has no metadata"))?;
    Ok(SnapFile {
        index: metadata.index,
        term: metadata.term,
        voters: metadata
            .conf_state
            .map(|state| state.voters)
            .unwrap_or_default(),
        store: snapshot.data,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const THREE_3_4: &[u8] = include_bytes!("../../tests/data/restores/restore-3.4.snap");
    const THREE_3_5: &[u8] = include_bytes!("../../tests/data/restores/restore-3.5.snap");
    const THREE_3_6: &[u8] = include_bytes!("../../tests/data/restores/restore-3.6.snap");

    fn three() -> Founding {
        let members = (0..3).map(|number| {
            let url = format!("http://127.0.0.1:{}", 7380 + number);
            (format!("m{}", number + 1), vec![url])
        });
        Founding::new(members, "newtok").unwrap()
    }

    #[test]
    fn the_file_is_that_of_etcdutl() {
        let founding = three();
        assert_eq!(
            snap_name(&founding),
            "0000000000000001-0000000000000003.snap"
        );
        let file = founding_snap(&founding);
        assert_eq!(file, THREE_3_4);
        assert_eq!(file, THREE_3_5);
        // 3.6 looks for a key first: one read failed.
        let (ours, theirs) = (read_snap(&file).unwrap(), read_snap(THREE_3_6).unwrap());
        let text = |file: &SnapFile| String::from_utf8(file.store.clone()).unwrap();
        let counted = text(&theirs).replace(r#""getsFail":1"#, r#""getsFail":0"#);
        assert_eq!(text(&ours), counted);
        assert_eq!((ours.index, ours.term, ours.voters), (3, 1, theirs.voters));
    }

    #[test]
    fn damage_is_noticed() {
        let file = founding_snap(&three());
        for length in 0..file.len() {
            assert!(read_snap(&file[..length]).is_err(), "{length}");
        }
        for place in (0..file.len()).step_by(7) {
            let mut flipped = file.clone();
            flipped[place] ^= 1;
            assert!(read_snap(&flipped).is_err(), "byte {place}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_snap(&bytes);
        }
    }
}
