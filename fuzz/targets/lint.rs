//! Is every pod judged, alone and beside itself on another node, with findings at places that exist?

#![no_main]

use etcdha::manifest::lint::{LintFile, lint, wanted};
use etcdha::manifest::pod::StaticPod;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(pod) = StaticPod::parse(text.as_bytes()) else {
        return;
    };
    let files = [
        LintFile::new("m1/etcd.yaml", pod.clone()),
        LintFile::new("m2/etcd.yaml", pod),
    ];
    let _ = wanted(&files);
    let report = lint(&files);
    assert_eq!(report.files, files.len());
    // Any break that YAML knows ends a line, and an empty file has one.
    let lines = 1 + text.matches(['\n', '\r']).count();
    for finding in report.findings {
        assert!((1..=lines).contains(&finding.line), "{finding:?}");
        assert!(finding.column >= 1, "{finding:?}");
    }
});
