//! What a drill tells Prometheus.

use std::path::Path;

use jiff::Timestamp;

use crate::model::{Metric, MetricKind, Readings};
use crate::sys::files::FileError;
use crate::sys::metrics_file;

use super::plan::DrillPlan;
use super::run::Drilled;

/// How a drill ended.
#[derive(Clone, Copy, Debug)]
pub enum Ended<'a> {
    /// The backup works.
    Proven(&'a DrillPlan, &'a Drilled),
    /// It does not, or that could not be found out.
    Failed,
}

/// The metrics after a drill. What a failed one does not know stays as it was.
pub fn metrics(before: &Readings, ended: Ended<'_>, now: Timestamp) -> Vec<Metric> {
    let seconds = |time: Timestamp| -> f64 {
        let millis = time.as_millisecond();
        #[expect(clippy::cast_precision_loss, reason = "milliseconds have 42 bits")]
        let millis = millis as f64;
        millis / 1000.0
    };
    #[expect(clippy::cast_precision_loss, reason = "exact up to 9 petabytes")]
    let number = |number: u64| number as f64;
    let (proven, failed) = match ended {
        Ended::Proven(plan, drilled) => (Some((plan, drilled)), 0.0),
        Ended::Failed => (None, 1.0),
    };
    let gauge = |name, help, value: Option<f64>| Metric {
        name,
        help,
        kind: MetricKind::Gauge,
        value: value.or_else(|| before.get(name)),
    };
    let taken = proven.map(|(plan, _)| seconds(plan.stored.taken_at));
    let recovery = proven.map(|(_, drilled)| drilled.timings.recovery().as_secs_f64());
    let size = proven.map(|(plan, _)| number(plan.survey.image_bytes));
    let revision = proven.map(|(_, drilled)| number(drilled.hash_kv.revision.unsigned_abs()));
    let keys = proven.map(|(_, drilled)| number(drilled.hash_kv.live_keys.unwrap_or_default()));
    const FAILURES: &str = "etcdha_snapshot_drill_failures_total";
    vec![
        gauge(
            "etcdha_snapshot_drill_last_success_timestamp_seconds",
            "When a drill last proved that the backup works.",
            proven.map(|_| seconds(now)),
        ),
        gauge(
            "etcdha_snapshot_drill_last_run_timestamp_seconds",
            "When the last drill ended.",
            Some(seconds(now)),
        ),
        gauge(
            "etcdha_snapshot_drill_success",
            "1 where the last drill proved that the backup works.",
            Some(1.0 - failed),
        ),
        gauge(
            "etcdha_snapshot_drill_snapshot_timestamp_seconds",
            "When the snapshot was taken that a drill last proved.",
            taken,
        ),
        gauge(
            "etcdha_snapshot_drill_recovery_seconds",
            "Time from the file to an etcd that answered, in the last drill that went well.",
            recovery,
        ),
        gauge(
            "etcdha_snapshot_drill_size_bytes",
            "Bytes of the database in the snapshot that a drill last proved.",
            size,
        ),
        gauge(
            "etcdha_snapshot_drill_revision",
            "Revision of the snapshot that a drill last proved.",
            revision,
        ),
        gauge(
            "etcdha_snapshot_drill_keys",
            "Keys in the snapshot that a drill last proved.",
            keys,
        ),
        Metric {
            name: FAILURES,
            help: "Drills that did not prove that the backup works.",
            kind: MetricKind::Counter,
            value: Some(before.get(FAILURES).unwrap_or(0.0) + failed),
        },
    ]
}

/// Replaces the file with what is true after this drill.
///
/// # Errors
/// It can't be read or written.
pub fn write_metrics(path: &Path, ended: Ended<'_>, now: Timestamp) -> Result<(), FileError> {
    let before = metrics_file::read(path)?;
    metrics_file::write(path, &metrics(&before, ended, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_counts_and_keeps_what_was_known() {
        let before = "etcdha_snapshot_drill_last_success_timestamp_seconds 1700000000\n\
                      etcdha_snapshot_drill_failures_total 2\n";
        let now: Timestamp = "2026-02-03T04:05:06Z".parse().unwrap();
        let after = metrics(&Readings::parse(before), Ended::Failed, now);
        let value = |name: &str| {
            let name = format!("etcdha_snapshot_drill_{name}");
            after.iter().find(|it| it.name == name).unwrap().value
        };
        assert_eq!(value("last_success_timestamp_seconds"), Some(1.7e9));
        assert_eq!(value("last_run_timestamp_seconds"), Some(1_770_091_506.0));
        assert_eq!(value("failures_total"), Some(3.0));
        assert_eq!(value("success"), Some(0.0));
        assert_eq!(value("size_bytes"), None);
    }
}
