//! Numbers for monitoring in Prometheus' text exposition format 0.0.4, which its server and the node exporter's
//! collector of text files read: one sample a line.
//!
//! Ten lines need no library: those keep a registry of what is counted while it happens, and here all is
//! known at the end of a run. Texts are read back, so that counts go on from run to run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

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

/// The text.
pub fn render(metrics: &[Metric]) -> String {
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

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in -4e18f64..4e18) {
            let metric = Metric {
                name: "etcdha_size_bytes",
                help: "Bytes.",
                kind: MetricKind::Gauge,
                value: Some(value),
            };
            let unknown = Metric { name: "etcdha_unknown", value: None, ..metric };
            let readings = Readings::parse(&render(&[metric, unknown]));
            prop_assert_eq!(readings.get(metric.name), metric.value);
            prop_assert_eq!(readings.get(unknown.name), None);
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = Readings::parse(&text);
        }
    }
}
