//! Is a length of time read by its value, and does one in whole seconds read back as cfssl writes it?

#![no_main]

use etcdha::{model, pki};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = model::parse_duration(text);
    let Ok(parsed) = pki::parse_lifetime(text) else {
        return;
    };
    let written = pki::format_lifetime(parsed.length);
    let again = pki::parse_lifetime(&written).map(|again| again.length);
    assert_eq!(again, Ok(parsed.length), "{written}");
});
