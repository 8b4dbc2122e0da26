//! Snapshots of real servers, and members restored from them.

mod looks;
mod restore;
mod save;
mod stage;
