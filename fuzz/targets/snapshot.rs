//! Does every look at a snapshot end, whatever is in the file, and do they agree where it is sound?

#![no_main]

use etcdha::datadir::bolt::Image;
use etcdha::snapshot::inspect::{InspectOptions, inspect};
use etcdha::snapshot::verify::{VerifyOptions, verify};
use etcdha::snapshot::{hash_kv, status};
use libfuzzer_sys::fuzz_target;

const OPTIONS: VerifyOptions = VerifyOptions {
    skip_hash_check: true,
    count_live: true,
    known: None,
};

fuzz_target!(|bytes: &[u8]| {
    let verified = verify(&bytes, OPTIONS).expect("memory can be read");
    // Without the count more files are read in sections; the verdict is the same.
    let quick = VerifyOptions {
        count_live: false,
        ..OPTIONS
    };
    let quickly = verify(&bytes, quick).expect("memory can be read");
    assert_eq!(quickly.findings, verified.findings);
    let Ok(image) = Image::open(bytes) else {
        assert!(!verified.is_restorable());
        return;
    };
    let status = status(&image);
    let hash = hash_kv(&image, None);
    let inspected = inspect(
        &image,
        InspectOptions {
            depth: 2,
            largest: 3,
        },
    );
    if verified.is_restorable() {
        let status = status.expect("a sound file has a status");
        let hash = hash.expect("a sound file has a HashKV");
        for contents in [verified.contents, quickly.contents] {
            let found = contents.and_then(|found| found.hash_kv);
            let found = found.expect("a sound file has a HashKV");
            assert_eq!((found.hash, found.revision), (hash.hash, hash.revision));
            assert!(
                found
                    .live_keys
                    .is_none_or(|keys| Some(keys) == hash.live_keys)
            );
        }
        assert_eq!(status.current_revision, hash.current_revision);
        let inspected = inspected.expect("a sound file can be inspected");
        assert_eq!(Some(inspected.live_keys), hash.live_keys);
        // A revision in between is there or compacted, never anything else.
        let _ = hash_kv(&image, Some(hash.revision / 2));
    }
});
