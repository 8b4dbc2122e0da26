//! How do hosts become a kubeadm master, and hosts that wait to be masters?
//!
//! Invariant: every file of a master is written by kubeadm.

use std::thread;

use anyhow::{Context, Result, anyhow};

use super::{Kubeadm, KubernetesConfig};
use crate::debs::EtcdRelease;
use crate::host::Host;

/// Makes `first` a single master, whose apiserver is yet to come up. The others get a kubelet and, by
/// kubeadm, certificates of the same authorities, and run nothing.
///
/// # Errors
/// `scripts/kubernetes` did not run, or a kubelet or kubeadm fails.
pub fn single_master(first: &Host, others: &[&Host], etcd: EtcdRelease) -> Result<()> {
    first.start_kubernetes(KubernetesConfig::new(etcd).control_plane())?;
    Kubeadm::new(first, etcd)?.init()?;
    // Most of the time goes into unpacking images, beside which the first apiserver comes up.
    thread::scope(|scope| {
        let prepare = |host| scope.spawn(move || waiting_host(host, first, etcd));
        let running: Vec<_> = others.iter().copied().map(prepare).collect();
        running.into_iter().try_for_each(|thread| {
            let done = thread.join();
            done.map_err(|_| anyhow!("preparing a host panicked"))?
        })
    })
}

fn waiting_host(host: &Host, first: &Host, etcd: EtcdRelease) -> Result<()> {
    let prepare = || {
        host.start_kubernetes(KubernetesConfig::new(etcd).control_plane())?;
        let kubeadm = Kubeadm::new(host, etcd)?;
        kubeadm.take_authorities(first)?;
        kubeadm.phase(&["certs", "all"])?;
        kubeadm.phase(&["kubeconfig", "all"])
    };
    prepare().with_context(|| format!("prepare {}", host.name()))?;
    Ok(())
}

/// Has kubeadm make a waiting host a master, whose apiserver asks the etcd on its own host.
///
/// # Errors
/// kubeadm fails.
pub fn add_master(host: &Host, etcd: EtcdRelease) -> Result<()> {
    let kubeadm = Kubeadm::new(host, etcd)?;
    kubeadm.phase(&["control-plane", "all"]).map(|_| ())
}
