//! Metrics in a file, for the textfile collector of Prometheus' node exporter.
//!
//! The collector reads whatever ends in `.prom` at any moment, so the file is replaced whole; mode 0644, since
//! it runs as another user.
//!
//! Invariant: what a run does not know it keeps from the file that is there, so that a failed run does not
//! take away when the last one went well.

use std::path::Path;

use crate::model::{Metric, Readings, render_metrics};

use super::files::{self, FileError};

/// Longest file whose values are kept: one of ours has some two thousand bytes.
const MAX_BYTES: usize = 1 << 16;

/// Mode of the file.
const MODE: u32 = 0o644;

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
    files::write_atomic(path, render_metrics(metrics).as_bytes(), MODE)
}

#[cfg(test)]
mod tests {
    use crate::model::MetricKind;

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
}
