//! Runs the real binary in a scrubbed environment and compares what a person or a script sees.

#![expect(clippy::unwrap_used, reason = "a helper that fails, fails its test")]

mod apiserver;
mod certs_check;
mod certs_gen;
mod certs_offline;
mod certs_revoke;
mod certs_show;
mod cfssl;
mod config;
mod docs;
mod frontend;
mod harness;
mod init;
mod kubeadm;
mod manifest;
mod openssl;
mod root;
mod snapshot_damage;
mod snapshot_drill;
mod snapshot_look;
mod snapshot_packed;
mod snapshot_prune;
mod snapshot_restore;
mod snapshot_schedule;
mod systemd;
