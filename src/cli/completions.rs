//! `etcdha completions`.

use clap::Args;
use clap_complete::Shell;

use super::command::tree;
use super::error::{CliError, Outcome};
use super::exit_code::ExitCode;
use super::output::Output;

/// Print the completion script of a shell
///
/// Example:
///   $ etcdha completions bash > /etc/bash_completion.d/etcdha
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct CompletionsArgs {
    /// The shell to complete for
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, output: &Output) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut tree(), "etcdha", &mut script);
    let script = String::from_utf8(script)
        .map_err(|error| CliError::failed("write the completion script").cause(&error))?;
    output.raw(&script)?;
    Ok(ExitCode::Done)
}
