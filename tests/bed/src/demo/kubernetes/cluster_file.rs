//! The cluster file: read from the master, and the two other hosts added by hand.

use anyhow::Result;

use super::books::Stage;
use crate::demo::cluster_file::{add_members, show_file};

pub(super) async fn cluster_file(stage: &mut Stage) -> Result<()> {
    stage
        .show
        .headline("The cluster file, read from that master");
    let init = "init --from-host --root hosts/m1 --name prod";
    stage.etcdha(0, init).await?;
    add_members(stage)?;
    show_file(stage).await?;
    stage.etcdha(0, "config check").await?;
    stage.show.proven("etcdha knows the cluster");
    Ok(())
}
