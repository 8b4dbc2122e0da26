//! Does a URL that was accepted read back, from what it displays as, as the same URL?

#![no_main]

use etcdha::model::{ClientUrl, EtcdUrl};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(url) = text.parse::<EtcdUrl>() else {
        assert!(text.parse::<ClientUrl>().is_err());
        return;
    };
    let shown = url.to_string();
    assert_eq!(shown.parse(), Ok(url), "{shown}");
});
