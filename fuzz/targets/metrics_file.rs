//! What a drill of snapshots reads besides the snapshot: the metrics of the run before, and the keys that
//! somebody names. Neither may panic, and what is taken for a number is one.

#![no_main]

use etcdha::model::Readings;
use etcdha::ops::snapshot_drill::SpotKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let readings = Readings::parse(text);
    for line in text.lines() {
        if let Some(name) = line.split(' ').next() {
            assert!(readings.get(name).is_none_or(f64::is_finite));
        }
        if let Ok(key) = line.parse::<SpotKey>() {
            assert!(line.starts_with(&key.key) && !key.key.is_empty());
        }
    }
});
