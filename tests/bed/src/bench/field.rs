//! On what is the race run? A kubeadm master whose etcd holds data and is written to, and a fresh host
//! for every join.
//!
//! A standalone kubelet shows no mirror pods, and kubeadm waits 30 s for the one of the etcd that runs
//! before it takes the address from elsewhere: the apiserver is given that pod's object, so that kubeadm
//! finds it at once, as on a master that has joined its own cluster.
//!
//! Invariant: before each join m1 is the only member, and the new host has certificates, a kubelet and
//! nothing to run.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::options::{Options, Source};
use crate::bed::{Bed, BedConfig};
use crate::debs::EtcdRelease;
use crate::etcd::{ClientTls, connect, load, load_singly};
use crate::host::{Host, HostConfig};
use crate::kubernetes::{Kubeadm, Kubectl, Kubernetes, KubernetesConfig, single_master};
use crate::program::Program;
use crate::wait;
use crate::writer::{Writer, WriterConfig};

/// The release of etcd that Kubernetes 1.20 asks for.
const ETCD: EtcdRelease = EtcdRelease::V3_4;
/// Longer than anything takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(240);
/// The size of a value: that of a large object of Kubernetes. In single writes 200 MB are more of them
/// than etcd keeps in its log (10,000); in transactions of 128 far less.
const VALUE_BYTES: u32 = 10_000;
/// How many writes are on their way at once while the data is loaded.
const AT_ONCE: usize = 32;

/// The master, its writer, and the hosts that are to join.
#[derive(Debug)]
pub(super) struct Field {
    /// The client that writes to m1.
    pub(super) writer: Writer,
    /// What clients of etcd authenticate themselves with.
    pub(super) tls: ClientTls,
    /// The etcdha to measure.
    pub(super) etcdha: PathBuf,
    bed: Bed,
}

impl Field {
    /// Makes the master and loads the data. `joining` are the names of the hosts.
    pub(super) async fn make(options: &Options, joining: &[String]) -> Result<Field> {
        let etcdha = options.etcdha.canonicalize();
        let etcdha = etcdha.with_context(|| format!("find {}", options.etcdha.display()))?;
        let bed = BedConfig::new(Program::current()).host(HostConfig::named("m1"));
        let joining = joining.iter().map(|name| HostConfig::named(name));
        let bed = Bed::new(joining.fold(bed, BedConfig::host))?;
        let m1 = bed.host("m1");
        single_master(m1, &[], ETCD)?;
        let kubectl = Kubectl::admin(m1)?;
        let what = "the apiserver of m1 to be ready";
        wait::until_async(what, PATIENCE, async || kubectl.is_ready()).await?;
        prepare_joins(m1, &kubectl)?;
        let pki = m1.path("/etc/kubernetes/pki/etcd");
        let tls = ClientTls {
            ca: pki.join("ca.crt"),
            cert: pki.join("healthcheck-client.crt"),
            key: pki.join("healthcheck-client.key"),
        };
        load_data(options, &url(m1), &tls).await?;
        let writer = WriterConfig::new(vec![url(m1)], Some(tls.clone()));
        Ok(Field {
            writer: Writer::start(writer).await?,
            tls,
            etcdha,
            bed,
        })
    }

    /// Returns the host of this name.
    pub(super) fn host(&self, name: &str) -> &Host {
        self.bed.host(name)
    }

    /// Returns the client URL of a host's member.
    pub(super) fn url(&self, name: &str) -> String {
        url(self.host(name))
    }

    /// Returns a directory for the files of an operator who adds this host.
    pub(super) fn operator(&self, name: &str) -> Result<PathBuf> {
        let dir = self.bed.scratch()?.join(name);
        fs::create_dir_all(&dir).context("make the operator's directory")?;
        Ok(dir)
    }

    /// Gives a host a kubelet and, by kubeadm, certificates of m1's authorities.
    pub(super) fn prepare(&self, name: &str) -> Result<()> {
        let (m1, host) = (self.host("m1"), self.host(name));
        host.start_kubernetes(KubernetesConfig::new(ETCD))?;
        let kubeadm = Kubeadm::new(host, ETCD)?;
        kubeadm.take_authorities(m1)?;
        kubeadm.phase(&["certs", "all"])?;
        // kubeadm asks the apiserver that this names; there is one so far.
        let admin = "/etc/kubernetes/admin.conf";
        fs::copy(m1.path(admin), host.path(admin)).context("copy m1's kubeconfig")?;
        Ok(())
    }

    /// Makes m1 the only member again, and ends the host. Removed first: a voter that is stopped
    /// before takes the quorum with it.
    pub(super) async fn remove(&self, name: &str) -> Result<()> {
        let client = connect(&self.url("m1"), Some(&self.tls), PATIENCE).await?;
        // For five seconds after a promotion etcd takes the cluster for unhealthy and refuses.
        wait::until_async("the member to be removed", PATIENCE, || {
            let mut client = client.clone();
            async move {
                let answer = client.member_list().await?;
                let member = answer.members().iter().find(|found| found.name() == name);
                let member = member.with_context(|| format!("{name} is no member"))?;
                client.member_remove(member.id()).await?;
                Ok(())
            }
        })
        .await?;
        self.host(name).kill_all();
        Ok(())
    }

    /// The image of etcd that every member runs, and its release.
    pub(super) fn image() -> Result<(String, String)> {
        let tag = Kubernetes::find().etcd_tag(ETCD)?;
        Ok((format!("registry.local/etcd:{tag}"), tag))
    }
}

async fn load_data(options: &Options, endpoint: &str, tls: &ClientTls) -> Result<()> {
    let count = usize::try_from(options.megabytes * 1_000_000 / VALUE_BYTES)?;
    let size = usize::try_from(VALUE_BYTES)?;
    match options.from {
        Source::Log => {
            load(endpoint, Some(tls), "/bench/", count, size).await?;
            Ok(())
        }
        Source::Snapshot => load_singly(endpoint, tls, "/bench/", count, size, AT_ONCE).await,
    }
}

fn url(host: &Host) -> String {
    format!("https://{}:2379", host.address())
}

/// Puts into the cluster what `kubeadm join` reads from it.
fn prepare_joins(m1: &Host, kubectl: &Kubectl<'_>) -> Result<()> {
    let text = fs::read_to_string(m1.manifest_path("etcd.yaml")).context("read etcd.yaml")?;
    let mut pod: serde_json::Value = serde_saphyr::from_str(&text).context("parse etcd.yaml")?;
    let metadata = &mut pod["metadata"];
    metadata["name"] = "etcd-m1".into();
    // What tells the apiserver that this pod needs no service account.
    metadata["annotations"]["kubernetes.io/config.mirror"] = "bench".into();
    pod["spec"]["nodeName"] = "m1".into();
    pod["spec"]["tolerations"] = serde_json::json!([{"operator": "Exists"}]);
    let node = serde_json::json!({
        "apiVersion": "v1", "kind": "Node",
        // kubeadm takes a node for registered when it has this label.
        "metadata": {"name": "m1", "labels": {"kubernetes.io/hostname": "m1"}},
    });
    for object in [node, pod] {
        let inside = "/etc/kubernetes/object.json";
        fs::write(m1.path(inside), object.to_string()).context("write an object")?;
        kubectl.run(&["create", "--filename", inside])?;
    }
    let kubeadm = Kubeadm::new(m1, ETCD)?;
    for phase in [&["upload-config", "all"][..], &["bootstrap-token"]] {
        kubeadm.phase(phase)?;
    }
    let found = kubectl.get_json(&["pod", "etcd-m1", "--namespace=kube-system"])?;
    ensure!(found["spec"]["nodeName"] == "m1", "found {found}");
    Ok(())
}
