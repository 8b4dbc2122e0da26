//! A kube-apiserver from outside: how it is reached, whether it is well, small objects written through
//! it, the command line it runs with, and what it keeps in etcd.
//!
//! Invariant: an answer counts only over TLS that the cluster's CA vouches for.

mod access;
mod error;
mod health;
mod kubeconfig;
mod lease;
mod objects;
mod process;

pub use access::{ApiAccess, Credentials};
pub use error::ApiError;
pub use health::{accepts, demand_ready, version};
pub use kubeconfig::{Kubeconfig, KubeconfigError};
pub use lease::{Lease, LeaseError};
pub use objects::{ProbeObject, StoredForm};
pub use process::{EtcdFlags, ProcessMark, RunningApiserver};
