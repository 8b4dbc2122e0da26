//! Static pod manifests of etcd and kube-apiserver: read, render, patch, lint; kubeadm's files.
//!
//! Pure: text in, text out. Nothing here opens a file.

pub mod apiserver;
mod error;
mod etcd_flags;
mod etcd_health;
mod etcd_pod;
pub mod flags;
pub mod kubeadm;
pub mod lint;
pub mod patch;
pub mod pod;
pub mod snapshot_job;
mod systemd;
mod yaml;

pub use error::ManifestError;
pub use etcd_pod::{
    ATTEMPT_ANNOTATION, ClusterState, EtcdConfig, EtcdPkiPaths, EtcdPodConfig, EtcdPorts,
    RenderError, attempt_of, holds_etcd_pod, render,
};
pub use systemd::{UnitConfig, UnitError, UnitFiles, is_unit_of, render_unit};
pub use yaml::Position;
