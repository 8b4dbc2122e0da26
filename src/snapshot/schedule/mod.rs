//! When snapshots are taken, and what monitoring is told of them. Pure.

mod cadence;
mod metrics;

pub use cadence::{Cadence, CadenceError};
pub use metrics::Metrics;
