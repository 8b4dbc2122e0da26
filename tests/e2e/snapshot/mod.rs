//! Snapshots of real servers.

mod looks;
mod save;
