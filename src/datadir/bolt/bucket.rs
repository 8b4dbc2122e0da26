//! A bucket: a tree of its own, or a page inside the value that describes it.

use super::defect::{Defect, DefectKind};
use super::entries::Entry;
use super::meta::u64_at;
use super::page::{PAGE_HEADER_BYTES, PageFlags, PageHeader, check_count};

/// Bytes of a bucket's header: root page and sequence.
const HEADER_BYTES: usize = 16;

/// A bucket, as the list of buckets describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: Vec<u8>,
    /// Its sequence, which etcd leaves at 0.
    pub sequence: u64,
    /// Where its entries are.
    pub root: BucketRoot,
    /// The page that lists it, for messages.
    pub(super) listed_on: u64,
    /// Offset in the file of the element that lists it.
    pub(super) listed_at: u64,
}

/// Where a bucket's entries are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketRoot {
    /// In a tree that begins with this page.
    Page(u64),
    /// In a page inside the list of buckets.
    Inline {
        /// The page, header included.
        page: Vec<u8>,
        /// Where it begins in the file.
        offset: u64,
    },
}

impl Bucket {
    /// True where the entries lie within the list of buckets.
    pub fn is_inline(&self) -> bool {
        matches!(self.root, BucketRoot::Inline { .. })
    }

    /// Reads an entry of the list of buckets.
    ///
    /// # Errors
    /// A header that makes no sense.
    pub fn parse(entry: &Entry<'_>) -> Result<Self, Defect> {
        let damaged = |reason| Defect {
            page: entry.page,
            element: Some(entry.element),
            offset: entry.offset,
            kind: DefectKind::BucketHeader(reason),
        };
        if entry.value.len() < HEADER_BYTES {
            return Err(damaged("it is shorter than 16 bytes"));
        }
        let root = match u64_at(entry.value, 0) {
            0 => BucketRoot::Inline {
                page: inline_page(&entry.value[HEADER_BYTES..]).map_err(damaged)?,
                offset: entry.value_offset() + HEADER_BYTES as u64,
            },
            page => BucketRoot::Page(page),
        };
        Ok(Self {
            name: entry.key.to_vec(),
            sequence: u64_at(entry.value, 8),
            root,
            listed_on: entry.page,
            listed_at: entry.offset,
        })
    }
}

fn inline_page(page: &[u8]) -> Result<Vec<u8>, &'static str> {
    if page.len() < PAGE_HEADER_BYTES {
        return Err("the page inside is shorter than its header");
    }
    let header = PageHeader::parse(page);
    if header.flags != PageFlags::LEAF {
        return Err("the page inside is no leaf");
    }
    if header.id != 0 || header.overflow != 0 {
        return Err("the page inside claims a place in the file");
    }
    if check_count(&header, page.len()).is_err() {
        return Err("the page inside has more elements than room");
    }
    Ok(page.to_vec())
}
