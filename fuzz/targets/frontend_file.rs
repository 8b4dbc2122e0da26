//! Is a front end's file read or refused, whatever text it is, and does what was read survive being written?

#![no_main]

use etcdha::model::Frontend;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(checked) = Frontend::parse(text) {
        let again = Frontend::parse(&checked.frontend.render());
        assert_eq!(again.map(|again| again.frontend), Ok(checked.frontend));
    }
});
