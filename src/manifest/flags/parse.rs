//! Reads flags as Go's `flag` package (etcd) and `pflag` (kube-apiserver) read them.
//!
//! The two differ where it hurts: Go's package stops at the first word that is no flag, and a
//! boolean there never takes the next word as its value, so `--client-cert-auth true` ends the
//! flags. A flag given twice: the later one wins in both, but pflag's list flags
//! (`--etcd-servers`) collect all of them.

use std::collections::BTreeSet;

use super::command::{CommandLine, List, Variables, Word};
use crate::manifest::pod::{Container, Located};
use crate::manifest::yaml::Position;

/// Whose rules apply.
#[derive(Clone, Copy, Debug)]
pub enum Dialect {
    /// Go's `flag`: `-x` is `--x`, booleans take no word, parsing stops at a stray word.
    Go {
        /// Tells booleans.
        is_boolean: fn(&str) -> bool,
        /// Prefix of the variables that set flags, such as `ETCD_`.
        variables: &'static str,
    },
    /// `pflag` as Kubernetes uses it: `_` is `-`, stray words are passed over.
    Pflag,
}

/// How a flag is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `--name=value`.
    Equals,
    /// `--name value`, two words.
    Separate,
    /// `--name`.
    Bare,
    /// An environment variable.
    Variable,
}

/// One flag as given.
#[derive(Clone, Debug)]
pub struct Flag<'a> {
    /// Its name without dashes.
    pub name: String,
    /// Its value; `true` for a bare boolean. `None` when it is not in the file.
    pub value: Option<String>,
    /// How it is written.
    pub form: Form,
    /// Where it stands.
    pub at: Position,
    /// The word, or the variable's value.
    pub source: &'a Located<String>,
    /// The list and index of its first word; `None` for a variable.
    pub(crate) word: Option<(List, usize)>,
    /// Likewise of its value in the form `--name value`.
    pub(crate) value_word: Option<(List, usize)>,
}

/// Every flag of a container, in order.
#[derive(Clone, Debug)]
pub struct Flags<'a> {
    given: Vec<Flag<'a>>,
    stray: Option<Word<'a>>,
    in_shell: bool,
    program: Option<&'a Located<String>>,
}

impl<'a> Flags<'a> {
    /// Reads the command line and, for etcd, the variables of `container`.
    pub fn of(container: &'a Container, dialect: Dialect) -> Self {
        let line = CommandLine::of(container);
        let mut flags = Self {
            given: Vec::new(),
            stray: None,
            in_shell: line.in_shell,
            program: line.program,
        };
        if !line.in_shell {
            flags.read_words(line.words, dialect);
        }
        if let Dialect::Go { variables, .. } = dialect {
            flags.read_variables(container, variables);
        }
        flags
    }

    fn read_words(&mut self, words: Vec<Word<'a>>, dialect: Dialect) {
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let text = word.text.clone();
            let shown = text.as_deref().unwrap_or(&word.source.value);
            let Some((name, inline)) = split(shown, dialect) else {
                self.stray.get_or_insert(word);
                match dialect {
                    Dialect::Go { .. } => return,
                    Dialect::Pflag => continue,
                }
            };
            let known = text.is_some();
            let inline = inline.map(str::to_owned);
            let mut flag = Flag {
                name: normalize(name, dialect),
                value: inline.clone().filter(|_| known),
                form: Form::Equals,
                at: word.source.at,
                source: word.source,
                word: Some((word.list, word.index)),
                value_word: None,
            };
            if inline.is_none() {
                let takes_word = match dialect {
                    Dialect::Go { is_boolean, .. } => !is_boolean(&flag.name),
                    // Types are not known here: a word that looks like a flag is one.
                    Dialect::Pflag => words
                        .peek()
                        .is_some_and(|next| !next.source.value.starts_with('-')),
                };
                match takes_word.then(|| words.next()).flatten() {
                    Some(value) => {
                        flag.form = Form::Separate;
                        flag.value_word = Some((value.list, value.index));
                        flag.source = value.source;
                        flag.value = value.text.filter(|_| known);
                    }
                    None => {
                        flag.form = Form::Bare;
                        flag.value = (!takes_word && known).then(|| "true".to_owned());
                    }
                }
            }
            self.given.push(flag);
        }
    }

    fn read_variables(&mut self, container: &'a Container, prefix: &str) {
        let variables = Variables::of(container);
        for variable in &container.env {
            let Some(name) = variable.name.value.strip_prefix(prefix) else {
                continue;
            };
            let value = variables.get(&variable.name.value).map(str::to_owned);
            // etcd takes an empty variable as one that is not set.
            if value.as_deref() == Some("") {
                continue;
            }
            self.given.push(Flag {
                name: name.to_ascii_lowercase().replace('_', "-"),
                value,
                form: Form::Variable,
                at: variable.name.at,
                source: variable.value.as_ref().unwrap_or(&variable.name),
                word: None,
                value_word: None,
            });
        }
    }

    /// Every flag in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Flag<'a>> {
        self.given.iter()
    }

    /// Every occurrence of a flag.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Flag<'a>> {
        self.given.iter().filter(move |flag| flag.name == name)
    }

    /// The occurrence that counts: the last one on the command line, else the variable.
    pub fn get(&self, name: &str) -> Option<&Flag<'a>> {
        let named = || self.given.iter().filter(|flag| flag.name == name);
        let on_line = named().rfind(|flag| flag.form != Form::Variable);
        on_line.or_else(|| named().next_back())
    }

    /// The value that counts; `None` when the flag is absent or its value is not in the file.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.get(name)?.value.as_deref()
    }

    /// The comma-separated parts of a value, trimmed as etcd does, without empty ones.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let parts = self
            .value(name)
            .unwrap_or_default()
            .split(',')
            .map(str::trim);
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// A boolean as Go's `strconv.ParseBool` reads it; `Some(false)` when the flag is absent, `None`
    /// when its value can't be known or is no boolean.
    pub fn is_true(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            None => Some(false),
            Some(flag) => parse_bool(flag.value.as_deref()?),
        }
    }

    /// The names that are given, each once.
    pub fn names(&self) -> BTreeSet<&str> {
        self.given.iter().map(|flag| flag.name.as_str()).collect()
    }

    /// The first word that is no flag.
    pub fn stray(&self) -> Option<&Word<'a>> {
        self.stray.as_ref()
    }

    /// True when a shell runs the program, so that its flags can't be seen.
    pub fn in_shell(&self) -> bool {
        self.in_shell
    }

    /// The program, when the manifest names it.
    pub fn program(&self) -> Option<&'a Located<String>> {
        self.program
    }
}

/// Splits `--name=value`; `None` for a word that is no flag.
fn split(word: &str, dialect: Dialect) -> Option<(&str, Option<&str>)> {
    let name = match dialect {
        Dialect::Go { .. } => word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?,
        Dialect::Pflag => word.strip_prefix("--")?,
    };
    if name.is_empty() || name.starts_with(['-', '=']) {
        return None;
    }
    Some(match name.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (name, None),
    })
}

fn normalize(name: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Go { .. } => name.to_owned(),
        Dialect::Pflag => name.replace('_', "-"),
    }
}

/// Reads a boolean the way Go does.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::pod::StaticPod;

    fn pod(container: &str) -> StaticPod {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: c\n{container}"
        );
        StaticPod::parse(text.as_bytes()).unwrap()
    }

    fn shown(container: &str, dialect: Dialect) -> String {
        let pod = pod(container);
        let flags = Flags::of(&pod.containers[0], dialect);
        let mut out: Vec<String> = flags
            .iter()
            .map(|flag| {
                let value = flag.value.as_deref().unwrap_or("?");
                format!("{}:{}={value} {:?}", flag.at.line, flag.name, flag.form)
            })
            .collect();
        out.extend(
            flags
                .stray()
                .map(|word| format!("stray {}", word.source.value)),
        );
        out.join("; ")
    }

    const GO: Dialect = Dialect::Go {
        is_boolean: |name| name == "b",
        variables: "ETCD_",
    };

    #[test]
    fn go_reads_both_dashes_and_stops_at_a_stray_word() {
        let container = "    command: [etcd, -a=1, --c, x]\n    args: [--b, '1', --d=4]\n";
        assert_eq!(
            shown(container, GO),
            "7:a=1 Equals; 7:c=x Separate; 8:b=true Bare; stray 1"
        );
        assert_eq!(shown("    args: [--a]\n", GO), "7:a=? Bare");
    }

    #[test]
    fn pflag_passes_over_stray_words_and_takes_underscores() {
        let container = "    command: [kube-apiserver, --a_b, x, w, --c, --d=1]\n";
        let expected = "7:a-b=x Separate; 7:c=true Bare; 7:d=1 Equals; stray w";
        assert_eq!(shown(container, Dialect::Pflag), expected);
    }

    #[test]
    fn variables_set_flags_and_fill_words() {
        let container = "    command: [etcd, --name=$(NODE), --a=$(IP)]\n    env:\n    - {name: IP, \
                         value: 10.0.0.1}\n    - {name: NODE, valueFrom: {fieldRef: {}}}\n    - \
                         {name: ETCD_DATA_DIR, value: /d}\n    - {name: ETCD_EMPTY}\n";
        let expected = "7:name=? Equals; 7:a=10.0.0.1 Equals; 11:data-dir=/d Variable";
        assert_eq!(shown(container, GO), expected);
    }

    #[test]
    fn the_last_on_the_command_line_counts() {
        let pod = pod("    command: [etcd, --a=1, --a=2]\n    env: [{name: ETCD_A, value: '3'}]\n");
        let flags = Flags::of(&pod.containers[0], GO);
        assert_eq!(flags.value("a"), Some("2"));
        assert_eq!(flags.all("a").count(), 3);
        assert_eq!(flags.is_true("b"), Some(false));
    }

    #[test]
    fn a_shell_hides_the_flags() {
        let pod = pod("    command: [/bin/sh, -c, 'etcd --a=1']\n");
        let flags = Flags::of(&pod.containers[0], GO);
        assert!(flags.in_shell() && flags.iter().count() == 0);
    }
}
