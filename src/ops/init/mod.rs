//! `init` and `kubeadm discover`: a cluster file from flags, or from what hosts that kubeadm set up say
//! about themselves.
//!
//! Invariant: a file that is there is never replaced unless that was asked for, and nothing but that
//! file is written.

mod certificates;
mod control_plane;
mod error;
mod etcd_pod;
mod host;
mod merge;
mod translate;
mod write;

pub use error::InitError;
pub use host::{HostReading, read_host, read_hosts};
pub use merge::Contradiction;
pub use write::write_cluster_file;
