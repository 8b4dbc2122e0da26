//! Is a .snap file read or refused, whatever bytes it has?

#![no_main]

use etcdha::datadir::read_snap;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(file) = read_snap(bytes) {
        assert!(file.store.len() <= bytes.len());
    }
});
