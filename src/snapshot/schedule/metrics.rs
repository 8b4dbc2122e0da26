//! What monitoring is told: ten numbers in Prometheus's text format 0.0.4, which its server, and
//! node_exporter's collector of text files, read.
//!
//! Ten lines need no library: prometheus-client keeps a registry of what is counted while it happens;
//! here all is known at the end of a run. The file is read back, so that counts go on from run to run.

use std::fmt::Write as _;

/// What every name begins with.
const PREFIX: &str = "etcdha_snapshot_";

/// Longest text that is read back.
const MAX_BYTES: usize = 64 << 10;

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

/// No metrics of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    /// A line is none.
    #[error("line {0}: no number of a snapshot's metrics")]
    Line(usize),
    /// Too long.
    #[error("more than {MAX_BYTES} bytes")]
    TooLong,
}

/// A metric: name without the prefix, type, and what it tells.
struct Kind(&'static str, &'static str, &'static str);

const KINDS: [Kind; 10] = [
    Kind(
        "last_success_timestamp_seconds",
        "gauge",
        "End of the last run that saved a snapshot.",
    ),
    Kind(
        "last_attempt_timestamp_seconds",
        "gauge",
        "Begin of the last run.",
    ),
    Kind(
        "last_duration_seconds",
        "gauge",
        "Duration of the last run.",
    ),
    Kind(
        "last_size_bytes",
        "gauge",
        "Size of the last snapshot, plain.",
    ),
    Kind(
        "last_stored_bytes",
        "gauge",
        "Size of the last snapshot, as stored.",
    ),
    Kind("last_revision", "gauge", "Revision of the last snapshot."),
    Kind(
        "last_proven",
        "gauge",
        "1 where members had the last snapshot's HashKV.",
    ),
    Kind(
        "last_run_succeeded",
        "gauge",
        "1 where the last run did all it should.",
    ),
    Kind("runs_total", "counter", "Runs."),
    Kind("failures_total", "counter", "Runs that failed."),
];

impl Metrics {
    fn values(&self) -> [Option<f64>; 10] {
        [
            self.last_success,
            self.last_attempt,
            self.last_duration,
            self.size_bytes,
            self.stored_bytes,
            self.revision,
            self.proven,
            self.last_succeeded,
            Some(self.runs),
            Some(self.failures),
        ]
    }

    fn slot(&mut self, place: usize) -> Option<&mut Option<f64>> {
        Some(match place {
            0 => &mut self.last_success,
            1 => &mut self.last_attempt,
            2 => &mut self.last_duration,
            3 => &mut self.size_bytes,
            4 => &mut self.stored_bytes,
            5 => &mut self.revision,
            6 => &mut self.proven,
            7 => &mut self.last_succeeded,
            _ => return None,
        })
    }

    /// The text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        for (Kind(name, kind, help), value) in KINDS.iter().zip(self.values()) {
            let Some(value) = value else { continue };
            // Writing to a string does not fail.
            let _ = write!(
                text,
                "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}\n{PREFIX}{name} {value}\n"
            );
        }
        text
    }

    /// Reads a text that [`Metrics::encode`] has written.
    ///
    /// # Errors
    /// [`MetricsError`].
    pub fn parse(text: &str) -> Result<Self, MetricsError> {
        if text.len() > MAX_BYTES {
            return Err(MetricsError::TooLong);
        }
        let mut metrics = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || MetricsError::Line(number + 1);
            let (name, value) = line.split_once(' ').ok_or_else(wrong)?;
            let name = name.strip_prefix(PREFIX).ok_or_else(wrong)?;
            let value: f64 = value.trim().parse().map_err(|_| wrong())?;
            if !value.is_finite() {
                return Err(wrong());
            }
            match KINDS
                .iter()
                .position(|kind| kind.0 == name)
                .ok_or_else(wrong)?
            {
                8 => metrics.runs = value,
                9 => metrics.failures = value,
                place => {
                    if let Some(slot) = metrics.slot(place) {
                        *slot = Some(value);
                    }
                }
            }
        }
        Ok(metrics)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_known_is_not_told() {
        let metrics = Metrics {
            runs: 2.0,
            failures: 1.0,
            revision: Some(1_081_004.0),
            ..Metrics::default()
        };
        insta::assert_snapshot!(metrics.encode(), @r"
        # HELP etcdha_snapshot_last_revision Revision of the last snapshot.
        # TYPE etcdha_snapshot_last_revision gauge
        etcdha_snapshot_last_revision 1081004
        # HELP etcdha_snapshot_runs_total Runs.
        # TYPE etcdha_snapshot_runs_total counter
        etcdha_snapshot_runs_total 2
        # HELP etcdha_snapshot_failures_total Runs that failed.
        # TYPE etcdha_snapshot_failures_total counter
        etcdha_snapshot_failures_total 1
        ");
    }

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
            prop_assert_eq!(Metrics::parse(&metrics.encode()).unwrap(), metrics);
        }

        #[test]
        fn no_text_panics(text in "(etcdha_snapshot_[a-z_]{0,20} [0-9.eE+-]{0,9}|\\PC{0,60})") {
            let _ = Metrics::parse(&text);
        }
    }
}
