//! Snapshots of real servers.

mod looks;
mod save;
//! Snapshots of real servers, and members restored from them.

mod restore;
mod stage;
