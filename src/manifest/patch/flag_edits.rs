//! Edits of a container's flags.

use serde_json::Value;

use super::append::{flow_separator, insert_lines};
use super::apply::Change;
use super::error::PatchError;
use super::layout::{
    behind_lines, editable, is_plain_item, item_lines, line_prefix, own_entry, own_node,
};
use super::splice::Splice;
use crate::manifest::flags::{Dialect, Flag, Flags, Form, List, Program};
use crate::manifest::pod::{Container, Located, StaticPod};
use crate::manifest::yaml::{NodeId, NodeKind, like};

/// The index of a container and its flags.
pub(super) struct Target<'a> {
    pod: &'a StaticPod,
    container: &'a Container,
    index: usize,
    flags: Flags<'a>,
}

type Word = (List, usize);

impl<'a> Target<'a> {
    pub(super) fn find(pod: &'a StaticPod, name: &str) -> Result<Self, PatchError> {
        let index = find_container(pod, name)?;
        let container = &pod.containers[index];
        let flags = Flags::of(container, dialect(container));
        if flags.in_shell() {
            return Err(PatchError::Shell {
                container: name.to_owned(),
            });
        }
        Ok(Self {
            pod,
            container,
            index,
            flags,
        })
    }

    /// The value the program gets.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.flags.value(name)
    }

    /// The occurrences on the command line.
    fn occurrences(&self, name: &str) -> Result<Vec<&Flag<'a>>, PatchError> {
        let found: Vec<&Flag<'a>> = self.flags.iter().filter(|flag| flag.name == name).collect();
        if let Some(variable) = found.iter().find(|flag| flag.form == Form::Variable) {
            return Err(PatchError::Variable {
                at: variable.at,
                name: name.to_owned(),
            });
        }
        Ok(found)
    }

    fn missing(&self, name: &str) -> PatchError {
        let container = self.container.name.value.clone();
        PatchError::NoFlag {
            container,
            name: name.to_owned(),
        }
    }

    pub(super) fn set(&self, name: &str, value: &str) -> Result<Change, PatchError> {
        let found = self.occurrences(name)?;
        let (last, earlier) = found.split_last().ok_or_else(|| self.missing(name))?;
        let mut change = self.remove_words(earlier)?;
        let value = escape(value);
        let (word, text) = match (last.form, last.value_word, last.word) {
            (Form::Separate, Some(word), _) => (word, value),
            (_, _, Some(word)) => {
                let written = &self.source(word).value;
                let name = written
                    .split_once('=')
                    .map_or(written.as_str(), |(name, _)| name);
                (word, format!("{name}={value}"))
            }
            _ => return Err(self.missing(name)),
        };
        if self.source(word).value != text {
            let node = self.node(word)?;
            let style = editable(&self.pod.tree, node)?;
            let written = like(style, &text, self.in_flow(word)?);
            change.splices.push(Splice::replace(
                self.pod.tree.node(node).span.clone(),
                written,
            ));
        }
        // Removing earlier words moves this one forward in its list.
        let before = removed_before(earlier, word);
        if let Some(slot) = self
            .list(&mut change.expected, word.0)
            .get_mut(word.1 - before)
        {
            *slot = Value::String(text);
        }
        Ok(change)
    }

    pub(super) fn remove(&self, name: &str) -> Result<Change, PatchError> {
        let found = self.occurrences(name)?;
        if found.is_empty() {
            return Err(self.missing(name));
        }
        self.remove_words(&found)
    }

    pub(super) fn add(
        &self,
        name: &str,
        value: &str,
        after: Option<&str>,
    ) -> Result<Change, PatchError> {
        if let Some(flag) = self.flags.get(name) {
            return Err(PatchError::FlagExists {
                at: flag.at,
                name: name.to_owned(),
            });
        }
        let neighbour = self
            .neighbour(after)
            .ok_or_else(|| self.missing("flag at all"))?;
        let text = format!("--{name}={}", escape(value));
        let splice = self.insert_behind(neighbour, &text)?;
        let mut change = Change::of(self.pod)?;
        change.splices.push(splice);
        let list = self.list(&mut change.expected, neighbour.0);
        list.insert(neighbour.1 + 1, Value::String(text));
        Ok(change)
    }

    /// The word a new flag goes behind.
    fn neighbour(&self, after: Option<&str>) -> Option<Word> {
        let wanted = after
            .and_then(|name| self.flags.get(name))
            .filter(|f| f.word.is_some());
        let last = || self.flags.iter().filter(|flag| flag.word.is_some()).last();
        let flag = wanted.or_else(last);
        let of_flag = flag.and_then(|flag| flag.value_word.or(flag.word));
        of_flag.or_else(|| {
            let last = self.container.command.len().checked_sub(1)?;
            Some((List::Command, last))
        })
    }

    fn insert_behind(&self, neighbour: Word, text: &str) -> Result<Splice, PatchError> {
        let tree = &self.pod.tree;
        let node = self.node(neighbour)?;
        let style = editable(tree, node)?;
        if self.in_flow(neighbour)? {
            let written = like(style, text, true);
            let separator = flow_separator(tree, node);
            return Ok(Splice::insert(
                tree.node(node).span.end,
                format!("{separator}{written}"),
            ));
        }
        if !is_plain_item(tree, node) {
            let at = tree.position(node);
            let (what, instead) = ("an item that shares its line", "one item a line");
            return Err(PatchError::Unplaceable { at, what, instead });
        }
        let line = format!("{}{}\n", line_prefix(tree, node), like(style, text, false));
        Ok(insert_lines(tree, behind_lines(tree, node), &line))
    }

    fn remove_words(&self, flags: &[&Flag<'_>]) -> Result<Change, PatchError> {
        let mut change = Change::of(self.pod)?;
        let mut words = words_of(flags);
        words.sort_by_key(|(list, index)| (*list == List::Args, *index));
        for list in [List::Command, List::Args] {
            let indices: Vec<usize> = words
                .iter()
                .filter(|word| word.0 == list)
                .map(|word| word.1)
                .collect();
            if indices.is_empty() {
                continue;
            }
            change.splices.extend(self.removal(list, &indices)?);
            let items = self.list(&mut change.expected, list);
            for index in indices.iter().rev() {
                items.remove(*index);
            }
        }
        Ok(change)
    }

    fn removal(&self, list: List, indices: &[usize]) -> Result<Vec<Splice>, PatchError> {
        let tree = &self.pod.tree;
        let first = self.node((list, indices[0]))?;
        let nodes = tree.items(self.list_node(list)?).to_vec();
        if nodes.len() == indices.len() {
            let at = tree.position(first);
            let (what, instead) = ("a list that would be empty then", "no list");
            return Err(PatchError::Unplaceable { at, what, instead });
        }
        if !self.in_flow((list, indices[0]))? {
            let ranges = indices.iter().map(|index| item_lines(tree, nodes[*index]));
            return ranges.map(|range| range.map(Splice::remove)).collect();
        }
        indices
            .iter()
            .map(|index| self.flow_removal(&nodes, *index, indices))
            .collect()
    }

    /// Removes an item of a flow list with one of the commas around it.
    fn flow_removal(
        &self,
        nodes: &[NodeId],
        index: usize,
        removed: &[usize],
    ) -> Result<Splice, PatchError> {
        let tree = &self.pod.tree;
        let span = |index: usize| tree.node(nodes[index]).span.clone();
        let next = nodes.get(index + 1).map(|_| span(index + 1).start);
        // The items from here to the end all go: take the comma before the first of them.
        let all_follow = (index..nodes.len()).all(|later| removed.contains(&later));
        let range = match next {
            Some(next) if !all_follow => span(index).start..next,
            _ => span(index - 1).end..span(index).end,
        };
        let own = &tree.text()[range.clone()];
        let outside = own.replacen(&tree.text()[span(index)], "", 1);
        if outside.contains('#') {
            let at = tree.position(nodes[index]);
            let (what, instead) = ("an item with a comment beside it", "one item a line");
            return Err(PatchError::Unplaceable { at, what, instead });
        }
        editable(tree, nodes[index])?;
        Ok(Splice::remove(range))
    }

    fn source(&self, word: Word) -> &'a Located<String> {
        match word.0 {
            List::Command => &self.container.command[word.1],
            List::Args => &self.container.args[word.1],
        }
    }

    fn list_node(&self, list: List) -> Result<NodeId, PatchError> {
        let tree = &self.pod.tree;
        let container = own_container(self.pod, self.index)?;
        let key = key_of(list);
        let entry = own_entry(tree, container, key)?;
        entry
            .map(|entry| entry.value)
            .ok_or_else(|| self.missing(key))
    }

    fn node(&self, word: Word) -> Result<NodeId, PatchError> {
        let tree = &self.pod.tree;
        let items = tree.items(self.list_node(word.0)?);
        let node = items
            .get(word.1)
            .copied()
            .ok_or_else(|| self.missing(key_of(word.0)))?;
        own_node(tree, node)
    }

    fn in_flow(&self, word: Word) -> Result<bool, PatchError> {
        let list = self.list_node(word.0)?;
        Ok(matches!(
            self.pod.tree.node(list).kind,
            NodeKind::Sequence { flow: true, .. }
        ))
    }

    /// The list in the expected document.
    fn list<'v>(&self, expected: &'v mut Value, list: List) -> &'v mut Vec<Value> {
        let value = &mut expected["spec"]["containers"][self.index][key_of(list)];
        if !value.is_array() {
            *value = Value::Array(Vec::new());
        }
        match value {
            Value::Array(items) => items,
            _ => unreachable!("made an array above"),
        }
    }
}

fn key_of(list: List) -> &'static str {
    match list {
        List::Command => "command",
        List::Args => "args",
    }
}

fn words_of(flags: &[&Flag<'_>]) -> Vec<Word> {
    flags
        .iter()
        .flat_map(|flag| flag.word.into_iter().chain(flag.value_word))
        .collect()
}

fn removed_before(earlier: &[&Flag<'_>], word: Word) -> usize {
    words_of(earlier)
        .iter()
        .filter(|(list, index)| *list == word.0 && *index < word.1)
        .count()
}

/// The kubelet fills in `$(NAME)` and makes `$` of `$$`.
fn escape(value: &str) -> String {
    value.replace('$', "$$")
}

fn dialect(container: &Container) -> Dialect {
    Program::of(container)
        .unwrap_or(Program::Apiserver)
        .dialect()
}

/// The index of the container of that name.
pub(super) fn find_container(pod: &StaticPod, name: &str) -> Result<usize, PatchError> {
    pod.containers
        .iter()
        .position(|container| container.name.value == name)
        .ok_or_else(|| {
            let names: Vec<&str> = pod
                .containers
                .iter()
                .map(|c| c.name.value.as_str())
                .collect();
            PatchError::NoContainer {
                wanted: name.to_owned(),
                found: names.join(", "),
            }
        })
}

/// The node of a container, when its bytes are its own.
pub(super) fn own_container(pod: &StaticPod, index: usize) -> Result<NodeId, PatchError> {
    own_spec(pod)?;
    own_node(&pod.tree, pod.containers[index].node)
}

/// The node of `spec`.
pub(super) fn own_spec(pod: &StaticPod) -> Result<NodeId, PatchError> {
    let tree = &pod.tree;
    let spec = own_entry(tree, tree.root(), "spec")?.map(|entry| entry.value);
    let spec = spec.unwrap_or_else(|| tree.root());
    own_entry(tree, spec, "containers")?;
    Ok(spec)
}
