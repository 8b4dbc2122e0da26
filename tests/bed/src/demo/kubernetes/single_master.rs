//! A single master as kubeadm leaves it, with objects, and clients of its API.

use anyhow::Result;

use super::books::{ETCD, MORE_WRITES, PATIENCE, Stage};
use crate::kubernetes::{self, Api, ApiClients, Kubectl};

pub(super) async fn single_master(stage: &mut Stage) -> Result<()> {
    stage.show.headline("One master, as kubeadm leaves it");
    stage.introduce_hosts();
    stage.show.say(format!(
        "Each has containerd and the kubelet {}; m1 is a kubeadm master with one etcd ({}).",
        stage.books.version, stage.books.etcd
    ));
    let [m1, m2, m3] = stage.hosts();
    kubernetes::single_master(m1, &[m2, m3], ETCD)?;
    stage.wait_ready("m1").await?;
    let m1 = stage.host("m1");
    kubernetes::furnish(m1)?;
    let found = kubernetes::is_furnished(&Kubectl::admin(m1)?)?;
    stage.kubectl("m1", "get boats,configmaps,secrets").await?;

    let api = Api::new(stage.host("m1"), &[stage.host("m1")]);
    stage.books.clients = Some(ApiClients::start(api.clone())?);
    stage.books.api = Some(api);
    let clients = stage.clients()?;
    clients.wait_for(MORE_WRITES, PATIENCE).await?;
    clients.longest_gap();
    stage.show.proven(format!(
        "{found} objects are there; a client writes ConfigMaps from now on, another watches them"
    ));
    Ok(())
}
