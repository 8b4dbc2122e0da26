//! Is a WAL segment read to its end or refused, whatever bytes it has, and the same with zeros behind?

#![no_main]

use etcdha::datadir::wal::read_segment;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(segment) = read_segment(bytes) {
        assert!(segment.used_bytes <= bytes.len() as u64);
        let longer = [bytes, &[0; 64]].concat();
        assert_eq!(read_segment(longer.as_slice()).ok(), Some(segment));
    }
});
