//! Where on its lines does a node stand?

use std::ops::Range;

use super::error::PatchError;
use crate::manifest::yaml::{Entry, NodeId, NodeKind, Style, Tree};

/// The line break the file uses around `offset`.
pub(super) fn line_break(tree: &Tree, offset: usize) -> &'static str {
    let text = tree.text();
    let line = &text[tree.lines().line_start(offset)..tree.lines().line_end(text, offset)];
    let crlf = if line.ends_with('\n') {
        line.ends_with("\r\n")
    } else {
        text.contains("\r\n")
    };
    if crlf { "\r\n" } else { "\n" }
}

/// What stands before a node on its line.
pub(super) fn line_prefix(tree: &Tree, node: NodeId) -> &str {
    let start = tree.node(node).span.start;
    &tree.text()[tree.lines().line_start(start)..start]
}

/// True when only white space stands before the node on its line.
pub(super) fn starts_line(tree: &Tree, node: NodeId) -> bool {
    line_prefix(tree, node)
        .chars()
        .all(|c| c == ' ' || c == '\t')
}

/// True when the item of a block list stands alone on its line: spaces, dash, spaces, item.
pub(super) fn is_plain_item(tree: &Tree, item: NodeId) -> bool {
    let prefix = line_prefix(tree, item);
    let rest = prefix.trim_start_matches(' ');
    rest.strip_prefix('-')
        .is_some_and(|gap| !gap.is_empty() && gap.chars().all(|c| c == ' '))
}

/// Looks up a key whose bytes are its own: neither merged in nor behind an alias.
pub(super) fn own_entry(
    tree: &Tree,
    mapping: NodeId,
    key: &str,
) -> Result<Option<Entry>, PatchError> {
    match tree.get(mapping, key) {
        Some(entry) if entry.shared => Err(shared(tree, entry.value)),
        entry => Ok(entry),
    }
}

/// Checks that a node is written here and not behind an alias.
pub(super) fn own_node(tree: &Tree, node: NodeId) -> Result<NodeId, PatchError> {
    if tree.is_alias(node) {
        Err(shared(tree, node))
    } else {
        Ok(node)
    }
}

fn shared(tree: &Tree, node: NodeId) -> PatchError {
    let (what, instead) = (
        "a value taken from another place by an alias",
        "the value itself",
    );
    PatchError::Unplaceable {
        at: tree.position(node),
        what,
        instead,
    }
}

/// The style of a scalar that can be replaced.
pub(super) fn editable(tree: &Tree, node: NodeId) -> Result<Style, PatchError> {
    let found = tree.node(node);
    let at = tree.position(node);
    match &found.kind {
        NodeKind::Alias(_) => Err(shared(tree, node)),
        _ if found.anchored => {
            let (what, instead) = ("a value with an anchor", "a value of its own");
            Err(PatchError::Unplaceable { at, what, instead })
        }
        _ if found.tagged_string => {
            let (what, instead) = ("a value with a tag", "a quoted value");
            Err(PatchError::Unplaceable { at, what, instead })
        }
        NodeKind::Scalar {
            style: Style::Block,
            ..
        } => {
            let (what, instead) = ("a block scalar", "a plain or quoted value on one line");
            Err(PatchError::Unplaceable { at, what, instead })
        }
        NodeKind::Scalar { style, .. } => Ok(*style),
        _ => {
            let (what, instead) = ("a collection", "a string");
            Err(PatchError::Unplaceable { at, what, instead })
        }
    }
}

/// The offset behind the last line of a node, where a following line can be inserted.
pub(super) fn behind_lines(tree: &Tree, node: NodeId) -> usize {
    let last = last_leaf(tree, node);
    let found = tree.node(last);
    let end = found.span.end;
    match found.kind {
        // Its span runs to the start of the line that follows.
        NodeKind::Scalar {
            style: Style::Block,
            ..
        } if ends_line(tree, end) => end,
        _ => tree.lines().line_end(tree.text(), end),
    }
}

/// The offset behind the last byte of a node.
pub(super) fn content_end(tree: &Tree, node: NodeId) -> usize {
    tree.node(last_leaf(tree, node)).span.end
}

fn ends_line(tree: &Tree, offset: usize) -> bool {
    tree.text()[..offset].ends_with('\n')
}

/// The node that ends last: a block collection has no end of its own.
fn last_leaf(tree: &Tree, node: NodeId) -> NodeId {
    let mut node = node;
    loop {
        let next = match &tree.node(node).kind {
            NodeKind::Sequence { items, flow: false } => items.last().copied(),
            NodeKind::Mapping {
                entries,
                flow: false,
            } => entries.last().map(|(_, value)| *value),
            _ => None,
        };
        match next {
            Some(inner) => node = inner,
            None => return node,
        }
    }
}

/// The whole lines an item of a block list takes.
pub(super) fn item_lines(tree: &Tree, item: NodeId) -> Result<Range<usize>, PatchError> {
    editable(tree, item)?;
    if !is_plain_item(tree, item) {
        let at = tree.position(item);
        let (what, instead) = ("an item that shares its line", "one item a line");
        return Err(PatchError::Unplaceable { at, what, instead });
    }
    let start = tree.lines().line_start(tree.node(item).span.start);
    Ok(start..behind_lines(tree, item))
}
