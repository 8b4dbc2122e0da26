//! The document as an arena of nodes.
//!
//! An alias points at its anchor's node instead of copying it, and nothing here recurses, so that
//! neither nested nor self-referring input can exhaust the stack.

use std::ops::Range;

use super::lines::{LineIndex, Position};
use super::scalar::Scalar;

/// Index of a node in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(super) usize);

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    /// `|` or `>`; its span takes in line breaks that belong to the layout.
    Block,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum NodeKind {
    Scalar {
        text: String,
        style: Style,
    },
    Sequence {
        items: Vec<NodeId>,
        flow: bool,
    },
    Mapping {
        entries: Vec<(NodeId, NodeId)>,
        flow: bool,
    },
    Alias(NodeId),
}

/// One node and the bytes it stands in. A block collection's span is not meaningful.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) kind: NodeKind,
    /// An `&anchor` stands before it, so that editing it could change other places.
    pub(crate) anchored: bool,
    /// A `!!str` stands before it.
    pub(crate) tagged_string: bool,
}

/// One YAML document.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(super) text: String,
    pub(super) lines: LineIndex,
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
}

/// A value found under a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) value: NodeId,
    /// It came through an alias or a merge key: its bytes belong to another place.
    pub(crate) shared: bool,
}

impl Tree {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn lines(&self) -> &LineIndex {
        &self.lines
    }

    pub(crate) fn root(&self) -> NodeId {
        self.root
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Where a node starts.
    pub(crate) fn position(&self, id: NodeId) -> Position {
        self.lines.position(&self.text, self.node(id).span.start)
    }

    /// The node an alias stands for; any other node itself.
    pub(crate) fn follow(&self, id: NodeId) -> NodeId {
        match self.node(id).kind {
            NodeKind::Alias(target) => target,
            _ => id,
        }
    }

    /// The scalar's meaning, `None` for collections.
    pub(crate) fn scalar(&self, id: NodeId) -> Option<Scalar> {
        let node = self.node(self.follow(id));
        match &node.kind {
            NodeKind::Scalar {
                text,
                style: Style::Plain,
            } if !node.tagged_string => {
                // The parser writes an absent value as "~" with an empty span.
                Some(if node.span.is_empty() {
                    Scalar::Null
                } else {
                    Scalar::plain(text)
                })
            }
            NodeKind::Scalar { text, .. } => Some(Scalar::Text(text.clone())),
            _ => None,
        }
    }

    /// True for an absent, empty or `null` value.
    pub(crate) fn is_null(&self, id: NodeId) -> bool {
        self.scalar(id) == Some(Scalar::Null)
    }

    /// The entries of a mapping as written, without those merged in; empty for anything else.
    pub(crate) fn entries(&self, id: NodeId) -> &[(NodeId, NodeId)] {
        match &self.node(self.follow(id)).kind {
            NodeKind::Mapping { entries, .. } => entries,
            _ => &[],
        }
    }

    /// The items of a sequence; empty for anything else.
    pub(crate) fn items(&self, id: NodeId) -> &[NodeId] {
        match &self.node(self.follow(id)).kind {
            NodeKind::Sequence { items, .. } => items,
            _ => &[],
        }
    }

    /// A key's text.
    pub(crate) fn key(&self, id: NodeId) -> &str {
        match &self.node(self.follow(id)).kind {
            NodeKind::Scalar { text, .. } => text,
            _ => "",
        }
    }

    /// Looks up `key` in a mapping, then in what `<<` merges into it (one level deep, as
    /// Kubernetes manifests use it).
    pub(crate) fn get(&self, mapping: NodeId, key: &str) -> Option<Entry> {
        let shared = self.follow(mapping) != mapping;
        if let Some(entry) = self.own(mapping, key) {
            return Some(Entry {
                shared: shared || self.is_alias(entry.1),
                ..entry.into()
            });
        }
        let (_, merged) = self.own(mapping, "<<")?;
        let sources = match &self.node(self.follow(merged)).kind {
            NodeKind::Sequence { items, .. } => items.clone(),
            _ => vec![merged],
        };
        let found = sources
            .into_iter()
            .find_map(|source| self.own(source, key))?;
        Some(Entry {
            shared: true,
            ..found.into()
        })
    }

    fn own(&self, mapping: NodeId, key: &str) -> Option<(NodeId, NodeId)> {
        self.entries(mapping)
            .iter()
            .copied()
            .find(|(found, _)| self.key(*found) == key)
    }

    pub(crate) fn is_alias(&self, id: NodeId) -> bool {
        matches!(self.node(id).kind, NodeKind::Alias(_))
    }

    pub(crate) fn is_flow(&self, id: NodeId) -> bool {
        matches!(
            self.node(id).kind,
            NodeKind::Mapping { flow: true, .. } | NodeKind::Sequence { flow: true, .. }
        )
    }

    /// What a node is, for a message.
    pub(crate) fn describe(&self, id: NodeId) -> String {
        let id = self.follow(id);
        match &self.node(id).kind {
            NodeKind::Sequence { .. } => "a list".into(),
            NodeKind::Mapping { .. } => "a mapping".into(),
            _ => self
                .scalar(id)
                .map_or_else(|| "an alias".into(), |scalar| scalar.describe()),
        }
    }
}

impl From<(NodeId, NodeId)> for Entry {
    fn from((_, value): (NodeId, NodeId)) -> Self {
        Self {
            value,
            shared: false,
        }
    }
}
