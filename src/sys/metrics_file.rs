//! Metrics in a file, for the textfile collector of Prometheus' node exporter.
//!
//! Format: Prometheus' text exposition format, one sample a line. The collector reads whatever ends in
//! `.prom` at any moment, so the file is replaced whole; mode 0644, since it runs as another user.
//!
//! Invariant: what a run does not know it keeps from the file that is there, so that a failed run does not
//! take away when the last one went well.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::files::{self, FileError};

/// Longest file whose values are kept: one of ours has some two thousand bytes.
const MAX_BYTES: usize = 1 << 16;

/// Mode of the file.
const MODE: u32 = 0o644;

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It goes up and down.
    Gauge,
    /// It only grows.
    Counter,
}

/// A number that is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its name, with its unit at the end.
    pub name: &'static str,
    /// What it says, in one line.
    pub help: &'static str,
    /// What the number means.
    pub kind: MetricKind,
    /// The number; none is left out.
    pub value: Option<f64>,
}

/// The numbers of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings(BTreeMap<String, f64>);

impl Readings {
    /// Reads the samples without labels; what is none is passed over.
    pub fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let samples = samples.filter_map(|line| {
            let (name, value) = line.trim().split_once(' ')?;
            let value: f64 = value.trim().parse().ok()?;
            value.is_finite().then(|| (name.to_owned(), value))
        });
        Self(samples.collect())
    }

    /// A number of the file.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }
}

/// The numbers that a file has now; none where there is no such file, or it is none of ours.
///
/// # Errors
/// Where it can't be read.
pub fn read(path: &Path) -> Result<Readings, FileError> {
    let bytes = files::read_optional(path)?.unwrap_or_default();
    Ok(match bytes.len() <= MAX_BYTES {
        true => Readings::parse(&String::from_utf8_lossy(&bytes)),
        false => Readings::default(),
    })
}

/// Replaces the file.
///
/// # Errors
/// Where it can't be written.
pub fn write(path: &Path, metrics: &[Metric]) -> Result<(), FileError> {
    files::write_atomic(path, render(metrics).as_bytes(), MODE)
}

fn render(metrics: &[Metric]) -> String {
    let mut text = String::new();
    for metric in metrics {
        let Some(value) = metric.value else { continue };
        let kind = match metric.kind {
            MetricKind::Gauge => "gauge",
            MetricKind::Counter => "counter",
        };
        let Metric { name, help, .. } = metric;
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const METRIC: Metric = Metric {
        name: "etcdha_size_bytes",
        help: "Bytes.",
        kind: MetricKind::Gauge,
        value: Some(1_234_567_890_123.0),
    };

    #[test]
    fn what_is_written_is_the_format_and_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("etcdha.prom");
        assert_eq!(read(&path).unwrap(), Readings::default());
        let unknown = Metric {
            name: "etcdha_unknown",
            value: None,
            ..METRIC
        };
        write(&path, &[METRIC, unknown]).unwrap();
        insta::assert_snapshot!(std::fs::read_to_string(&path).unwrap(), @r"
        # HELP etcdha_size_bytes Bytes.
        # TYPE etcdha_size_bytes gauge
        etcdha_size_bytes 1234567890123
        ");
        assert_eq!(read(&path).unwrap().get(METRIC.name), METRIC.value);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = Readings::parse(&text);
        }
    }
}
