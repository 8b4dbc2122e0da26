//! Are cfssl's files read or refused, and does a strict reading accept only what a lenient one does?

#![no_main]

use etcdha::pki::{CsrTemplate, SigningConfig, Strictness, TemplateUse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|contents: &[u8]| {
    for purpose in [TemplateUse::Ca, TemplateUse::Leaf] {
        let lenient = CsrTemplate::parse("x", contents, purpose, Strictness::Lenient);
        let strict = CsrTemplate::parse("x", contents, purpose, Strictness::Strict);
        match (lenient, strict) {
            (Ok(lenient), Ok(strict)) => assert_eq!(lenient.value, strict.value),
            (Ok(lenient), Err(_)) => assert!(!lenient.warnings.is_empty()),
            (Err(_), Ok(_)) => panic!("only a strict reading accepts it"),
            (Err(_), Err(_)) => {}
        }
    }
    let Ok(config) = SigningConfig::parse("x", contents, Strictness::Lenient) else {
        return;
    };
    for name in config.value.names().chain(["default"]) {
        let _ = config.value.profile(name);
    }
});
