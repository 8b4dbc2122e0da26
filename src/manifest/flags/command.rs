//! Which words does the kubelet start the container with?

use std::collections::HashMap;

use crate::manifest::pod::{Container, Located};

/// The list of the manifest a word stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum List {
    /// `command`.
    Command,
    /// `args`.
    Args,
}

/// One word of the command line.
#[derive(Clone, Debug)]
pub struct Word<'a> {
    /// The word in the file.
    pub source: &'a Located<String>,
    /// The list it stands in.
    pub list: List,
    /// Its index in that list.
    pub index: usize,
    /// The word with `$(VARIABLE)` filled in; `None` where a variable's value is not in the file.
    pub text: Option<String>,
}

/// How a container starts.
pub(crate) struct CommandLine<'a> {
    /// The program, when the manifest names it (otherwise the image does).
    pub(crate) program: Option<&'a Located<String>>,
    /// The words behind the program.
    pub(crate) words: Vec<Word<'a>>,
    /// A shell runs a script, so the words are not the program's.
    pub(crate) in_shell: bool,
}

const SHELLS: [&str; 5] = ["sh", "bash", "ash", "dash", "busybox"];

impl<'a> CommandLine<'a> {
    pub(crate) fn of(container: &'a Container) -> Self {
        let variables = Variables::of(container);
        let word = |list, (index, source): (usize, &'a Located<String>)| {
            let text = variables.fill(&source.value);
            Word {
                source,
                list,
                index,
                text,
            }
        };
        let command = container
            .command
            .iter()
            .enumerate()
            .map(|item| word(List::Command, item));
        let args = container
            .args
            .iter()
            .enumerate()
            .map(|item| word(List::Args, item));
        let mut words: Vec<Word<'a>> = command.chain(args).collect();
        let names_program = words
            .first()
            .is_some_and(|first| !first.source.value.starts_with('-'));
        let program = names_program.then(|| words.remove(0).source);
        let in_shell = program.is_some_and(|program| SHELLS.contains(&file_name(&program.value)));
        Self {
            program,
            words,
            in_shell,
        }
    }
}

/// The last component of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The file name of the program a container runs, when the manifest names it.
pub(crate) fn command_program(container: &Container) -> Option<&str> {
    CommandLine::of(container)
        .program
        .map(|program| file_name(&program.value))
}

/// The container's variables, as far as the file gives them.
pub(super) struct Variables {
    known: HashMap<String, Option<String>>,
    /// `envFrom` may define any other.
    open: bool,
}

impl Variables {
    pub(super) fn of(container: &Container) -> Self {
        let mut variables = Self {
            known: HashMap::new(),
            open: container.env_from,
        };
        for variable in &container.env {
            let value = variable
                .value
                .as_ref()
                .and_then(|value| variables.fill(&value.value));
            variables.known.insert(variable.name.value.clone(), value);
        }
        variables
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.known.get(name)?.as_deref()
    }

    /// Replaces `$(NAME)`. As in Kubernetes, `$$` stands for `$` and an undefined name stays.
    pub(super) fn fill(&self, text: &str) -> Option<String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let tail = &rest[at + 1..];
            rest = if let Some(after) = tail.strip_prefix('$') {
                out.push('$');
                after
            } else if let Some((name, after)) = tail
                .strip_prefix('(')
                .and_then(|inner| inner.split_once(')'))
            {
                match self.known.get(name) {
                    Some(value) => out.push_str(value.as_deref()?),
                    None if self.open => return None,
                    None => out.push_str(&format!("$({name})")),
                }
                after
            } else {
                out.push('$');
                tail
            };
        }
        out.push_str(rest);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(known: &[(&str, Option<&str>)], open: bool) -> Variables {
        let known = known
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)));
        Variables {
            known: known.collect(),
            open,
        }
    }

    #[test]
    fn variables_are_filled_as_kubernetes_does() {
        let closed = variables(&[("IP", Some("10.0.0.1")), ("NODE", None)], false);
        for (text, filled) in [
            ("--a=$(IP):1", Some("--a=10.0.0.1:1")),
            ("$$(IP)", Some("$(IP)")),
            ("$(NO)", Some("$(NO)")),
            ("a$b$", Some("a$b$")),
            ("$(IP", Some("$(IP")),
            ("--name=$(NODE)", None),
        ] {
            assert_eq!(closed.fill(text).as_deref(), filled, "{text}");
        }
        assert_eq!(variables(&[], true).fill("$(NO)"), None);
    }
}
