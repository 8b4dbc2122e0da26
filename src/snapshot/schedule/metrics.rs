//! What monitoring is told of the runs: ten numbers.

use crate::model::{Metric, MetricKind, Readings};

/// The runs so far. Times in seconds since 1970; nothing is told before it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Metrics {
    /// When the last run ended that saved a snapshot.
    pub last_success: Option<f64>,
    /// When the last run began.
    pub last_attempt: Option<f64>,
    /// How long the last run took, in seconds.
    pub last_duration: Option<f64>,
    /// Bytes of the last snapshot, plain.
    pub size_bytes: Option<f64>,
    /// Bytes of the last snapshot, as stored.
    pub stored_bytes: Option<f64>,
    /// Its revision.
    pub revision: Option<f64>,
    /// 1 where members had its HashKV, else 0.
    pub proven: Option<f64>,
    /// 1 where the last run did all it should, else 0.
    pub last_succeeded: Option<f64>,
    /// Runs.
    pub runs: f64,
    /// Runs that failed.
    pub failures: f64,
}

/// A metric: its name, its kind, and what it tells.
struct Known(&'static str, MetricKind, &'static str);

const LAST_SUCCESS: Known = Known(
    "etcdha_snapshot_last_success_timestamp_seconds",
    MetricKind::Gauge,
    "End of the last run that saved a snapshot.",
);
const LAST_ATTEMPT: Known = Known(
    "etcdha_snapshot_last_attempt_timestamp_seconds",
    MetricKind::Gauge,
    "Begin of the last run.",
);
const LAST_DURATION: Known = Known(
    "etcdha_snapshot_last_duration_seconds",
    MetricKind::Gauge,
    "Duration of the last run.",
);
const SIZE: Known = Known(
    "etcdha_snapshot_last_size_bytes",
    MetricKind::Gauge,
    "Size of the last snapshot, plain.",
);
const STORED: Known = Known(
    "etcdha_snapshot_last_stored_bytes",
    MetricKind::Gauge,
    "Size of the last snapshot, as stored.",
);
const REVISION: Known = Known(
    "etcdha_snapshot_last_revision",
    MetricKind::Gauge,
    "Revision of the last snapshot.",
);
const PROVEN: Known = Known(
    "etcdha_snapshot_last_proven",
    MetricKind::Gauge,
    "1 where members had the last snapshot's HashKV.",
);
const SUCCEEDED: Known = Known(
    "etcdha_snapshot_last_run_succeeded",
    MetricKind::Gauge,
    "1 where the last run did all it should.",
);
const RUNS: Known = Known("etcdha_snapshot_runs_total", MetricKind::Counter, "Runs.");
const FAILURES: Known = Known(
    "etcdha_snapshot_failures_total",
    MetricKind::Counter,
    "Runs that failed.",
);

impl Metrics {
    /// The numbers, for those who write them.
    pub fn list(&self) -> Vec<Metric> {
        let values = [
            (LAST_SUCCESS, self.last_success),
            (LAST_ATTEMPT, self.last_attempt),
            (LAST_DURATION, self.last_duration),
            (SIZE, self.size_bytes),
            (STORED, self.stored_bytes),
            (REVISION, self.revision),
            (PROVEN, self.proven),
            (SUCCEEDED, self.last_succeeded),
            (RUNS, Some(self.runs)),
            (FAILURES, Some(self.failures)),
        ];
        let metric = |(Known(name, kind, help), value)| Metric {
            name,
            help,
            kind,
            value,
        };
        values.into_iter().map(metric).collect()
    }

    /// What readings say of these; counts begin with 0.
    pub fn of(readings: &Readings) -> Self {
        let get = |known: Known| readings.get(known.0);
        Self {
            last_success: get(LAST_SUCCESS),
            last_attempt: get(LAST_ATTEMPT),
            last_duration: get(LAST_DURATION),
            size_bytes: get(SIZE),
            stored_bytes: get(STORED),
            revision: get(REVISION),
            proven: get(PROVEN),
            last_succeeded: get(SUCCEEDED),
            runs: get(RUNS).unwrap_or_default(),
            failures: get(FAILURES).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::render_metrics;

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            known in proptest::option::of(0.0f64..4e18),
            seconds in 0.0f64..4e9,
            runs in 0u32..,
        ) {
            let metrics = Metrics {
                last_success: known,
                last_duration: Some(seconds),
                size_bytes: known,
                revision: known,
                proven: Some(1.0),
                runs: runs.into(),
                failures: seconds.floor(),
                ..Metrics::default()
            };
            let readings = Readings::parse(&render_metrics(&metrics.list()));
            prop_assert_eq!(Metrics::of(&readings), metrics);
        }
    }
}
