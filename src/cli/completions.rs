//! `etcdha completions`.

use clap::{Args, Command};
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
    clap_complete::generate(args.shell, &mut shown(&tree()), "etcdha", &mut script);
    let script = String::from_utf8(script)
        .map_err(|error| CliError::failed("write the completion script").cause(&error))?;
    output.raw(&script)?;
    Ok(ExitCode::Done)
}

/// The tree as help shows it: the scripts would offer hidden commands, too.
fn shown(tree: &Command) -> Command {
    let visible = tree
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    Command::new(tree.get_name().to_owned())
        .args(tree.get_arguments())
        .subcommands(visible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_commands_are_not_offered_and_all_others_are() {
        let all = tree();
        let shown = shown(&all);
        assert!(shown.find_subcommand("kept-program").is_none());
        let visible = all.get_subcommands().filter(|it| !it.is_hide_set());
        assert_eq!(shown.get_subcommands().count(), visible.count());
        assert_eq!(shown.get_arguments().count(), all.get_arguments().count());
    }
}
