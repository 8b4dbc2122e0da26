//! Snapshots at set times: the files that have them taken, the metrics that tell of them.

mod install;
mod telemetry;

pub use install::{InstallRequest, JobFile, next_commands, plan, rendered};
pub use telemetry::{Telemetry, TelemetryError};
