//! The commands in groups, as `etcdha` alone and `etcdha --help` show them.
//!
//! Invariant: every visible command stands in exactly one group (a test says which one is missing).

use std::fmt::Write as _;

use clap::Command;

/// Groups in the order in which an operator meets them.
const GROUPS: [(&str, &[&str]); 6] = [
    (
        "Set up",
        &["init", "config", "certs", "manifest", "kubeadm"],
    ),
    (
        "Change",
        &["member", "apiserver", "topology", "resume", "undo"],
    ),
    ("Look", &["status"]),
    ("Protect", &["snapshot"]),
    ("Front end", &["frontend"]),
    ("More", &["completions", "man", "version", "help"]),
];

const FOOTER: &str = "\
Run 'etcdha COMMAND --help' for more about a command.
Every flag can be set by a variable: --dry-run is ETCDHA_DRY_RUN. ETCDHA_LOG filters the logs.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 partly applied, 5 a check found problems.
";

/// Gives the root command a help that shows its commands in groups.
pub(super) fn with_groups(root: Command) -> Command {
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}Every command:\n{{options}}\n\n{FOOTER}",
        groups(&root)
    );
    root.help_template(template)
}

fn groups(root: &Command) -> String {
    let mut text = String::new();
    for (heading, names) in GROUPS {
        let known: Vec<_> = names
            .iter()
            .filter_map(|name| Some((*name, about(root, name)?)))
            .collect();
        if known.is_empty() {
            continue;
        }
        // Writing to a string does not fail.
        let _ = writeln!(text, "{heading}:");
        for (name, about) in known {
            let _ = writeln!(text, "  {name:<12} {about}");
        }
        text.push('\n');
    }
    text
}

fn about(root: &Command, name: &str) -> Option<String> {
    if name == "help" {
        return Some("Print the help of a command".to_owned());
    }
    let command = root.find_subcommand(name)?;
    Some(command.get_about()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tree;

    #[test]
    fn every_command_stands_in_one_group() {
        for command in tree().get_subcommands() {
            let name = command.get_name();
            let groups = GROUPS.iter().filter(|(_, names)| names.contains(&name));
            let expected = usize::from(!command.is_hide_set());
            assert_eq!(groups.count(), expected, "{name}");
        }
    }
}
