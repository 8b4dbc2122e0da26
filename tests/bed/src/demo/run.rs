//! In which order is the demo played, and how does it end?
//!
//! Invariant: whatever ends it, the hosts are gone when it returns.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use super::options::Options;
use super::{Stage, scenes, show};

/// Plays all scenes.
///
/// # Errors
/// A scene fails, or somebody interrupts.
pub(crate) fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        let start = Instant::now();
        let mut stage = Stage::new(options)?;
        let played = tokio::select! {
            played = play(&mut stage, start) => played,
            _ = interrupt.recv() => bail!("interrupted; the hosts are being removed"),
            _ = terminate.recv() => bail!("told to end; the hosts are being removed"),
        };
        played.with_context(|| format!("the demo failed after {}", show::span(start.elapsed())))
    })
}

async fn play(stage: &mut Stage, start: Instant) -> Result<()> {
    scenes::single_member(stage).await?;
    scenes::cluster_file(stage).await?;
    scenes::plan(stage).await?;
    scenes::grow(stage).await?;
    scenes::prove(stage).await?;
    scenes::status(stage).await?;
    scenes::failure(stage).await?;
    scenes::summary(stage, start).await
}
