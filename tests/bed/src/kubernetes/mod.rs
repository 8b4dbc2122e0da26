//! The real Kubernetes on a test host: containerd, the kubelet, and the files kubeadm writes.
//!
//! `scripts/kubernetes` builds the programs and makes their images; [`Kubernetes`] finds them.
//! [`Host::start_kubernetes`](crate::Host::start_kubernetes) runs containerd and the kubelet, now and
//! whenever the host is started again, so [`kill_all`](crate::Host::kill_all) and
//! [`start`](crate::Host::start) are a power failure and its end.
//! [`Host::status`](crate::Host::status) and [`Host::pod`](crate::Host::pod) tell the same about real
//! pods as about the stand-in's. A single master, from nothing to its first object:
//!
//! ```no_run
//! # use std::time::Duration;
//! # use etcdha_testbed::{Bed, BedConfig, EtcdRelease, Program};
//! # use etcdha_testbed::kubernetes::{Kubeadm, Kubectl, KubernetesConfig};
//! # fn main() -> anyhow::Result<()> {
//! let bed = Bed::new(BedConfig::new(Program::Itself).hosts(["m1"]))?;
//! let m1 = bed.host("m1");
//! m1.start_kubernetes(KubernetesConfig::new(EtcdRelease::V3_4).control_plane())?;
//! Kubeadm::new(m1, EtcdRelease::V3_4)?.init()?;
//! let kubectl = Kubectl::admin(m1)?;
//! kubectl.wait_ready(Duration::from_secs(120))?;
//! kubectl.run(&["create", "configmap", "a", "--from-literal=b=c"])?;
//! # Ok(())
//! # }
//! ```
//!
//! A second master takes over the first one's authorities and waits for its etcd:
//!
//! ```no_run
//! # use etcdha_testbed::{Bed, EtcdRelease};
//! # use etcdha_testbed::kubernetes::{Kubeadm, KubernetesConfig};
//! # fn second(bed: &Bed) -> anyhow::Result<()> {
//! # let (m1, m2) = (bed.host("m1"), bed.host("m2"));
//! m2.start_kubernetes(KubernetesConfig::new(EtcdRelease::V3_4).control_plane())?;
//! let kubeadm = Kubeadm::new(m2, EtcdRelease::V3_4)?;
//! kubeadm.take_authorities(m1)?;
//! for phase in [["certs", "all"], ["kubeconfig", "all"], ["control-plane", "all"]] {
//!     kubeadm.phase(&phase)?; // its apiserver asks the etcd on 127.0.0.1, which is yet to come
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Invariant: nothing is pulled from a registry, and no setting of the machine's kernel is changed.

mod api;
mod clients;
mod containerd;
mod furniture;
mod kubeadm;
mod kubectl;
mod kubelet;
mod masters;
mod pods;
mod programs;

pub use api::Api;
pub use clients::{ApiClients, ApiProof};
pub(crate) use containerd::{configuration as containerd_configuration, import};
pub use furniture::{furnish, is_furnished};
pub use kubeadm::Kubeadm;
pub use kubectl::Kubectl;
pub(crate) use kubelet::{
    arguments as kubelet_arguments, configuration as kubelet_configuration, get,
};
pub use masters::{add_master, single_master};
pub(crate) use pods::status;
pub use programs::{Kubernetes, Version};

use crate::debs::EtcdRelease;

/// What the containerd of a host is to have, and so which pods can run there.
#[derive(Debug, Clone)]
pub struct KubernetesConfig {
    pub(crate) images: Vec<String>,
    pub(crate) is_registered: bool,
}

impl KubernetesConfig {
    /// Describes a host that can run etcd.
    pub fn new(etcd: EtcdRelease) -> KubernetesConfig {
        KubernetesConfig {
            images: vec!["pause".to_owned(), etcd.directory().to_owned()],
            is_registered: false,
        }
    }

    /// Lets the kubelet register its node and mirror its pods with `/etc/kubernetes/kubelet.conf`, which
    /// kubeadm must have written. The node never becomes ready: there is no network for its pods.
    #[must_use]
    pub fn registered(mut self) -> KubernetesConfig {
        self.is_registered = true;
        self
    }

    /// Adds another release of etcd, for an upgrade.
    #[must_use]
    pub fn etcd(mut self, etcd: EtcdRelease) -> KubernetesConfig {
        self.images.push(etcd.directory().to_owned());
        self
    }

    /// Adds kube-apiserver, kube-controller-manager and kube-scheduler.
    #[must_use]
    pub fn control_plane(mut self) -> KubernetesConfig {
        self.images.extend(
            [
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler",
            ]
            .map(str::to_owned),
        );
        self
    }
}
