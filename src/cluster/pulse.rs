//! How long the cluster could not commit: reads through consensus, over and over, while something
//! else changes the cluster.
//!
//! A linearizable read needs the leader and a quorum exactly as a write does, and leaves no trace
//! in the operator's data.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::access::ClusterAccess;
use super::connection::Connection;

/// Time between two reads. Pauses shorter than this are not seen.
const INTERVAL: Duration = Duration::from_millis(20);

/// Longest wait for one read before another endpoint is tried.
const PATIENCE: Duration = Duration::from_secs(1);

/// A running measurement.
pub struct Pulse {
    stop: watch::Sender<bool>,
    task: JoinHandle<PulseReport>,
}

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PulseReport {
    /// Longest time between two successful reads.
    pub longest_gap: Duration,
    /// Successful reads.
    pub reads: u64,
}

impl Pulse {
    /// Starts to read from the endpoints of `access`, staying with one that answers.
    pub fn start(access: ClusterAccess) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(beat(access, stopped));
        Self { stop, task }
    }

    /// Ends the measurement.
    pub async fn finish(self) -> PulseReport {
        let _ = self.stop.send(true);
        self.task.await.unwrap_or_default()
    }
}

async fn beat(access: ClusterAccess, stopped: watch::Receiver<bool>) -> PulseReport {
    let mut report = PulseReport::default();
    let mut connection = None;
    let mut last = Instant::now();
    let mut next_endpoint = 0;
    while !*stopped.borrow() {
        if connection.is_none() && !access.endpoints.is_empty() {
            let endpoint = &access.endpoints[next_endpoint % access.endpoints.len()];
            next_endpoint += 1;
            connection = Connection::open(endpoint, &access).await.ok();
        }
        if let Some(open) = &connection {
            match tokio::time::timeout(PATIENCE, open.linearizable_read()).await {
                Ok(Ok(_)) => {
                    report.longest_gap = report.longest_gap.max(last.elapsed());
                    report.reads += 1;
                    last = Instant::now();
                }
                _ => connection = None,
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
    report.longest_gap = report
        .longest_gap
        .max(last.elapsed().saturating_sub(INTERVAL));
    report
}
