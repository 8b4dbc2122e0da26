//! A machine we manage. Today it is reached through a local path: this host, or a mounted root.

mod local;

pub use local::{DataDirState, LocalNode};
