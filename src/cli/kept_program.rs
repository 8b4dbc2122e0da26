//! `etcdha kept-program`: the hidden half of starting a program, see `sys::process`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::error::{CliError, Outcome};
use crate::ops;

/// Become a program that ends with the run that wanted it; etcdha starts itself so
#[derive(Args, Debug)]
pub(super) struct KeptProgramArgs {
    /// Process id of that run
    parent: u32,

    /// The program
    program: PathBuf,

    /// Its words
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

pub(super) fn run(args: &KeptProgramArgs) -> Outcome {
    let error = ops::become_program(args.parent, &args.program, &args.words);
    Err(CliError::from(error))
}
