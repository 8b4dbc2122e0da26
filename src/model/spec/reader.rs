//! Reads fields out of the tree and collects what is wrong on the way, instead of stopping at it.
//!
//! Invariant: a field that can't be read leaves a mistake behind and gives `None`, so that the caller
//! goes on with its default and finds the next mistake too.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use super::mistake::Mistake;
use super::node::{Entry, Item, Node, Place, excerpt};

/// How alike a wrong key must be to a known one to be suggested (1 is equal).
const ALIKE: f64 = 0.75;

/// What has been found so far, and where every field stands.
pub(super) struct Reader<'s> {
    source: &'s str,
    places: BTreeMap<String, Place>,
    pub(super) mistakes: Vec<Mistake>,
    /// Every key of the format with its section, to tell where a misplaced one belongs.
    all_keys: &'static [(&'static str, &'static [&'static str])],
    /// What a sentence calls the whole file.
    document: &'static str,
}

impl<'s> Reader<'s> {
    pub(super) fn new(
        source: &'s str,
        all_keys: &'static [(&'static str, &'static [&'static str])],
    ) -> Self {
        Self {
            source,
            places: BTreeMap::new(),
            mistakes: Vec::new(),
            all_keys,
            document: "the cluster file",
        }
    }

    /// Calls the whole file something else than the cluster file.
    pub(super) fn called(self, document: &'static str) -> Self {
        Self { document, ..self }
    }

    /// What stands for a path in a sentence.
    fn shown<'p>(&self, path: &'p str) -> &'p str {
        if path.is_empty() { self.document } else { path }
    }

    /// Adds a mistake; its place is that of its path, or of the nearest enclosing field.
    pub(super) fn add(&mut self, mistake: Mistake, related: Option<&str>) {
        let mistake = self.located(mistake, related);
        self.mistakes.push(mistake);
    }

    fn located(&self, mut mistake: Mistake, related: Option<&str>) -> Mistake {
        let other = related.and_then(|path| self.places.get(path)).copied();
        // What is wrong may be a default that clashes with what the file says.
        let exact = self.places.get(&mistake.path).copied().or(other);
        let Some(place) = exact.or_else(|| self.enclosing(&mistake.path)) else {
            mistake.position = self.places.get("").map(|place| place.position);
            return mistake;
        };
        let other = other.filter(|other| other.position.line != place.position.line);
        let places: Vec<_> = other.into_iter().chain([place]).collect();
        mistake.position = Some(place.position);
        mistake.excerpt = excerpt(self.source, &places);
        mistake
    }

    /// The place of the nearest field around a path.
    fn enclosing(&self, path: &str) -> Option<Place> {
        let mut path = path;
        while let Some(end) = path.rfind(['.', '[']) {
            path = &path[..end];
            if let Some(place) = self.places.get(path) {
                return Some(*place);
            }
        }
        None
    }

    /// Opens a map, noting every field's place and refusing unknown keys. Nothing reads as an empty one.
    pub(super) fn section<'n>(
        &mut self,
        path: &str,
        item: Option<&'n Item>,
        keys: &'static [&'static str],
    ) -> Section<'n> {
        let mut section = Section {
            path: path.to_owned(),
            entries: &[],
            readable: true,
            misspelt: Vec::new(),
        };
        match item.map(|item| &item.node) {
            None | Some(Node::Null) => {}
            Some(Node::Map(entries)) => {
                section.entries = entries;
                for entry in entries {
                    let path = section.path_of(&entry.key);
                    // A list or map may start lines below its key.
                    let place = match &entry.value.node {
                        Node::List(_) | Node::Map(_) => entry.key_place,
                        Node::Null | Node::Scalar(_) => entry.value.place,
                    };
                    self.places.insert(path, place);
                    if !keys.contains(&entry.key.as_str()) {
                        self.unknown_key(&section, entry, keys);
                        section.misspelt.extend(nearest(&entry.key, keys));
                    }
                }
            }
            Some(other) => {
                section.readable = false;
                let message = format!(
                    "{}: {} where a map belongs",
                    self.shown(path),
                    other.describe()
                );
                self.add(
                    Mistake::error(path, message).expected(format!("{}: …", keys.join(": …, "))),
                    None,
                );
            }
        }
        section
    }

    pub(super) fn note(&mut self, path: &str, item: &Item) {
        self.places.insert(path.to_owned(), item.place);
    }

    fn unknown_key(&mut self, section: &Section<'_>, entry: &Entry, keys: &'static [&'static str]) {
        let path = section.path_of(&entry.key);
        self.places.insert(path.clone(), entry.key_place);
        let inside = match section.path.as_str() {
            "" => self.document.to_owned(),
            path => path.to_owned(),
        };
        let message = format!("unknown key {:?} in {inside}", entry.key);
        let mut mistake = Mistake::error(path, message).expected(keys.join(", "));
        if let Some(near) = nearest(&entry.key, keys) {
            mistake = mistake.fix(format!("write {near}"));
        } else if let Some((home, key)) = self.home_of(&entry.key) {
            mistake = mistake.fix(format!("put {key} under {home}"));
        }
        self.add(mistake, None);
    }

    fn home_of(&self, wrong: &str) -> Option<(&'static str, &'static str)> {
        self.all_keys.iter().find_map(|(home, keys)| {
            let key = keys.iter().find(|key| plain(key) == plain(wrong))?;
            Some((*home, *key))
        })
    }
}

/// An open map.
pub(super) struct Section<'n> {
    path: String,
    entries: &'n [Entry],
    readable: bool,
    /// Known keys that an unknown one seems to mean: they are not missing as well.
    misspelt: Vec<&'static str>,
}

impl<'n> Section<'n> {
    /// The path of a field inside, such as `members[2].address`.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The value of a key, if there is one and it is not nothing.
    pub(super) fn get(&self, key: &str) -> Option<&'n Item> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        let value = &entry.value;
        (!matches!(value.node, Node::Null)).then_some(value)
    }

    /// Requires a key and says so where it is missing.
    pub(super) fn require(&self, reader: &mut Reader<'_>, key: &str, example: &str) {
        if self.readable && self.get(key).is_none() && !self.misspelt.contains(&key) {
            let message = format!("{} is missing", self.path_of(key));
            // The place of the section: its own field has none.
            let mistake = Mistake::error(self.path_of(key), message);
            reader.add(mistake.expected(format!("{key}: {example}")), None);
        }
    }

    /// The text of a scalar.
    pub(super) fn text(&self, reader: &mut Reader<'_>, key: &str) -> Option<String> {
        scalar(reader, &self.path_of(key), self.get(key)?).map(str::to_owned)
    }

    /// A scalar as any type that reads itself from text.
    pub(super) fn parsed<T>(&self, reader: &mut Reader<'_>, key: &str, expected: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        parse(reader, &self.path_of(key), self.get(key)?, expected)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        choose(reader, &self.path_of(key), self.get(key)?, choices)
    }

    /// The items of a list with their paths; a missing list is empty.
    pub(super) fn list(&self, reader: &mut Reader<'_>, key: &str) -> Vec<(String, &'n Item)> {
        let path = self.path_of(key);
        let Some(item) = self.get(key) else {
            return Vec::new();
        };
        let Node::List(items) = &item.node else {
            let message = format!("{path}: {} where a list belongs", item.node.describe());
            reader.add(
                Mistake::error(path, message).expected("- ITEM lines, or [ITEM, ITEM]"),
                None,
            );
            return Vec::new();
        };
        let paths = (0..items.len()).map(|index| format!("{path}[{index}]"));
        let listed: Vec<_> = paths.zip(items).collect();
        for (path, item) in &listed {
            reader.note(path, item);
        }
        listed
    }
}

/// The text of a scalar.
pub(super) fn scalar<'n>(reader: &mut Reader<'_>, path: &str, item: &'n Item) -> Option<&'n str> {
    if let Node::Scalar(text) = &item.node {
        return Some(text);
    }
    let message = format!(
        "{path}: {} where a single value belongs",
        item.node.describe()
    );
    reader.add(Mistake::error(path, message), None);
    None
}

/// A scalar as any type that reads itself from text.
pub(super) fn parse<T>(
    reader: &mut Reader<'_>,
    path: &str,
    item: &Item,
    expected: &str,
) -> Option<T>
where
    T: FromStr,
    T::Err: Display,
{
    let text = scalar(reader, path, item)?;
    match text.parse() {
        Ok(value) => Some(value),
        Err(_) => {
            let mistake = Mistake::error(path, format!("{path}: {text:?} is not valid"));
            reader.add(mistake.expected(expected), None);
            None
        }
    }
}

/// One of a few words.
pub(super) fn choose<T: Copy>(
    reader: &mut Reader<'_>,
    path: &str,
    item: &Item,
    choices: &[(&'static str, T)],
) -> Option<T> {
    let text = scalar(reader, path, item)?;
    if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
    let mut mistake = Mistake::error(path, format!("{path}: {text:?} is unknown"));
    mistake = mistake.expected(words.join(", "));
    if let Some(near) = nearest(text, &words) {
        mistake = mistake.fix(format!("write {near}"));
    }
    reader.add(mistake, None);
    None
}

impl Node {
    fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// The known word that a wrong one most likely means.
fn nearest<'k>(wrong: &str, known: &[&'k str]) -> Option<&'k str> {
    let alike = |word: &str| strsim::normalized_damerau_levenshtein(&plain(wrong), &plain(word));
    let best = known
        .iter()
        .copied()
        .max_by(|a, b| alike(a).total_cmp(&alike(b)))?;
    (alike(best) >= ALIKE).then_some(best)
}

/// A key without case and separators: `data-dir` and `dataDir` mean the same.
fn plain(key: &str) -> String {
    key.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
