//! The YAML of a cluster file as a tree in which every value knows its place.
//!
//! Invariant: a scalar keeps the text that stands in the file, so that `3.5` and `0x10` are not turned
//! into numbers before anybody knows what they should be.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::mistake::{Mistake, Position};

/// Characters of a line that an excerpt shows.
const EXCERPT_WIDTH: usize = 90;

/// A stretch of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Line and column of its start.
    pub(super) position: Position,
    /// Length in bytes.
    length: usize,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) node: Node,
    pub(super) place: Place,
}

/// A YAML value.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar's text, without its quotes.
    Scalar(String),
    List(Vec<Item>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_place: Place,
    pub(super) value: Item,
}

/// Reads the whole file as a tree.
///
/// # Errors
/// The one mistake that keeps it from being YAML: syntax, a key given twice, too deep a nesting.
pub(super) fn parse(source: &str) -> Result<Item, Box<Mistake>> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
    };
    let raw: Result<Spanned<Raw>, _> = serde_saphyr::from_str_with_options(source, options);
    raw.map(|raw| item(source, raw))
        .map_err(|error| Box::new(unreadable(source, &error)))
}

/// The YAML library's answer in our own form.
fn unreadable(source: &str, error: &serde_saphyr::Error) -> Mistake {
    let mut mistake = match error {
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
            Mistake::error("", format!("key {key:?} stands there twice")).fix("remove one of them")
        }
        serde_saphyr::Error::MultipleDocuments { .. } => {
            Mistake::error("", "a second document begins").fix("keep one cluster in one file")
        }
        other => {
            let text = other.to_string();
            // The place is told apart.
            let text = text.split(" at line ").next().unwrap_or_default();
            Mistake::error("", format!("not readable as YAML: {text}"))
        }
    };
    if let Some(location) = error.location() {
        let place = place(location);
        mistake.position = Some(place.position);
        mistake.excerpt = excerpt(source, &[place]);
    }
    mistake
}

/// Lines of the file for the given places, with a mark under the last one.
pub(super) fn excerpt(source: &str, places: &[Place]) -> Vec<String> {
    let mut shown = Vec::new();
    for place in places {
        let Position { line, column } = place.position;
        let Some(text) = source.lines().nth(line.wrapping_sub(1)) else {
            continue;
        };
        // Long lines are cut on the left, so that the place is seen.
        let skipped = column.saturating_sub(EXCERPT_WIDTH);
        let visible: String = text
            .chars()
            .skip(skipped)
            .take(EXCERPT_WIDTH)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let room = visible.chars().count() + skipped + 1;
        let marks = place.length.min(room.saturating_sub(column)).max(1);
        let indent = " ".repeat(column.saturating_sub(skipped + 1));
        shown.push(format!("{line:>5} | {}", visible.trim_end()));
        if Some(place) == places.last() {
            shown.push(format!("      | {indent}{}", "^".repeat(marks)));
        }
    }
    shown
}

fn place(location: Location) -> Place {
    let number = |value: u64| usize::try_from(value).unwrap_or(1).max(1);
    Place {
        position: Position {
            line: number(location.line()),
            column: number(location.column()),
        },
        length: usize::try_from(location.span().len()).unwrap_or(1),
    }
}

fn item(source: &str, raw: Spanned<Raw>) -> Item {
    let place = place(raw.referenced);
    let node = match raw.value {
        Raw::Null => Node::Null,
        Raw::Scalar(Some(text)) => Node::Scalar(text),
        Raw::Scalar(None) => {
            Node::Scalar(written(source, raw.defined).unwrap_or_default().to_owned())
        }
        Raw::List(items) => Node::List(items.into_iter().map(|raw| item(source, raw)).collect()),
        Raw::Map(entries) => Node::Map(entries.into_iter().map(|raw| entry(source, raw)).collect()),
    };
    Item { node, place }
}

fn entry(source: &str, (key, value): (Spanned<String>, Spanned<Raw>)) -> Entry {
    Entry {
        key_place: place(key.referenced),
        key: key.value,
        value: item(source, value),
    }
}

/// The text of a scalar as it stands in the file.
fn written(source: &str, location: Location) -> Option<&str> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let end = start.checked_add(usize::try_from(span.byte_len()?).ok()?)?;
    source.get(start..end).map(str::trim_end)
}

/// What the YAML library hands over. Scalars that it took for numbers or booleans have no text.
#[derive(Debug)]
enum Raw {
    Null,
    Scalar(Option<String>),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a scalar, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(None))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Scalar(None))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Scalar(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Scalar(None))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Some(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
