//! Is the beginning of a WAL segment read or refused, whatever bytes it has, and by its beginning alone?

#![no_main]

use etcdha::datadir::WalIdentity;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(identity) = WalIdentity::read(bytes) {
        let longer = [bytes, &[0xff; 64]].concat();
        assert_eq!(WalIdentity::read(&longer), Ok(identity));
    }
});
