//! Looks after the servers behind virtual addresses, as long as it runs.
//!
//! `health` decides, from what probes saw, who gets connections; it is pure: time is an argument. `probe` asks one server,
//! on its own, again and again. `run` brings both together with the kernel.

pub mod health;
mod probe;
mod reconcile;
mod run;

pub use reconcile::{Care, CareError};
pub use run::{Declaration, Event, reload_channel, run};
