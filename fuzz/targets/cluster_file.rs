//! Is a cluster file understood or refused, and does one that was understood read back as it is rendered?

#![no_main]

use etcdha::model::ClusterSpec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match ClusterSpec::parse(text) {
        Ok(checked) => {
            let rendered = checked.spec.render();
            let again = ClusterSpec::parse(&rendered).map(|checked| checked.spec);
            assert_eq!(again, Ok(checked.spec), "{rendered}");
        }
        Err(error) => assert!(!error.mistakes.is_empty()),
    }
});
