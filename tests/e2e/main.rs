//! End-to-end tests: etcdha, real etcd, and test hosts made of namespaces. They need root.
//!
//! `scripts/fetch` brings what they need; then `cargo test --test e2e NAME` runs one.
//!
//! Invariant: a test that lacks a program fails and names the package; none is skipped.

#![expect(
    clippy::unwrap_used,
    reason = "a panic in a helper fails the test and shows the logs of the hosts"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the bans are for etcdha itself: tests play the operator, who runs programs and writes files"
)]

mod bed;
mod certs;
mod cluster;
mod demo;
mod frontend;
mod kubeadm;
mod kubernetes;
mod member_add;
mod mistakes;
mod operator;
mod snapshot;
mod support;
