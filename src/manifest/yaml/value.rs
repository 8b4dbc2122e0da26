//! The document as a plain value, to compare what a file meant before and after an edit.

use serde_json::{Map, Number, Value};

use super::scalar::Scalar;
use super::tree::{NodeId, NodeKind, Tree};
use crate::manifest::ManifestError;

/// How many values a document may unfold to: aliases of aliases grow exponentially.
const MAX_VALUES: usize = 500_000;
/// How deep it may nest; the parser's own limit is 255, aliases can add to it.
const MAX_DEPTH: usize = 400;

/// Unfolds the tree, aliases and merge keys included.
///
/// # Errors
/// When aliases make the document unreasonably large or refer to themselves.
pub(crate) fn to_value(tree: &Tree) -> Result<Value, ManifestError> {
    let mut unfold = Unfold {
        tree,
        left: MAX_VALUES,
    };
    unfold.value(tree.root(), 0)
}

struct Unfold<'a> {
    tree: &'a Tree,
    left: usize,
}

impl Unfold<'_> {
    fn value(&mut self, id: NodeId, depth: usize) -> Result<Value, ManifestError> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 || depth > MAX_DEPTH {
            let found = "aliases that unfold to a very large document";
            return Err(ManifestError::new(
                self.tree.position(id),
                found,
                "fewer aliases",
            ));
        }
        let id = self.tree.follow(id);
        match &self.tree.node(id).kind {
            NodeKind::Sequence { items, .. } => {
                let items = items.iter().map(|item| self.value(*item, depth + 1));
                items.collect::<Result<_, _>>().map(Value::Array)
            }
            NodeKind::Mapping { entries, .. } => self.mapping(entries, depth),
            _ => Ok(scalar(self.tree.scalar(id).unwrap_or(Scalar::Null))),
        }
    }

    fn mapping(
        &mut self,
        entries: &[(NodeId, NodeId)],
        depth: usize,
    ) -> Result<Value, ManifestError> {
        let mut merged = Map::new();
        let mut own = Map::new();
        for (key, value) in entries {
            let value = self.value(*value, depth + 1)?;
            match (self.tree.key(*key), value) {
                ("<<", Value::Object(object)) => merged.extend(object),
                ("<<", Value::Array(objects)) => {
                    // The first mapping that has a key wins.
                    for object in objects.into_iter().rev() {
                        if let Value::Object(object) = object {
                            merged.extend(object);
                        }
                    }
                }
                (key, value) => {
                    own.insert(key.to_owned(), value);
                }
            }
        }
        merged.extend(own);
        Ok(Value::Object(merged))
    }
}

fn scalar(scalar: Scalar) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Bool(value) => Value::Bool(value),
        Scalar::Int(value) => Value::Number(Number::from(value)),
        // The text itself, marked so that it can't equal a string of the same characters.
        Scalar::Number(text) => Value::Array(vec![Value::String(text)]),
        Scalar::Text(text) => Value::String(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::yaml::parse;

    fn value(text: &str) -> Result<Value, ManifestError> {
        to_value(&parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn aliases_and_merges_unfold() {
        let text = "base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nlist: [*b, on, 'on', !!str 5]\n";
        let expected = json!({
            "base": {"x": 1, "y": 2},
            "use": {"x": 1, "y": 3},
            "list": [{"x": 1, "y": 2}, true, "on", "5"],
        });
        assert_eq!(value(text).unwrap(), expected);
    }

    #[test]
    fn exponential_aliases_are_refused() {
        let mut text = String::from("a0: &a0 [x, x]\n");
        for level in 1..40 {
            let below = level - 1;
            text.push_str(&format!("a{level}: &a{level} [*a{below}, *a{below}]\n"));
        }
        assert!(value(&text).is_err());
    }
}
