//! Builds the tree from the parser's events.
//!
//! Invariant: what comes out holds exactly one document whose mappings have scalar keys without
//! repetition; everything else is an error with its place, because the kubelet would read such a
//! file differently from the person who wrote it.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{
    Event, Options, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag,
};

use super::lines::{LineIndex, Position};
use super::tree::{Node, NodeId, NodeKind, Style, Tree};
use crate::manifest::ManifestError;

/// The kubelet reads no more of a manifest than this (`maxConfigLength` in its file source).
const MAX_BYTES: usize = 10 * 1024 * 1024;

/// Parses one document.
///
/// # Errors
/// The place and reason when the bytes are no UTF-8, no YAML, or not exactly one document.
pub(crate) fn parse(bytes: &[u8]) -> Result<Tree, ManifestError> {
    if bytes.len() > MAX_BYTES {
        let found = format!("a file of {} bytes", bytes.len());
        let at = Position { line: 1, column: 1 };
        return Err(ManifestError::new(
            at,
            found,
            "at most 10 MiB, as the kubelet does",
        ));
    }
    let text = utf8(bytes)?;
    let lines = LineIndex::new(text);
    let mut builder = Builder::new(text, &lines);
    let mut options = Options::default();
    options.set_emit_comments(false);
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| builder.scan_error(&error))?;
        builder.accept(event, &span)?;
    }
    let (nodes, root) = builder.finish()?;
    Ok(Tree {
        text: text.to_owned(),
        lines,
        nodes,
        root,
    })
}

fn utf8(bytes: &[u8]) -> Result<&str, ManifestError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let before = String::from_utf8_lossy(good);
        let at = LineIndex::new(&before).position(&before, before.len());
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        ManifestError::new(at, format!("the byte 0x{byte:02x}"), "text in UTF-8")
    })
}

/// A collection whose end has not come yet.
enum Open {
    Sequence {
        id: NodeId,
        items: Vec<NodeId>,
        flow: bool,
    },
    Mapping {
        id: NodeId,
        entries: Vec<(NodeId, NodeId)>,
        key: Option<NodeId>,
        flow: bool,
    },
}

struct Builder<'a> {
    text: &'a str,
    lines: &'a LineIndex,
    nodes: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, NodeId>,
    root: Option<NodeId>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str, lines: &'a LineIndex) -> Self {
        let (nodes, open, anchors) = (Vec::new(), Vec::new(), HashMap::new());
        Self {
            text,
            lines,
            nodes,
            open,
            anchors,
            root: None,
        }
    }

    fn at(&self, span: &Span) -> Position {
        let offset = span.byte_range().map_or(0, |range| range.start);
        self.lines.position(self.text, offset)
    }

    fn scan_error(&self, error: &ScanError) -> ManifestError {
        let marker = error.marker();
        let offset = marker.byte_offset().unwrap_or(0).min(self.text.len());
        let at = self.lines.position(self.text, offset);
        ManifestError::new(at, error.info(), "YAML or JSON")
    }

    fn accept(&mut self, event: Event<'_>, span: &Span) -> Result<(), ManifestError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tagged_string = self.check_tag(tag.as_deref(), span)?;
                let kind = NodeKind::Scalar {
                    text: text.into_owned(),
                    style: style_of(style),
                };
                let id = self.add(kind, span, anchor, tagged_string);
                self.place(id)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span)?;
                let flow = style == StructureStyle::Flow;
                let id = self.add(empty_sequence(flow), span, anchor, false);
                self.open.push(Open::Sequence {
                    id,
                    items: Vec::new(),
                    flow,
                });
                Ok(())
            }
            Event::MappingStart(style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span)?;
                let flow = style == StructureStyle::Flow;
                let kind = NodeKind::Mapping {
                    entries: Vec::new(),
                    flow,
                };
                let id = self.add(kind, span, anchor, false);
                self.open.push(Open::Mapping {
                    id,
                    entries: Vec::new(),
                    key: None,
                    flow,
                });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(anchor) => {
                let target = self.anchors.get(&anchor).copied();
                let unknown = || ManifestError::new(self.at(span), "an unknown alias", "an anchor");
                let target = target.ok_or_else(unknown)?;
                let id = self.add(NodeKind::Alias(target), span, 0, false);
                self.place(id)
            }
            _ => Ok(()),
        }
    }

    fn add(&mut self, kind: NodeKind, span: &Span, anchor: usize, tagged: bool) -> NodeId {
        let id = NodeId(self.nodes.len());
        let span = span.byte_range().unwrap_or(0..0);
        self.nodes.push(Node {
            span,
            kind,
            anchored: anchor != 0,
            tagged_string: tagged,
        });
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        id
    }

    /// Hands a finished node to the collection it stands in, or makes it the document.
    fn place(&mut self, id: NodeId) -> Result<(), ManifestError> {
        match self.open.last_mut() {
            Some(Open::Sequence { items, .. }) => items.push(id),
            Some(Open::Mapping { entries, key, .. }) => match key.take() {
                Some(key) => entries.push((key, id)),
                None => *key = Some(id),
            },
            None => return self.place_document(id),
        }
        Ok(())
    }

    fn place_document(&mut self, id: NodeId) -> Result<(), ManifestError> {
        let empty = self.nodes[id.0].span.is_empty()
            && matches!(self.nodes[id.0].kind, NodeKind::Scalar { .. });
        match self.root {
            // "---" at the end of a file starts a document that holds nothing.
            Some(_) if empty => Ok(()),
            Some(_) => {
                let at = self.lines.position(self.text, self.nodes[id.0].span.start);
                let expected = "one: the kubelet reads the first document of a file only";
                Err(ManifestError::new(at, "a second YAML document", expected))
            }
            None => {
                self.root = Some(id);
                Ok(())
            }
        }
    }

    fn close(&mut self, end: &Span) -> Result<(), ManifestError> {
        let end = end.byte_range().map_or(0, |range| range.end);
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let (id, kind) = match open {
            Open::Sequence { id, items, flow } => (id, NodeKind::Sequence { items, flow }),
            Open::Mapping {
                id, entries, flow, ..
            } => {
                self.check_keys(&entries)?;
                (id, NodeKind::Mapping { entries, flow })
            }
        };
        let node = &mut self.nodes[id.0];
        node.span.end = end.max(node.span.start);
        node.kind = kind;
        self.place(id)
    }

    fn check_keys(&self, entries: &[(NodeId, NodeId)]) -> Result<(), ManifestError> {
        let mut seen: HashMap<&str, NodeId> = HashMap::new();
        for (key, _) in entries {
            let node = &self.nodes[key.0];
            let at = self.lines.position(self.text, node.span.start);
            let NodeKind::Scalar { text, .. } = &node.kind else {
                return Err(ManifestError::new(
                    at,
                    "a key that is no scalar",
                    "a field's name",
                ));
            };
            if let Some(first) = seen.insert(text, *key) {
                let line = self
                    .lines
                    .position(self.text, self.nodes[first.0].span.start)
                    .line;
                let found = format!("the key {text:?} a second time (first on line {line})");
                return Err(ManifestError::new(at, found, "each key once"));
            }
        }
        Ok(())
    }

    /// True for `!!str`; other tags have no place in a manifest.
    fn check_tag(&self, tag: Option<&Tag>, span: &Span) -> Result<bool, ManifestError> {
        match tag {
            Some(tag) if tag.is_yaml_core_schema_tag("str") => Ok(true),
            tag => self.refuse_tag(tag, span).map(|()| false),
        }
    }

    fn refuse_tag(&self, tag: Option<&Tag>, span: &Span) -> Result<(), ManifestError> {
        let Some(tag) = tag else {
            return Ok(());
        };
        let found = format!("the tag {}", tag.original());
        Err(ManifestError::new(
            self.at(span),
            found,
            "no tags; quote a value to make it a string",
        ))
    }

    fn finish(self) -> Result<(Vec<Node>, NodeId), ManifestError> {
        let at = Position { line: 1, column: 1 };
        let root = self
            .root
            .ok_or_else(|| ManifestError::new(at, "an empty file", "a Pod"))?;
        Ok((self.nodes, root))
    }
}

fn empty_sequence(flow: bool) -> NodeKind {
    NodeKind::Sequence {
        items: Vec::new(),
        flow,
    }
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_line_and_column() {
        assert_eq!(
            error("a: 1\nb: 2\na: 3\n"),
            "3:1: the key \"a\" a second time (first on line 1); expected each key once"
        );
        assert_eq!(
            error("a: 1\n---\nb: 2\n"),
            "3:1: a second YAML document; expected one: the kubelet reads the first document of a \
             file only"
        );
        assert_eq!(error(""), "1:1: an empty file; expected a Pod");
        assert_eq!(
            error("a: !custom b"),
            "1:12: the tag !custom; expected no tags; quote a value to make it a string"
        );
        assert_eq!(
            error("a:\n  - [1"),
            "2:5: unclosed bracket '['; expected YAML or JSON"
        );
        assert_eq!(
            parse(b"a: b\nc: \xff").unwrap_err().to_string(),
            "2:4: the byte 0xff; expected text in UTF-8"
        );
    }

    #[test]
    fn a_trailing_document_marker_is_harmless() {
        for text in [
            "---\na: 1\n",
            "a: 1\n---\n",
            "a: 1\n...\n",
            "---\na: 1\n---\n# end\n",
        ] {
            assert!(parse(text.as_bytes()).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn an_alias_may_refer_to_what_contains_it_without_harm() {
        let tree = parse(b"a: &x [1, *x]\n");
        assert!(tree.is_err() || tree.unwrap().items(NodeId(0)).is_empty());
    }
}
