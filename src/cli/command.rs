//! The tree of commands: parsing, dispatch, and an environment variable for every flag.

use std::ffi::OsString;
use std::io;

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::apiserver::{self, ApiserverArgs};
use super::args::GlobalArgs;
use super::certs::{self, CertsArgs};
use super::completions::{self, CompletionsArgs};
use super::config::{self, ConfigArgs};
use super::error::Outcome;
use super::exit_code::ExitCode;
use super::frontend::{self, FrontendArgs};
use super::init::{self, InitArgs};
use super::kept_program::{self, KeptProgramArgs};
use super::kubeadm::{self, KubeadmArgs};
use super::man::{self, ManArgs};
use super::manifest::{self, ManifestArgs};
use super::member::{self, MemberArgs};
use super::output::Output;
use super::overview;
use super::resume::{self, ResumeArgs};
use super::snapshot::{self, SnapshotArgs};
use super::status::{self, StatusArgs};
use super::topology::{self, TopologyArgs};
use super::undo::{self, UndoArgs};
use super::version::{self, VersionArgs};

/// Grows, certifies, protects and fronts the etcd of a self-hosted Kubernetes control plane
#[derive(Debug, Parser)]
#[command(name = "etcdha", version, max_term_width = 100)]
pub struct CommandLine {
    /// What every command understands.
    #[command(flatten)]
    pub global: GlobalArgs,

    /// What to do; nothing shows the commands.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Apiserver(ApiserverArgs),
    Certs(CertsArgs),
    Completions(CompletionsArgs),
    Config(Box<ConfigArgs>),
    Frontend(FrontendArgs),
    Init(Box<InitArgs>),
    #[command(hide = true)]
    KeptProgram(KeptProgramArgs),
    Kubeadm(KubeadmArgs),
    Man(ManArgs),
    Manifest(ManifestArgs),
    Member(MemberArgs),
    Resume(ResumeArgs),
    Snapshot(SnapshotArgs),
    Status(StatusArgs),
    Topology(TopologyArgs),
    Undo(Box<UndoArgs>),
    Version(VersionArgs),
}

/// Runs the command.
///
/// # Errors
/// Whatever the command ends with; `CliError::exit_code` tells the exit status.
pub fn run(line: CommandLine, output: &Output) -> Outcome {
    let Some(command) = line.command else {
        output.raw(&tree().render_help().to_string())?;
        return Ok(ExitCode::Done);
    };
    match command {
        Command::Apiserver(args) => apiserver::run(&args, &line.global, output),
        Command::Certs(args) => certs::run(&args, &line.global, output),
        Command::Completions(args) => completions::run(&args, output),
        Command::Config(args) => config::run(&args, &line.global, output),
        Command::Frontend(args) => frontend::run(&args, &line.global, output),
        Command::Init(args) => init::run(&args, &line.global, output),
        Command::KeptProgram(args) => kept_program::run(&args),
        Command::Kubeadm(args) => kubeadm::run(&args, &line.global, output),
        Command::Man(args) => man::run(&args, output),
        Command::Manifest(args) => manifest::run(&args, &line.global, output),
        Command::Member(args) => member::run(&args, &line.global, output),
        Command::Resume(args) => resume::run(&args, output),
        Command::Snapshot(args) => snapshot::run(&args, &line.global, output),
        Command::Undo(args) => undo::run(&args, &line.global, output),
        Command::Status(args) => status::run(&args, &line.global, output),
        Command::Topology(args) => topology::run(&args, &line.global, output),
        Command::Version(args) => version::run(&args, output),
    }
}

impl CommandLine {
    /// How this run talks.
    pub fn output(&self) -> Output {
        Output::new(self.global.output, self.global.quiet, self.global.color)
    }
}

/// Parses the command line.
///
/// # Errors
/// The exit code, once help, version or a usage error has been printed.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<CommandLine, ExitCode> {
    let words: Vec<_> = words.into_iter().collect();
    let mut tree = tree().color(colour_wish(&words));
    let parsed = tree
        .try_get_matches_from_mut(words)
        .and_then(|matches| CommandLine::from_arg_matches(&matches))
        .map_err(|error| error.format(&mut tree));
    parsed.map_err(|answer| match (answer.print(), answer.use_stderr()) {
        (_, true) => ExitCode::Usage,
        (Err(error), _) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::Failed,
        _ => ExitCode::Done,
    })
}

/// `--color` for clap's own answers, which are given before the command line is parsed.
fn colour_wish(words: &[OsString]) -> clap::ColorChoice {
    let mut wish = std::env::var("ETCDHA_COLOR").unwrap_or_default();
    let texts: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    for (index, word) in texts.iter().enumerate() {
        if let Some(value) = word.strip_prefix("--color=") {
            value.clone_into(&mut wish);
        } else if let ("--color", Some(value)) = (word.as_ref(), texts.get(index + 1)) {
            value.as_ref().clone_into(&mut wish);
        }
    }
    match wish.as_str() {
        "always" => clap::ColorChoice::Always,
        "never" => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    }
}

/// The whole tree, with an environment variable for every flag and the commands in groups.
pub fn tree() -> clap::Command {
    overview::with_groups(with_environment(CommandLine::command()))
}

fn with_environment(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| match variable(&arg) {
            Some(name) => with_variable(arg, name),
            None => arg,
        })
        .mut_subcommands(with_environment)
}

/// `ETCDHA_DRY_RUN` for `--dry-run`. Help and version are no settings.
fn variable(arg: &Arg) -> Option<String> {
    let long = arg.get_long()?;
    if matches!(long, "help" | "version") {
        return None;
    }
    Some(format!("ETCDHA_{}", long.replace('-', "_").to_uppercase()))
}

fn with_variable(arg: Arg, name: String) -> Arg {
    // The rule is told once, at the end of the help; values may be secrets.
    let arg = arg.env(name).hide_env(true);
    match arg.get_action() {
        ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
        _ => arg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_sound() {
        tree().debug_assert();
    }

    fn flags_without_variable(command: &clap::Command, found: &mut Vec<String>) {
        for arg in command.get_arguments() {
            let is_flag =
                arg.get_long().is_some() && !matches!(arg.get_id().as_str(), "help" | "version");
            if is_flag && arg.get_env().is_none() {
                found.push(format!("{} {arg}", command.get_name()));
            }
        }
        for child in command.get_subcommands() {
            flags_without_variable(child, found);
        }
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        let mut tree = tree();
        tree.build();
        let mut found = Vec::new();
        flags_without_variable(&tree, &mut found);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn the_colour_wish_is_read_before_parsing() {
        let wish =
            |words: &[&str]| colour_wish(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(wish(&["etcdha", "--color=never"]), clap::ColorChoice::Never);
        assert_eq!(
            wish(&["etcdha", "--color", "always", "-h"]),
            clap::ColorChoice::Always
        );
    }
}
