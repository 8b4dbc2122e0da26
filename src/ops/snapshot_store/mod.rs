//! A directory of snapshots: what is in it (`etcdha snapshot list`), and what may go (`prune`).
//!
//! Invariant: only snapshots with a record of ours are ever removed, and never the newest good one of
//! a cluster.

mod look;
mod prune;

pub use look::{Directory, State, Stored, look};
pub use prune::{Judged, PruneRequest, Pruning, plan};
