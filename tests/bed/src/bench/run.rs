//! In which order is the race run, and how does it end?
//!
//! Invariant: whatever ends it, the hosts are gone when it returns.

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use super::field::Field;
use super::options::Options;
use super::report::report;
use super::ways::Way;

/// Runs all rounds, the ways in turn.
///
/// # Errors
/// A join fails, a bar is missed, or somebody interrupts.
pub(crate) fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        tokio::select! {
            done = rounds(options) => done,
            _ = interrupt.recv() => bail!("interrupted; the hosts are being removed"),
            _ = terminate.recv() => bail!("told to end; the hosts are being removed"),
        }
    })
}

async fn rounds(options: &Options) -> Result<()> {
    let turns: Vec<(Way, String)> = (1..=options.rounds)
        .flat_map(|round| Way::ALL.map(|way| (way, format!("{}-{round}", way.name()))))
        .collect();
    let names: Vec<String> = turns.iter().map(|(_, name)| name.clone()).collect();
    eprintln!("making a master with {} MB of data", options.megabytes);
    let field = Field::make(options, &names).await?;
    let mut costs = Vec::new();
    for (way, name) in &turns {
        eprintln!("{name}");
        let what = || format!("{name} joins");
        field.prepare(name).with_context(what)?;
        costs.push((*way, way.run(&field, name).await.with_context(what)?));
        field.remove(name).await.with_context(what)?;
    }
    println!(
        "One master's etcd joins another's {}: {} MB of data, 80 writes a second, {} rounds",
        options.from.words(),
        options.megabytes,
        options.rounds
    );
    report(options.from, &costs)
}
