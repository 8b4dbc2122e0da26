//! Does a subject alternative name that was accepted read back, from what it displays as, as the same name?

#![no_main]

use etcdha::pki::San;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(san) = text.parse::<San>() {
        assert_eq!(san.to_string().parse(), Ok(san));
    }
});
