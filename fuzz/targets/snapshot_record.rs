//! Is the record beside a snapshot read or refused, and does what is written read back?

#![no_main]

use etcdha::snapshot::SnapshotRecord;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = SnapshotRecord::parse(bytes) {
        let written = record.to_json().expect("a record can be written");
        assert_eq!(SnapshotRecord::parse(&written).expect("and read"), record);
    }
});
