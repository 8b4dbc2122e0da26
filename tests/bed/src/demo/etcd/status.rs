//! The grown cluster as etcdha sees it.

use anyhow::Result;

use super::books::Stage;

pub(super) async fn status(stage: &mut Stage) -> Result<()> {
    stage.show.headline("The cluster now");
    stage.etcdha(0, "status").await?;
    stage.etcdha(0, "certs check").await?;
    stage.etcdha(0, "member add m2 m3 --yes").await?;
    stage
        .show
        .proven("healthy; the same command again finds nothing to do");
    Ok(())
}
