//! From one etcd member to three, while objects are written and watched.

use anyhow::Result;

use super::books::{MORE_WRITES, Stage};
use crate::demo::show;

pub(super) async fn grow(stage: &mut Stage) -> Result<()> {
    stage.show.headline("Its etcd becomes three, data in place");
    let before = stage.clients()?.acked();
    stage.clients()?.longest_gap();
    stage.etcdha(0, "member add m2 m3 --yes").await?;
    let gap = stage.note_gap("etcd grown", MORE_WRITES).await?;
    let clients = stage.clients()?;
    stage.show.proven(format!(
        "{} objects written meanwhile, {} refused; the longest gap between two was {}",
        clients.acked() - before,
        clients.failed(),
        show::span(gap)
    ));
    Ok(())
}
