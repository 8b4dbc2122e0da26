//! Two hosts that get the same manifests, one with the real kubelet and one with the stand-in.
//!
//! Invariant: a fact is compared only after both hosts were given the time they need.

use std::fmt::Debug;
use std::time::Duration;

use etcdha_testbed::kubernetes::{Kubernetes, KubernetesConfig};
use etcdha_testbed::{
    Bed, Binaries, ContainerStatus, EtcdRelease, Host, KubeletConfig, PodStatus, wait,
};

use crate::support::bed;

/// The kubelet looks at a pod once a minute unless something happens, and waits 10 to 15 s after each
/// refusal; a busy machine doubles both.
pub(super) const SOON: Duration = Duration::from_secs(240);

/// The etcd of kubeadm 1.20's time, in both hosts' images.
pub(super) const RELEASE: EtcdRelease = EtcdRelease::V3_4;

/// A bed with the hosts `real` and `like`.
pub(super) struct Pair {
    bed: Bed,
}

impl Pair {
    pub(super) fn new() -> Pair {
        let bed = bed(["real", "like"]);
        bed.host("real")
            .start_kubernetes(KubernetesConfig::new(RELEASE))
            .unwrap();
        let etcd = Binaries::find().etcd(RELEASE).unwrap();
        let mut like = KubeletConfig::new().program("etcd", &etcd);
        if Kubernetes::find().version().unwrap().minor < 22 {
            like = like.overlapping();
        }
        bed.host("like").start_kubelet(like).unwrap();
        Pair { bed }
    }

    /// Does the same on both hosts at once and demands the same outcome, which it returns.
    pub(super) fn same<T, F>(&self, what: &str, find: F) -> T
    where
        T: PartialEq + Debug + Send,
        F: Fn(&Host) -> T + Sync,
    {
        let (real, like) = std::thread::scope(|scope| {
            let real = scope.spawn(|| find(self.bed.host("real")));
            let like = find(self.bed.host("like"));
            (real.join().unwrap(), like)
        });
        assert_eq!(
            like, real,
            "{what}: the stand-in's is left, the real kubelet's right"
        );
        real
    }

    /// Writes a manifest on both hosts, the real one first.
    pub(super) fn write(&self, file: &str, text: &str) {
        for host in self.bed.hosts() {
            host.write_manifest(file, text).unwrap();
        }
    }

    /// Takes a manifest away on both hosts.
    pub(super) fn remove(&self, file: &str) {
        for host in self.bed.hosts() {
            host.remove_manifest(file).unwrap();
        }
    }
}

/// Returns a pod on the host's network that runs etcd's image. `body` is what its only container says
/// besides its name and image, and what follows in the pod's spec, indented by two and four.
pub(super) fn manifest(name: &str, body: &str) -> String {
    let tag = Kubernetes::find().etcd_tag(RELEASE).unwrap();
    format!(
        "apiVersion: v1
kind: Pod
metadata:
  name: {name}
  namespace: kube-system
  annotations:
    mark: one
spec:
  hostNetwork: true
  containers:
  - name: {name}
    image: registry.local/etcd:{tag}
{body}"
    )
}

/// A command that runs etcd without TLS. Port 0 means any port.
pub(super) fn etcd_command(port: u16) -> String {
    format!(
        "    command:
    - etcd
    - --data-dir=/tmp/data
    - --listen-client-urls=http://127.0.0.1:{port}
    - --advertise-client-urls=http://127.0.0.1:{port}
    - --listen-peer-urls=http://127.0.0.1:{}
",
        if port == 0 { 0 } else { port + 1 }
    )
}

/// Waits until the pod's only container is as wished, and returns both.
pub(super) fn wait_for(
    host: &Host,
    pod: &str,
    what: &str,
    wish: impl Fn(&PodStatus, &ContainerStatus) -> bool,
) -> (PodStatus, ContainerStatus) {
    wait::until(&format!("{pod} on {}: {what}", host.name()), SOON, || {
        let found = host.pod(pod)?;
        let wished = found.as_ref().and_then(|found| {
            let container = found.containers.first()?;
            wish(found, container).then(|| (found.clone(), container.clone()))
        });
        wished.ok_or_else(|| anyhow::anyhow!("found {found:?}"))
    })
    .unwrap()
}

/// Waits until the pod's container has a process.
pub(super) fn wait_running(host: &Host, pod: &str) -> (PodStatus, ContainerStatus) {
    wait_for(host, pod, "a process", |_, container| {
        container.pid.is_some()
    })
}

/// Waits until nothing is left of a pod.
pub(super) fn wait_gone(host: &Host, pod: &str) {
    wait::until(
        &format!("{pod} on {} to be gone", host.name()),
        SOON,
        || {
            let found = host.pod(pod)?;
            anyhow::ensure!(found.is_none(), "found {found:?}");
            Ok(())
        },
    )
    .unwrap();
}
