//! In which order is the demo played, and how does it end?
//!
//! Invariant: whatever ends it, the hosts are gone when it returns.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use super::options::Options;
use super::{etcd, kubernetes, show};

/// Plays the play that the options name.
///
/// # Errors
/// A scene fails, or somebody interrupts.
pub(crate) fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        let start = Instant::now();
        let played = tokio::select! {
            played = play(options, start) => played,
            _ = interrupt.recv() => bail!("interrupted; the hosts are being removed"),
            _ = terminate.recv() => bail!("told to end; the hosts are being removed"),
        };
        played.with_context(|| format!("the demo failed after {}", show::span(start.elapsed())))
    })
}

async fn play(options: &Options, start: Instant) -> Result<()> {
    match options.kubernetes {
        true => kubernetes::play(options, start).await,
        false => etcd::play(options, start).await,
    }
}
