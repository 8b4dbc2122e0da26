//! Adds an item to a list or an entry to a mapping, in the layout the collection already has.

use super::error::PatchError;
use super::layout::{behind_lines, content_end, line_break, line_prefix, own_entry, starts_line};
use super::splice::Splice;
use crate::manifest::yaml::{NodeId, NodeKind, Style, Tree, Yaml, write_block, write_flow};

/// Adds `item` to the list under `key` of a mapping, making the list when there is none.
pub(super) fn append_to_list(
    tree: &Tree,
    mapping: NodeId,
    key: &'static str,
    item: Yaml,
) -> Result<Splice, PatchError> {
    let Some(entry) = own_entry(tree, mapping, key)? else {
        return append_entry(
            tree,
            mapping,
            &Yaml::Map(vec![(key, Yaml::List(vec![item]))]),
        );
    };
    let list = entry.value;
    match &tree.node(list).kind {
        NodeKind::Sequence { items, flow: true } => Ok(append_in_flow(tree, list, items, &item)),
        NodeKind::Sequence { items, flow: false } => {
            let first = items.first().copied().unwrap_or(list);
            let indent = dash_indent(tree, first)?;
            let lines = write_block(&Yaml::List(vec![item]), indent);
            Ok(insert_lines(tree, behind_lines(tree, list), &lines))
        }
        _ => Err(empty(tree, list)),
    }
}

/// Adds the entries of `entry`, a mapping of one key, to a mapping.
pub(super) fn append_entry(
    tree: &Tree,
    mapping: NodeId,
    entry: &Yaml,
) -> Result<Splice, PatchError> {
    match &tree.node(mapping).kind {
        NodeKind::Mapping {
            entries,
            flow: true,
        } => {
            let braces = write_flow(entry, is_json(tree, mapping));
            let inner = braces
                .strip_prefix('{')
                .and_then(|inner| inner.strip_suffix('}'));
            let last = entries
                .last()
                .map(|(key, value)| (*key, content_end(tree, *value)));
            Ok(insert_in_flow(
                tree,
                mapping,
                last,
                inner.unwrap_or_default(),
            ))
        }
        NodeKind::Mapping {
            entries,
            flow: false,
        } if !entries.is_empty() => {
            let prefix = line_prefix(tree, entries[0].0);
            if !prefix.chars().all(|c| c == ' ' || c == '-') {
                let at = tree.position(entries[0].0);
                let (what, instead) = ("a mapping that shares its line", "one key a line");
                return Err(PatchError::Unplaceable { at, what, instead });
            }
            let lines = write_block(entry, prefix.len());
            Ok(insert_lines(tree, behind_lines(tree, mapping), &lines))
        }
        _ => Err(empty(tree, mapping)),
    }
}

/// The column of the dashes of a block list.
fn dash_indent(tree: &Tree, first: NodeId) -> Result<usize, PatchError> {
    // The first key of a mapping item stands where the item starts.
    let first = match &tree.node(first).kind {
        NodeKind::Mapping {
            entries,
            flow: false,
        } if !entries.is_empty() => entries[0].0,
        _ => first,
    };
    let prefix = line_prefix(tree, first);
    let bare = prefix.trim_end_matches(' ');
    match bare.strip_suffix('-') {
        Some(indent) if indent.chars().all(|c| c == ' ') && bare.len() < prefix.len() => {
            Ok(indent.len())
        }
        _ => {
            let at = tree.position(first);
            let (what, instead) = (
                "a list item that does not start its line",
                "`- ` and the item",
            );
            Err(PatchError::Unplaceable { at, what, instead })
        }
    }
}

fn append_in_flow(tree: &Tree, list: NodeId, items: &[NodeId], item: &Yaml) -> Splice {
    let text = write_flow(item, is_json(tree, list));
    let last = items.last().map(|last| (*last, content_end(tree, *last)));
    insert_in_flow(tree, list, last, &text)
}

/// Inserts behind the last element, on a line of its own where that one has one.
fn insert_in_flow(
    tree: &Tree,
    collection: NodeId,
    last: Option<(NodeId, usize)>,
    text: &str,
) -> Splice {
    match last {
        Some((node, end)) => {
            let separator = flow_separator(tree, node);
            Splice::insert(end, format!("{separator}{text}"))
        }
        None => Splice::insert(tree.node(collection).span.start + 1, text),
    }
}

/// What comes between `element` and one that follows it.
pub(super) fn flow_separator(tree: &Tree, element: NodeId) -> String {
    let start = tree.node(element).span.start;
    if starts_line(tree, element) {
        format!(",{}{}", line_break(tree, start), line_prefix(tree, element))
    } else {
        ", ".into()
    }
}

/// True when the collection is written as JSON: its first string is in double quotes.
fn is_json(tree: &Tree, node: NodeId) -> bool {
    let mut node = node;
    loop {
        match &tree.node(node).kind {
            NodeKind::Scalar { style, .. } => return *style == Style::DoubleQuoted,
            NodeKind::Mapping { entries, .. } if !entries.is_empty() => node = entries[0].0,
            NodeKind::Sequence { items, .. } if !items.is_empty() => node = items[0],
            _ => return tree.text().trim_start().starts_with('{'),
        }
    }
}

/// Inserts whole lines at the start of a line, or behind a last line that has no break.
pub(super) fn insert_lines(tree: &Tree, at: usize, lines: &str) -> Splice {
    let ending = line_break(tree, at.saturating_sub(1));
    let lines = lines.replace('\n', ending);
    if at == 0 || tree.text()[..at].ends_with('\n') {
        Splice::insert(at, lines)
    } else {
        let without_break = lines.strip_suffix(ending).unwrap_or(&lines);
        Splice::insert(at, format!("{ending}{without_break}"))
    }
}

fn empty(tree: &Tree, node: NodeId) -> PatchError {
    let (what, instead) = ("an empty value", "nothing, removing its key");
    PatchError::Unplaceable {
        at: tree.position(node),
        what,
        instead,
    }
}
