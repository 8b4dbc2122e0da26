//! What runs the static pods of a test host: the kubelet stand-in, or containerd and the kubelet.
//!
//! Invariant: an agent lives and dies with its host, so it is never looked at, only collected.

use anyhow::Result;

use super::daemon::Daemon;
use super::machine::Host;
use crate::kubelet::KubeletConfig;
use crate::kubernetes::KubernetesConfig;

/// What runs the static pods of a host.
#[derive(Debug)]
pub(super) enum Agent {
    /// The stand-in.
    StandIn(KubeletConfig, Daemon),
    /// containerd and the kubelet, in this order; none while a start has failed.
    Real(KubernetesConfig, Vec<Daemon>),
}

impl Agent {
    /// Starts it on a host that has just been started.
    pub(super) fn restart(&mut self, host: &Host, init: i32) -> Result<()> {
        match self {
            Agent::StandIn(config, daemon) => *daemon = host.spawn_kubelet(init, config)?,
            Agent::Real(config, daemons) => *daemons = host.spawn_kubernetes(init, config)?,
        }
        Ok(())
    }

    /// Collects the processes, which died with their host.
    pub(super) fn collect(&mut self) {
        match self {
            Agent::StandIn(_, daemon) => drop(daemon.wait()),
            Agent::Real(_, daemons) => daemons.drain(..).for_each(|mut daemon| drop(daemon.wait())),
        }
    }

    /// Whether it is the real kubelet.
    pub(super) fn is_real(&self) -> bool {
        matches!(self, Agent::Real(..))
    }
}
