//! The command line: argument types, dispatch, rendering and exit codes.
//!
//! Invariant: this is the one folder that knows a terminal. A command resolves its arguments, calls
//! one function of `ops` and hands the report to [`output`].

mod apiserver;
mod args;
mod certs;
mod change;
mod cluster_args;
mod cluster_source;
mod command;
mod completions;
mod config;
mod error;
mod etcd;
mod exit_code;
mod frontend;
mod init;
mod kept_program;
mod kubeadm;
mod logging;
mod man;
mod manifest;
mod member;
pub mod output;
mod overview;
mod reference;
mod resume;
mod runtime;
mod secrets;
mod snapshot;
mod status;
mod topology;
mod undo;
mod version;

pub use args::{ChangeArgs, EtcdArgs, GlobalArgs, TimeoutArgs};
pub use cluster_args::{ClusterArgs, PkiArgs};
pub use command::{CommandLine, parse, run, tree};
pub use error::{CliError, Outcome};
pub use exit_code::ExitCode;
pub use logging::start_logging;
pub use reference::{Page as ReferencePage, reference};
pub use runtime::block_on;
