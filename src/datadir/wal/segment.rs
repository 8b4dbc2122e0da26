//! The one segment of a restored member's WAL.
//!
//! Byte for byte what etcdutl 3.5 and 3.6 write: every member joins by an entry of its own, and the
//! closing snapshot record names the configuration. 3.4 writes that record without the configuration
//! and takes it with.

use crate::datadir::founding::{Founding, FoundingMember, TERM};
use crate::datadir::protobuf::{put_bytes, put_number};

use super::record::{Encoder, Kind};

/// The name of a member's first segment: its number and the first index in it.
pub const SEGMENT_NAME: &str = "0000000000000000-0000000000000000.wal";

/// Bytes that etcd reserves for a segment: its own 64 MB, which are no MiB.
pub const SEGMENT_BYTES: u64 = 64_000_000;

/// Raft entry type: a change of the configuration.
const CONF_CHANGE: u64 = 1;

/// The used bytes of the segment that `member` begins with.
pub fn founding_segment(founding: &Founding, member: &FoundingMember) -> Vec<u8> {
    let mut segment = Encoder::default();
    segment.crc();
    segment.put(
        Kind::Metadata,
        &numbers(&[(1, member.id), (2, founding.cluster_id())]),
    );
    segment.put(Kind::Snapshot, &numbers(&[(1, 0), (2, 0)]));
    for (index, member) in (1..).zip(founding.members()) {
        let mut entry = numbers(&[(1, CONF_CHANGE), (2, TERM), (3, index)]);
        put_bytes(&mut entry, 4, &member.joining());
        segment.put(Kind::Entry, &entry);
    }
    let vote = founding.members().first().map_or(0, |first| first.id);
    let commit = founding.index();
    segment.put(
        Kind::HardState,
        &numbers(&[(1, TERM), (2, vote), (3, commit)]),
    );
    let mut snapshot = numbers(&[(1, commit), (2, TERM)]);
    put_bytes(&mut snapshot, 3, &founding.conf_state());
    segment.put(Kind::Snapshot, &snapshot);
    segment.into_bytes()
}

fn numbers(fields: &[(u32, u64)]) -> Vec<u8> {
    let mut message = Vec::new();
    for (field, number) in fields {
        put_number(&mut message, *field, *number);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE_3_5: &[u8] = include_bytes!("../../../tests/data/restores/restore-3.5.wal.head");
    const THREE_3_6: &[u8] = include_bytes!("../../../tests/data/restores/restore-3.6.wal.head");
    const ONE_3_5: &[u8] = include_bytes!("../../../tests/data/restores/restore-3.5-bump.wal.head");

    fn segment(members: &[(&str, &str)], name: &str, token: &str) -> Vec<u8> {
        let members = members
            .iter()
            .map(|(name, url)| ((*name).to_owned(), vec![(*url).to_owned()]));
        let founding = Founding::new(members, token).unwrap();
        founding_segment(&founding, founding.member(name).unwrap())
    }

    #[test]
    fn segments_are_those_of_etcdutl() {
        let three = [
            ("m1", "http://127.0.0.1:7380"),
            ("m2", "http://127.0.0.1:7381"),
            ("m3", "http://127.0.0.1:7382"),
        ];
        let of_three = segment(&three, "m1", "newtok");
        assert_eq!(of_three, THREE_3_5);
        assert_eq!(of_three, THREE_3_6);
        let one = [("default", "http://localhost:2380")];
        assert_eq!(segment(&one, "default", "etcd-cluster"), ONE_3_5);
    }
}
