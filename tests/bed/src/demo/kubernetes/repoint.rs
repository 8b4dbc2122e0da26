//! Every apiserver is pointed at every member, one at a time.

use anyhow::Result;

use super::books::{MORE_WRITES, Stage};
use crate::demo::show;

pub(super) async fn repoint(stage: &mut Stage) -> Result<()> {
    stage
        .show
        .headline("Every apiserver asks every member, one at a time");
    stage.clients()?.longest_gap();
    stage.etcdha(0, "apiserver repoint --yes").await?;
    let gap = stage.note_gap("apiservers repointed", MORE_WRITES).await?;
    stage.etcdha(0, "apiserver status").await?;
    stage.show.proven(format!(
        "the longest gap between two writes was {}",
        show::span(gap)
    ));
    Ok(())
}
