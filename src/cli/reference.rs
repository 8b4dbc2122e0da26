//! The command reference: a Markdown page for each command, made from the same tree as the help.

use clap::Command;

use super::command::tree;

/// One page of the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// File name, such as `config-check.md`.
    pub name: String,
    /// Markdown.
    pub text: String,
}

/// Every page, in the order of the command tree: what `docs/commands` holds.
pub fn reference() -> Vec<Page> {
    let root = tree();
    visible_commands(&root)
        .into_iter()
        .map(|(path, command)| page(&path, command))
        .collect()
}

fn page(path: &[String], command: Command) -> Page {
    let title = path.join(" ");
    let help = command
        .bin_name(title.clone())
        .term_width(100)
        .render_long_help()
        .to_string();
    let help: Vec<_> = help.lines().map(str::trim_end).collect();
    let name = match path {
        [_, parts @ ..] if !parts.is_empty() => parts.join("-"),
        _ => title.clone(),
    };
    Page {
        name: format!("{name}.md"),
        text: format!(
            "# {title}\n\n```text\n{}\n```\n",
            help.join("\n").trim_end()
        ),
    }
}

/// Every command that help shows, with its path from `etcdha` on. clap's own `help` is left out.
pub(super) fn visible_commands(root: &Command) -> Vec<(Vec<String>, Command)> {
    let mut built = root.clone();
    built.build();
    let mut found = Vec::new();
    collect(&built, &mut Vec::new(), &mut found);
    found
}

fn collect(command: &Command, parents: &mut Vec<String>, found: &mut Vec<(Vec<String>, Command)>) {
    parents.push(command.get_name().to_owned());
    found.push((parents.clone(), command.clone()));
    for child in command.get_subcommands() {
        if !child.is_hide_set() && child.get_name() != "help" {
            collect(child, parents, found);
        }
    }
    parents.pop();
}
