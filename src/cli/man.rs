//! `etcdha man`.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man;

use super::command::tree;
use super::error::{CliError, Outcome};
use super::exit_code::ExitCode;
use super::output::Output;
use super::reference::visible_commands;
use crate::ops;

/// Print the manual page, or write a page for every command
///
/// Examples:
///   $ etcdha man | man -l -
///   $ etcdha man --dir /usr/local/share/man/man1
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct ManArgs {
    /// Write one page for each command into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &ManArgs, output: &Output) -> Outcome {
    let root = tree();
    let Some(dir) = &args.dir else {
        output.raw(&page(root)?)?;
        return Ok(ExitCode::Done);
    };
    let mut pages = Vec::new();
    for (path, command) in visible_commands(&root) {
        let name = path.join("-");
        let command = command
            .name(name.clone())
            .version(env!("CARGO_PKG_VERSION"));
        pages.push((format!("{name}.1"), page(command)?));
    }
    ops::write_documents(dir, &pages)?;
    output.note(format!("Wrote {} pages to {}.", pages.len(), dir.display()));
    Ok(ExitCode::Done)
}

fn page(command: Command) -> Result<String, CliError> {
    let fail = |error: &(dyn std::error::Error + 'static)| {
        CliError::failed("write the manual page").cause(error)
    };
    let mut bytes = Vec::new();
    Man::new(command)
        .render(&mut bytes)
        .map_err(|error| fail(&error))?;
    String::from_utf8(bytes).map_err(|error| fail(&error))
}
