//! Workflows, one file a job: look at the world, plan, and have the plan applied.
//!
//! Invariant: this folder introduces the domains to each other and to the disk; it prints nothing.

pub mod apiserver_nodes;
pub mod apiserver_repoint;
pub mod apiserver_status;
pub mod certs_check;
pub mod certs_csr;
pub mod certs_gen;
pub mod certs_revoke;
pub mod certs_show;
pub mod certs_sign;
pub mod cluster_access;
pub mod cluster_file;
pub mod cluster_restore;
pub mod cluster_status;
mod documents;
pub mod frontend;
pub mod host_certificates;
pub mod init;
pub mod issuing;
pub mod kubeadm_config;
pub mod leases;
pub mod look;
pub mod manifest_lint;
pub mod manifest_render;
pub mod member_add;
pub mod node_files;
pub mod operator_file;
pub mod receipts;
mod refusal;
pub mod snapshot_drill;
pub mod snapshot_look;
pub mod snapshot_restore;
pub mod snapshot_save;
pub mod snapshot_schedule;
pub mod snapshot_source;
pub mod snapshot_store;
pub mod topology_move;

pub use documents::write_documents;
pub use refusal::Refusal;

pub use crate::sys::lock::{LockError, RunLock};
pub use crate::sys::process::become_program;
