//! A machine we manage. Today it is reached through a local path: this host, or a mounted root.

mod account;
mod links;
mod local;
mod processes;

pub use account::{Account, find_account, find_group};
pub use local::{DataDirState, LocalNode};
pub use processes::Process;
