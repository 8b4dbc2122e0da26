//! A B+tree that grows from its left to its right end: leaves are written as they fill up, and each
//! level of branches above them likewise.
//!
//! Invariants: every page but a level's last is as full as its entries allow; a branch has at least
//! two children wherever there are two.

use std::io::Write;

use super::page::{BUCKET_FLAG, ELEMENT_BYTES, PAGE_HEADER_BYTES, PageFlags};
use super::writer::{Pages, WriteError, page_header};

/// Most elements of a page: its count has 16 bits.
const MAX_COUNT: usize = u16::MAX as usize;

/// A branch takes so many children however long their keys are: fewer would make no tree.
const MIN_CHILDREN: usize = 4;

/// A tree in the making.
#[derive(Debug)]
pub(super) struct Tree {
    page_size: usize,
    leaf: Elements,
    levels: Vec<Branch>,
    last_key: Option<Vec<u8>>,
    has_written: bool,
}

/// What a finished bucket's header leads to.
pub(super) enum Child {
    /// The page at its root.
    Page(u64),
    /// Its only leaf, to stand in the header's place.
    Inline(Vec<u8>),
}

impl Tree {
    pub(super) fn new(page_size: usize) -> Self {
        Self {
            page_size,
            leaf: Elements::default(),
            levels: Vec::new(),
            last_key: None,
            has_written: false,
        }
    }

    /// Adds an entry behind all others.
    pub(super) fn put<W: Write>(
        &mut self,
        pages: &mut Pages<W>,
        is_bucket: bool,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), WriteError> {
        if let Some(before) = self.last_key.as_mut() {
            if key <= before.as_slice() {
                return Err(WriteError::OutOfOrder {
                    what: "key",
                    found: key.to_vec(),
                    before: before.clone(),
                });
            }
            before.clear();
            before.extend_from_slice(key);
        } else {
            self.last_key = Some(key.to_vec());
        }
        let grown = self.leaf.size() + ELEMENT_BYTES + key.len() + value.len();
        let is_full = grown > self.page_size || self.leaf.count() == MAX_COUNT;
        if is_full && self.leaf.count() > 0 {
            self.write_leaf(pages)?;
        }
        let flags = if is_bucket { BUCKET_FLAG } else { 0 };
        if PAGE_HEADER_BYTES + ELEMENT_BYTES + key.len() + value.len() > self.page_size {
            // By itself, without a detour through the buffer.
            let element = leaf_element(ELEMENT_BYTES, flags, key.len(), value.len());
            let id = pages.write(PageFlags::LEAF, 1, &[&element, key, value])?;
            return self.add_child(pages, 0, key, id);
        }
        self.leaf.push_leaf(flags, key, value);
        Ok(())
    }

    /// Writes what is left and returns the page at the root; of an empty tree, an empty leaf.
    pub(super) fn finish<W: Write>(mut self, pages: &mut Pages<W>) -> Result<u64, WriteError> {
        if self.leaf.count() > 0 || !self.has_written {
            self.write_leaf(pages)?;
        }
        let mut level = 0;
        loop {
            let is_top = level + 1 == self.levels.len();
            let branch = &mut self.levels[level];
            if let (true, [(_, only)]) = (is_top, branch.children.as_slice()) {
                return Ok(*only);
            }
            let children = std::mem::take(branch);
            let (key, id) = children.write(pages)?;
            self.add_child(pages, level + 1, &key, id)?;
            level += 1;
        }
    }

    /// As [`Tree::finish`], but a single small leaf is returned instead of written, as bbolt keeps
    /// small buckets.
    pub(super) fn finish_bucket<W: Write>(self, pages: &mut Pages<W>) -> Result<Child, WriteError> {
        if self.has_written || self.leaf.size() > self.page_size / 4 {
            return self.finish(pages).map(Child::Page);
        }
        let mut inline = page_header(0, PageFlags::LEAF, self.leaf.count(), 0).to_vec();
        inline.extend(self.leaf.encode_leaf());
        inline.extend(&self.leaf.data);
        Ok(Child::Inline(inline))
    }

    fn write_leaf<W: Write>(&mut self, pages: &mut Pages<W>) -> Result<(), WriteError> {
        let leaf = std::mem::take(&mut self.leaf);
        let elements = leaf.encode_leaf();
        let id = pages.write(PageFlags::LEAF, leaf.count(), &[&elements, &leaf.data])?;
        let first = leaf.first_key().to_vec();
        self.leaf = leaf.emptied();
        self.add_child(pages, 0, &first, id)
    }

    /// Adds a page to the branches of a level. A branch that is full goes without its last child,
    /// so that the next one has two.
    fn add_child<W: Write>(
        &mut self,
        pages: &mut Pages<W>,
        level: usize,
        key: &[u8],
        id: u64,
    ) -> Result<(), WriteError> {
        self.has_written = true;
        if level == self.levels.len() {
            self.levels.push(Branch::default());
        }
        let branch = &mut self.levels[level];
        let count = branch.children.len();
        let is_full =
            branch.size() + ELEMENT_BYTES + key.len() > self.page_size || count == MAX_COUNT;
        if is_full && count >= MIN_CHILDREN {
            let last = branch.children.pop();
            let full = std::mem::take(branch);
            self.levels[level].children.extend(last);
            let (first, written) = full.write(pages)?;
            self.add_child(pages, level + 1, &first, written)?;
        }
        self.levels[level].children.push((key.to_vec(), id));
        Ok(())
    }
}

/// The elements of a leaf and their data.
#[derive(Debug, Default)]
struct Elements {
    /// Flags, length of the key, length of the value.
    sizes: Vec<(u32, usize, usize)>,
    data: Vec<u8>,
}

impl Elements {
    fn count(&self) -> usize {
        self.sizes.len()
    }

    /// Bytes of a page that holds them, its header included.
    fn size(&self) -> usize {
        PAGE_HEADER_BYTES + self.count() * ELEMENT_BYTES + self.data.len()
    }

    fn push_leaf(&mut self, flags: u32, key: &[u8], value: &[u8]) {
        self.sizes.push((flags, key.len(), value.len()));
        self.data.extend_from_slice(key);
        self.data.extend_from_slice(value);
    }

    fn first_key(&self) -> &[u8] {
        let length = self.sizes.first().map_or(0, |(_, key, _)| *key);
        &self.data[..length]
    }

    fn encode_leaf(&self) -> Vec<u8> {
        let count = self.count();
        let mut encoded = Vec::with_capacity(count * ELEMENT_BYTES);
        let mut offset = 0;
        for (index, (flags, key, value)) in self.sizes.iter().enumerate() {
            // Positions count from the element's own start.
            let position = (count - index) * ELEMENT_BYTES + offset;
            encoded.extend(leaf_element(position, *flags, *key, *value));
            offset += key + value;
        }
        encoded
    }

    /// Keeps the room for the next page.
    fn emptied(mut self) -> Self {
        self.sizes.clear();
        self.data.clear();
        self
    }
}

/// Everything here is below 4 GiB: keys and values are bounded, and positions with them.
fn leaf_element(position: usize, flags: u32, key: usize, value: usize) -> [u8; ELEMENT_BYTES] {
    let mut element = [0; ELEMENT_BYTES];
    element[..4].copy_from_slice(&flags.to_le_bytes());
    for (place, number) in [(4, position), (8, key), (12, value)] {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        element[place..place + 4].copy_from_slice(&number.to_le_bytes());
    }
    element
}

/// A branch: the first keys of its children and their pages.
#[derive(Debug, Default)]
struct Branch {
    children: Vec<(Vec<u8>, u64)>,
}

impl Branch {
    fn size(&self) -> usize {
        let element = |(key, _): &(Vec<u8>, u64)| ELEMENT_BYTES + key.len();
        PAGE_HEADER_BYTES + self.children.iter().map(element).sum::<usize>()
    }

    /// Writes it; returns its first key and page.
    fn write<W: Write>(self, pages: &mut Pages<W>) -> Result<(Vec<u8>, u64), WriteError> {
        let count = self.children.len();
        let mut elements = Vec::with_capacity(count * ELEMENT_BYTES);
        let mut keys = Vec::new();
        for (index, (key, id)) in self.children.iter().enumerate() {
            let position = (count - index) * ELEMENT_BYTES + keys.len();
            for number in [position, key.len()] {
                let number = u32::try_from(number).unwrap_or(u32::MAX);
                elements.extend(number.to_le_bytes());
            }
            elements.extend(id.to_le_bytes());
            keys.extend_from_slice(key);
        }
        let id = pages.write(PageFlags::BRANCH, count, &[&elements, &keys])?;
        let first = self.children.into_iter().next();
        Ok((first.map(|(key, _)| key).unwrap_or_default(), id))
    }
}
