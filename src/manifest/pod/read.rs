//! Reads typed values out of the tree, and the pod out of its document.
//!
//! A field of the wrong type is an error here as it is for the kubelet, which drops the whole pod
//! then and says so only in its log.

use std::collections::BTreeMap;

use super::model::{Located, StaticPod};
use super::{container, volume};
use crate::manifest::ManifestError;
use crate::manifest::yaml::{self, NodeId, NodeKind, Position, Scalar, Tree};

impl StaticPod {
    /// Reads a manifest, YAML or JSON.
    ///
    /// # Errors
    /// The place, what stands there and what belongs there, when the file is not one Pod.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let tree = yaml::parse(bytes)?;
        let pod = read_pod(&tree)?;
        Ok(Self { tree, ..pod })
    }
}

fn read_pod(tree: &Tree) -> Result<StaticPod, ManifestError> {
    let root = Fields::of(tree, tree.root(), "a Pod")?;
    let kind = root.text("kind")?;
    match kind.as_ref().map(|kind| kind.value.as_str()) {
        Some("Pod") => {}
        Some(other) => {
            let at = kind.as_ref().map_or(root.at, |kind| kind.at);
            let expected = "kind Pod: the kubelet runs nothing else from a file";
            return Err(ManifestError::new(at, format!("kind {other}"), expected));
        }
        None => return Err(ManifestError::new(root.at, "no kind", "kind: Pod")),
    }
    let version = root.text("apiVersion")?;
    if version.as_ref().is_none_or(|version| version.value != "v1") {
        let found = version
            .as_ref()
            .map_or("no apiVersion".into(), |v| format!("{:?}", v.value));
        let at = version.as_ref().map_or(root.at, |version| version.at);
        return Err(ManifestError::new(at, found, "apiVersion: v1"));
    }
    let metadata = root.required("metadata")?;
    let spec = root.required("spec")?;
    Ok(StaticPod {
        tree: tree.clone(),
        name: metadata.text("name")?,
        namespace: metadata.text("namespace")?,
        labels: metadata.texts_by_name("labels")?,
        annotations: metadata.texts_by_name("annotations")?,
        host_network: spec.boolean("hostNetwork")?,
        priority_class_name: spec.text("priorityClassName")?,
        containers: container::read_all(&spec)?,
        volumes: volume::read_volumes(&spec)?,
        spec_at: spec.at,
    })
}

/// The fields of one mapping.
pub(super) struct Fields<'a> {
    pub(super) tree: &'a Tree,
    pub(super) node: NodeId,
    pub(super) at: Position,
}

impl<'a> Fields<'a> {
    pub(super) fn of(
        tree: &'a Tree,
        node: NodeId,
        expected: &'static str,
    ) -> Result<Self, ManifestError> {
        let at = tree.position(node);
        match tree.node(tree.follow(node)).kind {
            NodeKind::Mapping { .. } => Ok(Self { tree, node, at }),
            _ => Err(ManifestError::new(at, tree.describe(node), expected)),
        }
    }

    fn find(&self, key: &str) -> Option<NodeId> {
        let entry = self.tree.get(self.node, key)?;
        (!self.tree.is_null(entry.value)).then_some(entry.value)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// The key of the first entry that is not `known`.
    pub(super) fn other_key(&self, known: &[&str]) -> Option<&'a str> {
        let keys = self
            .tree
            .entries(self.node)
            .iter()
            .map(|(key, _)| self.tree.key(*key));
        keys.into_iter().find(|key| !known.contains(key))
    }

    /// A mapping that may be absent.
    pub(super) fn mapping(&self, key: &str) -> Result<Option<Fields<'a>>, ManifestError> {
        self.find(key)
            .map(|node| Self::of(self.tree, node, "a mapping"))
            .transpose()
    }

    /// A mapping that must be there.
    fn required(&self, key: &'static str) -> Result<Fields<'a>, ManifestError> {
        self.mapping(key)?
            .ok_or_else(|| ManifestError::new(self.at, format!("no {key}"), format!("{key}:")))
    }

    /// The mappings of a list that may be absent.
    pub(super) fn mappings(&self, key: &str) -> Result<Vec<Fields<'a>>, ManifestError> {
        let items = self.list(key)?;
        items
            .into_iter()
            .map(|item| Self::of(self.tree, item, "a mapping"))
            .collect()
    }

    /// The strings of a list that may be absent.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<Located<String>>, ManifestError> {
        self.list(key)?
            .into_iter()
            .map(|item| self.string(item))
            .collect()
    }

    fn list(&self, key: &str) -> Result<Vec<NodeId>, ManifestError> {
        let Some(node) = self.find(key) else {
            return Ok(Vec::new());
        };
        match &self.tree.node(self.tree.follow(node)).kind {
            NodeKind::Sequence { items, .. } => Ok(items.clone()),
            _ => {
                let at = self.tree.position(node);
                Err(ManifestError::new(
                    at,
                    self.tree.describe(node),
                    format!("a list of {key}"),
                ))
            }
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<Located<String>>, ManifestError> {
        self.find(key).map(|node| self.string(node)).transpose()
    }

    /// A string that must be there.
    pub(super) fn required_text(
        &self,
        key: &'static str,
    ) -> Result<Located<String>, ManifestError> {
        self.text(key)?
            .ok_or_else(|| ManifestError::new(self.at, format!("no {key}"), format!("{key}:")))
    }

    pub(super) fn boolean(&self, key: &str) -> Result<Option<Located<bool>>, ManifestError> {
        let Some(node) = self.find(key) else {
            return Ok(None);
        };
        match self.tree.scalar(node) {
            Some(Scalar::Bool(value)) => Ok(Some(self.located(node, value))),
            _ => Err(self.wrong(node, "true or false")),
        }
    }

    /// A whole number from 0 to `most`.
    pub(super) fn number(
        &self,
        key: &str,
        most: u32,
    ) -> Result<Option<Located<u32>>, ManifestError> {
        let Some(node) = self.find(key) else {
            return Ok(None);
        };
        let number = match self.tree.scalar(node) {
            Some(Scalar::Int(number)) => u32::try_from(number).ok(),
            _ => None,
        };
        match number {
            Some(number) if number <= most => Ok(Some(self.located(node, number))),
            _ => Err(self.wrong(node, &format!("a number from 0 to {most}"))),
        }
    }

    /// The scalar under `key`, whatever its type.
    pub(super) fn scalar(&self, key: &str) -> Option<Located<Scalar>> {
        let node = self.find(key)?;
        self.tree
            .scalar(node)
            .map(|scalar| self.located(node, scalar))
    }

    pub(super) fn texts_by_name(
        &self,
        key: &str,
    ) -> Result<BTreeMap<String, Located<String>>, ManifestError> {
        let Some(fields) = self.mapping(key)? else {
            return Ok(BTreeMap::new());
        };
        let entries = self.tree.entries(fields.node).iter();
        let named = entries.filter(|(key, _)| self.tree.key(*key) != "<<");
        named
            .map(|(key, value)| Ok((self.tree.key(*key).to_owned(), self.string(*value)?)))
            .collect()
    }

    fn string(&self, node: NodeId) -> Result<Located<String>, ManifestError> {
        match self.tree.scalar(node) {
            Some(Scalar::Text(text)) => Ok(self.located(node, text)),
            Some(Scalar::Null) => Ok(self.located(node, String::new())),
            Some(_) => Err(self.wrong(node, "a string: put it in quotes")),
            None => Err(self.wrong(node, "a string")),
        }
    }

    fn wrong(&self, node: NodeId, expected: &str) -> ManifestError {
        ManifestError::new(self.tree.position(node), self.tree.describe(node), expected)
    }

    fn located<T>(&self, node: NodeId, value: T) -> Located<T> {
        let span = self.tree.node(node).span.clone();
        Located {
            value,
            at: self.tree.position(node),
            span,
            node,
        }
    }
}
