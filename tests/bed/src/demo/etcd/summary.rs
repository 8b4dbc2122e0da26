//! What was proven, in numbers.

use std::time::Instant;

use anyhow::Result;

use super::books::Stage;
use crate::demo::show;
use crate::demo::stage::HOSTS;

pub(super) async fn summary(stage: &mut Stage, start: Instant) -> Result<()> {
    stage.show.headline("Proven");
    let failed = stage.stop_writer()?;
    let proof = stage.prove(&HOSTS).await?;
    let facts = &stage.books.facts;
    let acknowledged = stage.books.acknowledged.len();
    let row = |what: &str, result: String| [what.to_owned(), result];
    let hash = format!("{} at revision {}", proof.hash, show::count(proof.revision));
    stage.show.table(
        ["WHAT", "RESULT"],
        &[
            row("writes acknowledged", show::count(acknowledged)),
            row("of these on m1, m2 and m3", show::count(proof.keys)),
            row("HashKV of m1, m2 and m3", hash),
            row("proofs, this one included", facts.proofs.to_string()),
            row("keys and values they compared", show::count(facts.compared)),
            row("longest write gap, growing", show::span(facts.growth_gap)),
            row(
                "longest write gap, m1 killed",
                show::span(facts.failure_gap),
            ),
            row("writes that failed, m1 killed", failed.to_string()),
            row("time", show::span(start.elapsed())),
        ],
    );
    Ok(())
}
