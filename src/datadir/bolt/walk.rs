//! A tree from its first entry to its last, past whatever is damaged in it.
//!
//! Invariant: a page is entered once, so neither a cycle nor shared subtrees make a walk longer than
//! the file; an entry that is handed out has a key in order and within what its branches promise.
//!
//! This is the integrity check of bbolt (`tx_check.go`), made while the entries are read.

use std::ops::Range;

use super::branch::{Branch, Referrer, is_outside};
use super::bucket::{Bucket, BucketRoot};
use super::defect::{Defect, DefectKind};
use super::entries::Entry;
use super::error::BoltError;
use super::image::Image;
use super::page::{PageFlags, PageHeader, check_count, element_start, leaf_element, table_end};
use super::page_set::PageSet;
use super::read_at::ReadAt;
use super::window::Window;

/// A page has two children at least, and ids have 64 bits.
const MAX_DEPTH: usize = 64;
/// Pages in between that are read along rather than skipped.
const GAP_BYTES: u64 = 16 * 1024;

/// What a walk meets.
#[derive(Debug)]
pub enum Step<'a> {
    /// An entry, sound in itself.
    Entry(Entry<'a>),
    /// Something damaged. What depends on it is left out; the walk goes on behind it.
    Defect(Defect),
}

/// A walk over one tree.
#[derive(Debug)]
pub struct Walk<'a, R> {
    image: &'a Image<R>,
    inline: Option<&'a [u8]>,
    holds_buckets: bool,
    /// The root, until it is entered, and who refers to it.
    root: Option<(u64, Referrer)>,
    stack: Vec<Branch>,
    leaf: Option<Leaf>,
    window: Window,
    /// The last key of the leaf before.
    last_key: Vec<u8>,
    reached: PageSet,
}

#[derive(Debug)]
struct Leaf {
    id: u64,
    /// Where it begins in the file.
    offset: u64,
    /// Where it lies in the window or in the inline page.
    place: Range<usize>,
    count: u16,
    next: u16,
    floor: usize,
    previous: Range<usize>,
}

/// An entry's place in its leaf's page.
struct Found {
    element: u16,
    key: Range<usize>,
    value: Range<usize>,
}

impl<'a, R: ReadAt> Walk<'a, R> {
    /// A walk over the list of buckets. `reached` holds the pages that other trees have taken.
    pub fn of_buckets(image: &'a Image<R>, reached: PageSet) -> Self {
        let referrer = Referrer {
            page: 0,
            element: None,
            offset: 0,
        };
        let mut walk = Self::new(image, reached);
        walk.holds_buckets = true;
        walk.root = Some((image.meta().root, referrer));
        walk
    }

    /// A walk over a bucket's entries.
    pub fn of_bucket(image: &'a Image<R>, bucket: &'a Bucket, reached: PageSet) -> Self {
        let mut walk = Self::new(image, reached);
        match &bucket.root {
            BucketRoot::Page(id) => {
                let referrer = Referrer {
                    page: bucket.listed_on,
                    element: None,
                    offset: bucket.listed_at,
                };
                walk.root = Some((*id, referrer));
            }
            BucketRoot::Inline { page, offset } => {
                let count = PageHeader::parse(page).count;
                walk.inline = Some(page);
                walk.leaf = Some(Leaf::new(bucket.listed_on, *offset, 0..page.len(), count));
            }
        }
        walk
    }

    fn new(image: &'a Image<R>, reached: PageSet) -> Self {
        Self {
            image,
            inline: None,
            holds_buckets: false,
            root: None,
            stack: Vec::new(),
            leaf: None,
            window: Window::new(),
            last_key: Vec::new(),
            reached,
        }
    }

    /// Parts the walk into up to `parts` that follow each other, so that several can read at once. A
    /// tree of one page, and one whose root is damaged, stays whole.
    ///
    /// # Errors
    /// A source that fails.
    pub(super) fn sections(self, parts: u16) -> Result<Vec<Self>, BoltError> {
        self.parted(parts, |parts| 0..parts)
    }

    /// As [`Walk::sections`], the last one alone, which is as small as can be.
    ///
    /// # Errors
    /// A source that fails.
    pub(super) fn tail(self) -> Result<Vec<Self>, BoltError> {
        self.parted(u16::MAX, |parts| parts - 1..parts)
    }

    fn parted(
        mut self,
        parts: u16,
        wanted: impl Fn(u16) -> Range<u16>,
    ) -> Result<Vec<Self>, BoltError> {
        let Some((id, referrer)) = self.root else {
            return Ok(vec![self]);
        };
        let mut probe = Self::new(self.image, self.image.page_set());
        match probe.enter(id, referrer) {
            Err(error) if error.is_io() => return Err(error),
            Err(_) => return Ok(vec![self]),
            Ok(()) => {}
        }
        let Some(root) = probe.stack.pop() else {
            return Ok(vec![self]);
        };
        // A section begins where it knows nothing of the elements before.
        if !root.is_sound() {
            return Ok(vec![self]);
        }
        self.root = None;
        let parts = parts.clamp(1, root.count);
        let bound = |part: u16| {
            let children = u32::from(root.count) * u32::from(part) / u32::from(parts);
            u16::try_from(children).unwrap_or(root.count)
        };
        let section = |part: u16| {
            // The first one answers for the root.
            let reached = match part {
                0 => probe.reached.clone(),
                _ => self.image.page_set(),
            };
            let mut walk = Self::new(self.image, reached);
            walk.stack.push(Branch {
                page: root.page.clone(),
                previous: 0..0,
                next: bound(part),
                end: bound(part + 1),
                ..root
            });
            walk
        };
        Ok(wanted(parts).map(section).collect())
    }

    /// Gives the set of pages back, now with those of this tree.
    pub fn into_reached(self) -> PageSet {
        self.reached
    }

    /// The next entry or defect; `None` behind the last one.
    ///
    /// # Errors
    /// A source that fails.
    pub fn step(&mut self) -> Result<Option<Step<'_>>, BoltError> {
        let found = loop {
            match self.next_in_leaf() {
                Some(Ok(found)) => break found,
                Some(Err(defect)) => return Ok(Some(Step::Defect(defect))),
                None => {}
            }
            match self.next_page() {
                None => return Ok(None),
                Some(Ok(())) => {}
                Some(Err(BoltError::Damaged(defect))) => {
                    return Ok(Some(Step::Defect(defect)));
                }
                Some(Err(error)) => return Err(error),
            }
        };
        Ok(self.leaf.as_ref().map(|leaf| {
            let bytes = &self.inline.unwrap_or(self.window.bytes())[leaf.place.clone()];
            Step::Entry(Entry {
                key: &bytes[found.key.clone()],
                value: &bytes[found.value.clone()],
                both: &bytes[found.key.start..found.value.end],
                page: leaf.id,
                element: u32::from(found.element),
                offset: leaf.offset + element_start(found.element) as u64,
                key_offset: leaf.offset + found.key.start as u64,
            })
        }))
    }

    /// Reads and judges the next element of the leaf; `None` where there is no more.
    fn next_in_leaf(&mut self) -> Option<Result<Found, Defect>> {
        let leaf = self.leaf.as_mut()?;
        let bytes = &self.inline.unwrap_or(self.window.bytes())[leaf.place.clone()];
        if leaf.next == leaf.count {
            if !leaf.previous.is_empty() {
                self.last_key.clear();
                self.last_key
                    .extend_from_slice(&bytes[leaf.previous.clone()]);
            }
            self.leaf = None;
            return None;
        }
        let element = leaf.next;
        leaf.next += 1;
        let damaged = |kind| Defect {
            page: leaf.id,
            element: Some(u32::from(element)),
            offset: leaf.offset + element_start(element) as u64,
            kind,
        };
        let found = match leaf_element(bytes, element, leaf.floor) {
            Ok(found) => found,
            Err(kind) => return Some(Err(damaged(kind))),
        };
        leaf.floor = found.value.end;
        let key = &bytes[found.key.clone()];
        let before = match leaf.previous.is_empty() {
            true => self.last_key.as_slice(),
            false => &bytes[leaf.previous.clone()],
        };
        let wrong = if key.is_empty() {
            Some(DefectKind::EmptyKey)
        } else if key <= before {
            Some(DefectKind::KeyOrder)
        } else if is_outside(key, element, leaf.count, &self.stack) {
            Some(DefectKind::KeyRange)
        } else if self.holds_buckets != found.is_bucket {
            Some(match self.holds_buckets {
                true => DefectKind::NotABucket,
                false => DefectKind::NestedBucket,
            })
        } else {
            None
        };
        if let Some(kind) = wrong {
            return Some(Err(damaged(kind)));
        }
        leaf.previous = found.key.clone();
        Some(Ok(Found {
            element,
            key: found.key,
            value: found.value,
        }))
    }

    /// Enters the next page, which becomes the leaf or the top of the stack; `None` behind the last.
    fn next_page(&mut self) -> Option<Result<(), BoltError>> {
        if let Some((id, referrer)) = self.root.take() {
            return Some(self.enter(id, referrer));
        }
        while self.stack.last()?.next == self.stack.last()?.end {
            self.stack.pop();
        }
        let (branch, above) = self.stack.split_last_mut()?;
        Some(match branch.next_child(above) {
            Ok((id, referrer)) => self.enter(id, referrer),
            Err(defect) => Err(defect.into()),
        })
    }

    fn enter(&mut self, id: u64, referrer: Referrer) -> Result<(), BoltError> {
        let last = self.image.meta().high_water_mark.saturating_sub(1);
        let blame = |kind| Defect {
            page: referrer.page,
            element: referrer.element,
            offset: referrer.offset,
            kind,
        };
        if id < 2 || id > last {
            return Err(blame(DefectKind::PageOutOfRange { id, last }).into());
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(blame(DefectKind::TooDeep(MAX_DEPTH)).into());
        }
        let page_size = self.image.page_size();
        let offset = id * page_size;
        let damaged = |kind| BoltError::from(Defect::page(id, offset, kind));
        let start = self.load(id, page_size)?;
        let header = PageHeader::parse(&self.window.bytes()[start..]);
        if header.id != id {
            return Err(damaged(DefectKind::PageId { found: header.id }));
        }
        if header.flags != PageFlags::BRANCH && header.flags != PageFlags::LEAF {
            return Err(damaged(DefectKind::PageFlags {
                found: header.flags,
                expected: "a branch (0x0001) or a leaf (0x0002)",
            }));
        }
        let overflow = header.overflow;
        if u64::from(overflow) > last - id {
            return Err(damaged(DefectKind::OverflowOutOfRange { overflow, last }));
        }
        if !self.reached.insert_range(id, id + u64::from(overflow)) {
            return Err(damaged(DefectKind::ReachedTwice));
        }
        let length = (u64::from(overflow) + 1) * page_size;
        let start = self.load(id, length)?;
        let place = start..start + to_usize(length);
        check_count(&header, place.len()).map_err(damaged)?;
        self.open(header, offset, place)
    }

    fn open(
        &mut self,
        header: PageHeader,
        offset: u64,
        place: Range<usize>,
    ) -> Result<(), BoltError> {
        let (id, count) = (header.id, header.count);
        if header.flags == PageFlags::LEAF {
            if let Some(parent) = self.stack.last_mut() {
                parent.has_leaves = true;
            }
            self.leaf = Some(Leaf::new(id, offset, place, count));
            return Ok(());
        }
        if count == 0 {
            return Err(Defect::page(id, offset, DefectKind::EmptyBranch).into());
        }
        self.stack.push(Branch {
            id,
            offset,
            page: self.window.bytes()[place].to_vec(),
            count,
            next: 0,
            end: count,
            floor: table_end(count),
            previous: 0..0,
            has_leaves: false,
        });
        Ok(())
    }

    /// Makes sure that `need` bytes of page `id` are in the window; returns where they begin.
    fn load(&mut self, id: u64, need: u64) -> Result<usize, BoltError> {
        let page_size = self.image.page_size();
        let offset = id * page_size;
        let length = to_usize(need);
        if let Some(start) = self.window.find(offset, length) {
            return Ok(start);
        }
        let run = to_usize(self.run(id, page_size)).max(length);
        self.window.read(self.image.source(), offset, run)?;
        Ok(self.window.find(offset, length).unwrap_or(0))
    }

    /// How many bytes from page `id` on are wanted soon: the leaves that lie behind it in order.
    fn run(&self, id: u64, page_size: u64) -> u64 {
        let Some(branch) = self.stack.last().filter(|branch| branch.has_leaves) else {
            return page_size;
        };
        let (gap, limit) = (GAP_BYTES / page_size + 1, self.window.limit() / page_size);
        let mut end = id;
        for child in branch.children_from_next() {
            let is_near = child > end && child - end <= gap && child - id < limit;
            if !is_near || child >= self.image.meta().high_water_mark {
                break;
            }
            end = child;
        }
        (end - id + 1) * page_size
    }
}

impl Leaf {
    fn new(id: u64, offset: u64, place: Range<usize>, count: u16) -> Self {
        Self {
            id,
            offset,
            place,
            count,
            next: 0,
            floor: table_end(count),
            previous: 0..0,
        }
    }
}

fn to_usize(bytes: u64) -> usize {
    // Below the file's size; on a machine where that is no usize, the read fails.
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
