//! The real kubeadm as a judge of what etcdha writes for it, and of what etcdha leaves on its hosts.

mod config;
mod discover;
mod grown;
mod master;
mod uploaded;
