//! Two more masters, by kubeadm, which finds what etcdha has made.

use anyhow::{Context, Result};

use super::books::{ETCD, MORE_WRITES, Stage};
use crate::demo::stage::HOSTS;
use crate::kubernetes;

pub(super) async fn masters(stage: &mut Stage) -> Result<()> {
    stage.show.headline("Two more masters");
    stage.show.say(
        "On m2 and m3 kubeadm writes the static pods of a master (init phase control-plane all):",
    );
    stage
        .show
        .say("apiserver, controller-manager and scheduler, beside the etcd that etcdha has made.");
    for name in &HOSTS[1..] {
        kubernetes::add_master(stage.host(name), ETCD)?;
    }
    for name in &HOSTS[1..] {
        stage.wait_ready(name).await?;
    }
    let api = stage.books.api.as_ref();
    api.context("no apiserver was asked yet")?
        .use_hosts(&stage.hosts());
    stage.note_gap("masters added", MORE_WRITES).await?;
    stage.kubectl("m3", "get boats").await?;
    stage.etcdha(0, "apiserver status").await?;
    stage
        .show
        .proven("three masters; but each apiserver falls with the one etcd that it asks");
    Ok(())
}
