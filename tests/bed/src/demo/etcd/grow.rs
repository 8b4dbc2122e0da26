//! From one member to three, data in place, while the writer writes.

use anyhow::{Result, ensure};

use super::books::{PATIENCE, Stage};
use crate::demo::show;
use crate::demo::stage::HOSTS;

/// So many writes after the change show that the cluster goes on.
const MORE_WRITES: usize = 20;

pub(super) async fn grow(stage: &mut Stage) -> Result<()> {
    stage
        .show
        .headline("One member becomes three, data in place");
    let before = stage.writer()?.acked();
    stage.writer()?.forget_gaps();
    stage.etcdha(0, "member add m2 m3 --yes").await?;
    let writer = stage.writer()?;
    writer.wait_for(MORE_WRITES, PATIENCE).await?;
    let report = writer.report();
    ensure!(
        report.failed.is_empty(),
        "{} writes were refused: {}",
        report.failed.len(),
        report.failed[0]
    );
    stage.show.proven(format!(
        "{} writes while it grew, none refused; the longest gap between two was {}",
        show::count(report.acked.len() - before),
        show::span(report.longest_gap)
    ));
    writer.set_endpoints(stage.endpoints(&HOSTS));
    stage.books.facts.growth_gap = report.longest_gap;
    Ok(())
}
