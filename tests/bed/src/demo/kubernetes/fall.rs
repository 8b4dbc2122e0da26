//! Each master in turn dies with everything on it, and comes back.

use anyhow::{Result, ensure};

use super::books::{PATIENCE, Stage};
use crate::demo::show;
use crate::demo::stage::HOSTS;
use crate::exec::Output;
use crate::wait;

/// So many objects without the master show that the API does not need it.
const WITHOUT: usize = 50;

pub(super) async fn fall(stage: &mut Stage) -> Result<()> {
    stage
        .show
        .headline("Each master in turn loses its power, and gets it back");
    stage
        .show
        .say("kill -9 of every process: apiserver, etcd, controllers, kubelet, containerd.");
    for victim in HOSTS {
        stage.clients()?.longest_gap();
        stage.host(victim).kill_all();
        let gap = stage.note_gap(&format!("{victim} killed"), WITHOUT).await?;
        stage.show.proven(format!(
            "{WITHOUT} objects written without {victim}, after a gap of {}",
            show::span(gap)
        ));
        stage.host(victim).start()?;
        stage.wait_ready(victim).await?;
        settled(stage).await?;
    }
    stage.etcdha(0, "status").await
}

/// Waits until `etcdha status` finds nothing wrong.
async fn settled(stage: &Stage) -> Result<()> {
    wait::until_async("a healthy cluster", PATIENCE, async || {
        let Output { status, stderr, .. } = stage.ask_etcdha("status").await?;
        ensure!(status.success(), "{stderr}");
        Ok(())
    })
    .await
}
