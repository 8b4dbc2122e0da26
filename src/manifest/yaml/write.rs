//! Writes a new document in block style, byte for byte the same for the same value.
//!
//! An etcd restarts when its manifest changes, so the bytes must not depend on the release of a
//! serializer: the layout is fixed here (two spaces, lists level with their key, as kubeadm writes).

use super::quote;
use super::tree::Style;

/// A value to write. Mappings keep the given order.
#[derive(Clone, Debug)]
pub(crate) enum Yaml {
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(&'static str, Yaml)>),
    /// A mapping whose keys are data, such as annotations.
    Named(Vec<(String, Yaml)>),
    /// A line for the reader, in place of an entry of a mapping in block style (its key is not
    /// written); not the first entry of one that is an item of a list.
    Comment(String),
}

impl Yaml {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    fn scalar(&self) -> Option<String> {
        match self {
            Self::Bool(value) => Some(value.to_string()),
            Self::Int(value) => Some(value.to_string()),
            Self::Text(text) => Some(quote::like(Style::Plain, text, false)),
            Self::List(items) if items.is_empty() => Some("[]".into()),
            Self::Map(entries) if entries.is_empty() => Some("{}".into()),
            Self::Named(entries) if entries.is_empty() => Some("{}".into()),
            Self::List(_) | Self::Map(_) | Self::Named(_) | Self::Comment(_) => None,
        }
    }
}

/// Writes a document that ends with a line break.
pub(crate) fn write(value: &Yaml) -> String {
    let mut out = String::new();
    match value.scalar() {
        Some(scalar) => out.push_str(&format!("{scalar}\n")),
        None => block(&mut out, value, 0, false),
    }
    out
}

/// Writes a value's lines at `indent`, each with its line break. A scalar is one line.
pub(crate) fn write_block(value: &Yaml, indent: usize) -> String {
    let mut out = String::new();
    match value.scalar() {
        Some(scalar) => out.push_str(&format!("{:indent$}{scalar}\n", "")),
        None => block(&mut out, value, indent, false),
    }
    out
}

/// Writes a value on one line, to stand inside `[…]` or `{…}`; `json` quotes every string.
pub(crate) fn write_flow(value: &Yaml, json: bool) -> String {
    let text = |text: &str| {
        if json {
            quote::double_quoted(text)
        } else {
            quote::like(Style::Plain, text, true)
        }
    };
    let pair = |key: &str, value: &Yaml| format!("{}: {}", text(key), write_flow(value, json));
    match value {
        Yaml::Bool(value) => value.to_string(),
        Yaml::Int(value) => value.to_string(),
        Yaml::Text(value) => text(value),
        // One line has no room for it.
        Yaml::Comment(_) => String::new(),
        Yaml::List(items) => {
            let items: Vec<String> = items.iter().map(|item| write_flow(item, json)).collect();
            format!("[{}]", items.join(", "))
        }
        Yaml::Map(entries) => {
            let entries = entries.iter();
            let entries = entries.filter(|(_, value)| !matches!(value, Yaml::Comment(_)));
            let entries: Vec<String> = entries.map(|(key, v)| pair(key, v)).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Yaml::Named(entries) => {
            let entries: Vec<String> = entries.iter().map(|(key, v)| pair(key, v)).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// Writes a collection at `indent`; `inline` when its first line has been begun by a `- `.
fn block(out: &mut String, value: &Yaml, indent: usize, inline: bool) {
    let pad = |index: usize| if index == 0 && inline { 0 } else { indent };
    match value {
        Yaml::List(items) => {
            for (index, item) in items.iter().enumerate() {
                out.push_str(&format!("{:width$}- ", "", width = pad(index)));
                match item.scalar() {
                    Some(scalar) => out.push_str(&format!("{scalar}\n")),
                    None => block(out, item, indent + 2, true),
                }
            }
        }
        Yaml::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| (*key, value));
            mapping(out, entries, indent, pad);
        }
        Yaml::Named(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.as_str(), value));
            mapping(out, entries, indent, pad);
        }
        _ => {}
    }
}

fn mapping<'a>(
    out: &mut String,
    entries: impl Iterator<Item = (&'a str, &'a Yaml)>,
    indent: usize,
    pad: impl Fn(usize) -> usize,
) {
    for (index, (key, value)) in entries.enumerate() {
        if let Yaml::Comment(text) = value {
            out.push_str(&format!("{:width$}# {text}\n", "", width = pad(index)));
            continue;
        }
        let key = quote::like(Style::Plain, key, false);
        out.push_str(&format!("{:width$}{key}:", "", width = pad(index)));
        match value.scalar() {
            Some(scalar) => out.push_str(&format!(" {scalar}\n")),
            None => {
                out.push('\n');
                let below = if matches!(value, Yaml::List(_)) {
                    indent
                } else {
                    indent + 2
                };
                block(out, value, below, false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_kubeadms() {
        let map = |entries| Yaml::Map(entries);
        let value = map(vec![
            ("kind", Yaml::text("Pod")),
            (
                "labels",
                Yaml::Named(vec![("a.b/c".into(), Yaml::text("2"))]),
            ),
            (
                "list",
                Yaml::List(vec![
                    map(vec![
                        ("x", Yaml::Int(1)),
                        ("z", Yaml::List(vec![Yaml::Bool(true)])),
                    ]),
                    Yaml::List(vec![Yaml::text("p"), Yaml::text("q")]),
                ]),
            ),
            ("status", map(vec![])),
        ]);
        insta::assert_snapshot!(write(&value), @r#"
        kind: Pod
        labels:
          a.b/c: "2"
        list:
        - x: 1
          z:
          - true
        - - p
          - q
        status: {}
        "#);
        let flow = r#"{"kind": "Pod", "labels": {"a.b/c": "2"}, "list": [{"x": 1, "z": [true]}, ["p", "q"]], "status": {}}"#;
        assert_eq!(write_flow(&value, true), flow);
        assert_eq!(
            write_flow(
                &Yaml::List(vec![Yaml::text("--a=b"), Yaml::text("a,b")]),
                false
            ),
            "[--a=b, \"a,b\"]"
        );
    }
}
