//! Is a node name that was accepted kept as it is, and safe as a file name?

#![no_main]

use etcdha::model::NodeName;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(name) = text.parse::<NodeName>() else {
        return;
    };
    assert_eq!(name.as_str(), text);
    assert_eq!(name.to_string(), text);
    assert!(!text.starts_with('.') && !text.contains(['/', '\0']) && text.len() <= 253);
});
