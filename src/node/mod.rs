//! A machine we manage. Today it is reached through a local path: this host, or a mounted root.

mod links;
mod local;
mod processes;

pub use local::{DataDirState, LocalNode};
pub use processes::Process;
