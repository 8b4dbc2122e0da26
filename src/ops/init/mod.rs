//! `init`: a cluster file from flags, or from what a host that kubeadm set up says about itself.
//!
//! Invariant: a file that is there is never replaced unless that was asked for, and nothing but that
//! file is written.

mod certificates;
mod error;
mod etcd_pod;
mod host;
mod translate;
mod write;

pub use error::InitError;
pub use host::{HostReading, read_host};
pub use write::write_cluster_file;
