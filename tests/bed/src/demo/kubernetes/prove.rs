//! What was proven, in numbers.

use std::time::Instant;

use anyhow::{Context, Result};

use super::books::{PATIENCE, Stage};
use crate::demo::show;
use crate::kubernetes::{Kubectl, is_furnished};

pub(super) async fn prove(stage: &mut Stage, start: Instant) -> Result<()> {
    stage.show.headline("Proven");
    let clients = stage.books.clients.take();
    let clients = clients.context("the clients were not started")?;
    let proof = clients.prove(&stage.hosts(), PATIENCE).await?;
    let mut found = 0;
    for host in stage.hosts() {
        found = is_furnished(&Kubectl::admin(host)?)?;
    }
    let row = |what: &str, result: String| [what.to_owned(), result];
    let acked = show::count(proof.acked);
    let mut rows = vec![
        row("writes acknowledged", acked.clone()),
        row("of these on m1, m2 and m3", acked.clone()),
        row("of these told by the watch", acked),
        row("times the watch went on", show::count(proof.watches - 1)),
        row("objects from before, on each", show::count(found)),
    ];
    for (what, gap) in &stage.books.gaps {
        rows.push(row(&format!("longest write gap, {what}"), show::span(*gap)));
    }
    rows.push(row("writes that failed", show::count(proof.failed)));
    rows.push(row("time", show::span(start.elapsed())));
    stage.show.table(["WHAT", "RESULT"], &rows);
    Ok(())
}
