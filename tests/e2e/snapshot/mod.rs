//! Snapshots of real servers, and members restored from them.

mod all_lost;
mod cluster_restore;
mod cluster_services;
mod drill;
mod faults;
mod looks;
mod restore;
mod save;
mod save_meanwhile;
mod schedule;
mod stage;
mod store;
mod store_server;
mod store_tls;
