//! Snapshots of real servers.

mod looks;
