//! The master that all began with is switched off for good.

use anyhow::Result;

use super::books::Stage;

pub(super) async fn last(stage: &mut Stage) -> Result<()> {
    stage.show.headline("Without m1");
    stage
        .show
        .say("m1, the master that all began with, is switched off for good. Through m2:");
    stage.host("m1").kill_all();
    stage.wait_ready("m2").await?;
    stage
        .kubectl("m2", "get boats,configmaps,secrets --selector !by")
        .await
}
