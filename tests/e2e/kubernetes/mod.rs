//! The real Kubernetes on the test hosts, and the stand-in held against it.

mod facts;
mod files;
mod kubeadm_live;
mod leftovers;
mod life;
mod master;
mod masters;
mod pair;
mod process;
mod repoint_broken;
mod repoint_foreign;
mod repoint_grown;
mod repoint_killed;
mod repoint_migrate;
mod repoint_without;
mod restore_cluster;
mod topology;
