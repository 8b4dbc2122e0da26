//! A single member as kubeadm leaves it, with data, and a client that writes on and on.

use anyhow::Result;

use super::books::{PATIENCE, Stage};
use crate::debs::Binaries;
use crate::demo::show;
use crate::etcd::{load, wait_healthy};
use crate::kubelet::KubeletConfig;
use crate::manifest;
use crate::pki::KubeadmPki;
use crate::writer::{Writer, WriterConfig};

/// How many keys the cluster holds before it grows.
const KEYS: usize = 10_000;
/// Their values' size.
const VALUE_BYTES: usize = 100;

pub(super) async fn single_member(stage: &mut Stage) -> Result<()> {
    stage.show.headline("One etcd member, as kubeadm leaves it");
    let etcd = Binaries::find().etcd(stage.books.release)?;
    for host in stage.bed.hosts() {
        host.start_kubelet(KubeletConfig::new().program("etcd", &etcd))?;
    }
    stage.introduce_hosts();

    let m1 = stage.host("m1");
    let pki = KubeadmPki::on(m1)?;
    m1.write_manifest("etcd.yaml", &static_pod(stage))?;
    let endpoint = stage.endpoints(&["m1"]).remove(0);
    let tls = pki.client();
    wait_healthy(&endpoint, Some(&tls), PATIENCE).await?;
    stage
        .show
        .say("m1 has kubeadm's certificates (an RSA 2048 CA, openssl) and kubeadm's static pod:");
    stage.show.say(format!(
        "etcd {} from Debian, TLS and client certificates everywhere. m2 and m3 are empty.",
        stage.books.version
    ));

    stage.books.acknowledged =
        load(&endpoint, Some(&tls), "/registry/demo/", KEYS, VALUE_BYTES).await?;
    let config = WriterConfig::new(vec![endpoint], Some(tls.clone()));
    stage.show.proven(format!(
        "{} keys are written, and a client writes {} more a second from now on",
        show::count(stage.books.acknowledged.len()),
        config.rate
    ));
    stage.books.writer = Some(Writer::start(config).await?);
    stage.books.tls = Some(tls);
    Ok(())
}

/// kubeadm's static pod, its image being the release that really runs.
fn static_pod(stage: &Stage) -> String {
    let pod = manifest::kubeadm_etcd(stage.host("m1"), stage.books.release);
    let image = |line: &str| match line.split_once("/etcd:") {
        Some((before, _)) => format!("{before}/etcd:{}-0\n", stage.books.version),
        None => format!("{line}\n"),
    };
    pod.lines().map(image).collect()
}
