//! etcdha grows, certifies, protects and fronts the etcd of a self-hosted Kubernetes control plane.
//!
//! The modules stand in the order of their dependencies, from the outside in. `ARCHITECTURE.md`
//! tells what each may use; `tests/layering.rs` checks it.

pub mod cli;

pub mod ops;

pub mod care;

pub mod plan;

pub mod apiserver;
pub mod cluster;
pub mod dataplane;
pub mod node;

pub mod datadir;
pub mod manifest;
pub mod pki;
pub mod s3;
pub mod snapshot;

pub mod sys;

pub mod model;
