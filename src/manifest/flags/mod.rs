//! The command line inside a manifest: words, then flags, as the program itself would read them.
//!
//! Invariant: a flag's value here is what the program gets, variables filled in; where it can't be
//! known from the file (`valueFrom`, a shell), the value is absent rather than guessed.

mod command;
mod parse;
mod programs;

pub(crate) use command::command_program;
pub use command::{List, Word};
pub(crate) use parse::parse_bool;
pub use parse::{Dialect, Flag, Flags, Form};
pub use programs::Program;
