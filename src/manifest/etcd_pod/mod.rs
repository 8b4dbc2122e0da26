//! The static pod of an etcd member, rendered from values.
//!
//! Invariant: the flags decide everything else. Mounts, probes and the annotation kubeadm looks for
//! are derived from the final flags, extra arguments included, so that they can't contradict them.

mod config;
mod flag_set;
mod mounts;
mod probes;
mod render;
#[cfg(test)]
mod tests;

pub use config::{ClusterState, EtcdConfig, EtcdPkiPaths, EtcdPodConfig, EtcdPorts, RenderError};
pub use render::{ATTEMPT_ANNOTATION, attempt_of, holds_etcd_pod, render};

pub(super) use flag_set::{FlagSet, loopback};
pub(super) use render::ADVERTISE_ANNOTATION;
