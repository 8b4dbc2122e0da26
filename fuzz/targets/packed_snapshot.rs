//! Is a packed snapshot unpacked or refused, within the bytes that are allowed?

#![no_main]

use std::io::Write;

use etcdha::snapshot::packing::{UnpackError, recognise, unpack};
use libfuzzer_sys::fuzz_target;

/// Most bytes that may come out.
const LIMIT: u64 = 1 << 20;

struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut out = Counted(0);
    let unpacked = unpack(bytes, None, LIMIT, &mut out, |_| true);
    assert!(out.0 <= LIMIT);
    match unpacked {
        Ok(unpacked) => {
            assert_eq!(unpacked.bytes, out.0);
            assert_eq!(recognise(bytes), unpacked.layers.first().copied());
        }
        Err(error) => assert!(!matches!(error, UnpackError::Read(_)), "{error}"),
    }
});
