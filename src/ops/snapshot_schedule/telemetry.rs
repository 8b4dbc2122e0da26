//! The metrics of the runs so far: kept in a file for node_exporter, served over HTTP, or both.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::render_metrics;
use crate::snapshot::schedule::Metrics;
use crate::sys::files::FileError;
use crate::sys::{http_serve, metrics_file};

/// Where metrics go.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    metrics: Arc<Mutex<Metrics>>,
    file: Option<PathBuf>,
}

/// Why metrics can't be told.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The address.
    #[error("listen on {address} for metrics")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
}

impl Telemetry {
    /// Goes on from what the file says, where there is one. A file of something else is replaced: counts
    /// may begin anew (Prometheus expects that of counters).
    ///
    /// # Errors
    /// The file can't be read.
    pub fn begin(file: Option<PathBuf>) -> Result<Self, TelemetryError> {
        let found = file.as_deref().map(metrics_file::read).transpose()?;
        let metrics = found.as_ref().map(Metrics::of).unwrap_or_default();
        Ok(Self {
            metrics: Arc::new(Mutex::new(metrics)),
            file,
        })
    }

    /// The metrics now.
    pub fn now(&self) -> Metrics {
        *self.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells new ones.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn tell(&self, metrics: Metrics) -> Result<(), TelemetryError> {
        *self.metrics.lock().unwrap_or_else(PoisonError::into_inner) = metrics;
        if let Some(path) = &self.file {
            metrics_file::write(path, &metrics.list())?;
        }
        Ok(())
    }

    /// Serves `/metrics` and `/healthz` until the run ends.
    ///
    /// # Errors
    /// The address can't be listened on.
    pub async fn serve(&self, address: SocketAddr) -> Result<(), TelemetryError> {
        let listener = http_serve::listen(address).await;
        let listener = listener.map_err(|source| TelemetryError::Listen { address, source })?;
        let telemetry = self.clone();
        let texts = move |path: &str| match path {
            "/metrics" => Some(render_metrics(&telemetry.now().list())),
            "/healthz" => Some("ok\n".to_owned()),
            _ => None,
        };
        tokio::spawn(http_serve::serve(listener, Arc::new(texts)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::files;

    #[test]
    fn counts_go_on_from_run_to_run_and_a_foreign_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("etcdha.prom");
        files::write_atomic(&path, b"node_load1 0.3\n", 0o644).unwrap();
        for run in 1..=3 {
            let telemetry = Telemetry::begin(Some(path.clone())).unwrap();
            let mut metrics = telemetry.now();
            metrics.runs += 1.0;
            telemetry.tell(metrics).unwrap();
            assert_eq!(telemetry.now().runs, f64::from(run));
        }
        assert_eq!(files::list(dir.path()).unwrap(), ["etcdha.prom"]);
    }
}
