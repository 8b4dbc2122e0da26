//! Does every look at a snapshot end, whatever is in the file, and do they agree where it is sound?

#![no_main]

use etcdha::datadir::bolt::Image;
use etcdha::snapshot::inspect::{InspectOptions, inspect};
use etcdha::snapshot::verify::{VerifyOptions, verify};
use etcdha::snapshot::{hash_kv, status};
use libfuzzer_sys::fuzz_target;

const OPTIONS: VerifyOptions = VerifyOptions {
    skip_hash_check: true,
};

fuzz_target!(|bytes: &[u8]| {
    let verified = verify(&bytes, OPTIONS).expect("memory can be read");
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
        assert_eq!(
            verified.contents.and_then(|found| found.hash_kv),
            Some(hash)
        );
        assert_eq!(status.current_revision, hash.current_revision);
        let inspected = inspected.expect("a sound file can be inspected");
        assert_eq!(inspected.live_keys, hash.live_keys);
        // A revision in between is there or compacted, never anything else.
        let _ = hash_kv(&image, Some(hash.revision / 2));
    }
});
