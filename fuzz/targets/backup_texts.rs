//! The small texts about backups: keys, credentials, metrics, places. Read or refused; what reads is
//! written so that it reads again.

#![no_main]

use etcdha::model::{Readings, SnapshotPlace, render_metrics};
use etcdha::s3::S3Credentials;
use etcdha::snapshot::packing::{Compression, Identities, recipients};
use etcdha::snapshot::schedule::{Cadence, Metrics};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(found) = recipients(text) {
        let written: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(recipients(&written.join("\n")).as_ref(), Ok(&found));
    }
    let _ = Identities::parse(text);
    let _ = S3Credentials::parse(text);
    let metrics = Metrics::of(&Readings::parse(text));
    let written = render_metrics(&metrics.list());
    assert_eq!(Metrics::of(&Readings::parse(&written)), metrics);
    if let Ok(place) = SnapshotPlace::parse(text.as_ref()) {
        assert_eq!(
            SnapshotPlace::parse(place.to_string().as_ref()).as_ref(),
            Ok(&place)
        );
    }
    if let Ok(compression) = text.parse::<Compression>() {
        assert_eq!(compression.to_string().parse(), Ok(compression));
    }
    let _ = Cadence::time_of_day(text);
});
