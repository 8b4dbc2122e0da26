//! `etcdha resume`.

use std::ffi::OsString;

use clap::Args;

use super::change::StateArgs;
use super::command::{self, parse};
use super::error::{CliError, Outcome};
use super::output::Output;
use crate::ops::receipts::{FoundReceipt, latest_unfinished, list};

/// Run the command again that was killed or interrupted
///
/// Example:
///   $ etcdha resume
///
/// It looks at everything anew and does what is still missing; nothing is replayed blindly. Without
/// an unfinished receipt there is nothing to do.
///
/// Exit codes: those of the command
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct ResumeArgs {
    /// Apply without asking
    #[arg(short, long, help_heading = "Behaviour")]
    yes: bool,

    #[command(flatten)]
    state: StateArgs,
}

pub(super) fn run(args: &ResumeArgs, output: &Output) -> Outcome {
    let found = list(&super::change::receipts(&args.state.dir()))?;
    let Some(FoundReceipt { path, receipt }) = latest_unfinished(&found) else {
        output.note("Nothing to do: the latest plan came to its end.");
        return Ok(super::exit_code::ExitCode::Done);
    };
    if receipt
        .arguments
        .iter()
        .any(|word| word.ends_with("REDACTED"))
    {
        return Err(
            CliError::usage("the interrupted command had a password among its arguments")
                .detail(format!("receipt: {}", path.display()))
                .fix("run it again yourself, with the password in ETCDHA_USER"),
        );
    }
    let mut words = vec![OsString::from("etcdha")];
    words.extend(receipt.arguments.iter().map(OsString::from));
    if args.yes
        && !receipt
            .arguments
            .iter()
            .any(|word| word == "--yes" || word == "-y")
    {
        words.push("--yes".into());
    }
    output.note(format!("etcdha {}", receipt.arguments.join(" ")));
    std::env::set_current_dir(&receipt.directory).map_err(|error| {
        CliError::failed(format!("change to {}", receipt.directory.display())).cause(&error)
    })?;
    let line = parse(words).map_err(|_| {
        CliError::usage("the receipt's command is none of this version")
            .detail(format!("receipt: {}", path.display()))
    })?;
    command::run(line, output)
}
