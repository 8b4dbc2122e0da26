//! A member dies without warning, the cluster writes on, and the member comes back.

use anyhow::Result;

use super::books::{PATIENCE, Stage};
use crate::demo::show;
use crate::demo::stage::HOSTS;
use crate::etcd::wait_healthy;

/// So many writes without the member show that the cluster does not need it.
const MORE_WRITES: usize = 100;
/// The member that dies: the one that all began with, and on which the writer writes.
const VICTIM: &str = "m1";
const SURVIVORS: [&str; 2] = ["m2", "m3"];

pub(super) async fn failure(stage: &mut Stage) -> Result<()> {
    stage.show.headline("A host dies");
    stage.writer()?.forget_gaps();
    stage.show.say(format!(
        "{VICTIM}, the member that the client writes to, loses its power: kill -9 of every process."
    ));
    stage.host(VICTIM).kill_all();
    stage.writer()?.wait_for(MORE_WRITES, PATIENCE).await?;
    stage.books.facts.failure_gap = stage.writer()?.report().longest_gap;
    stage.show.proven(format!(
        "the client moved on: {MORE_WRITES} more writes without {VICTIM}, after a gap of {}",
        show::span(stage.books.facts.failure_gap)
    ));
    let proof = stage.prove(&SURVIVORS).await?;
    stage.show.proven(format!(
        "all {} acknowledged writes are on {}; HashKV {} on both",
        show::count(proof.keys),
        SURVIVORS.join(" and "),
        proof.hash
    ));
    stage.etcdha(5, "status --timeout 1s").await?;
    stage
        .show
        .proven("exit status 5: a monitor would have noticed");

    stage.show.say(format!("{VICTIM} gets its power back."));
    stage.host(VICTIM).start()?;
    let endpoint = stage.endpoints(&[VICTIM]).remove(0);
    wait_healthy(&endpoint, stage.books.tls.as_ref(), PATIENCE).await?;
    let proof = stage.prove(&HOSTS).await?;
    stage.show.proven(format!(
        "{VICTIM} has caught up: all {} acknowledged writes on all three, HashKV {}",
        show::count(proof.keys),
        proof.hash
    ));
    stage.etcdha(0, "status").await
}
