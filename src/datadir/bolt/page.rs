//! One page in memory: its header and its elements, every bound checked.
//!
//! Invariant: elements lie behind the element table, in order and without overlap (as bbolt's
//! `node.write` lays them out), so a page's entries never add up to more than its bytes.

use std::ops::Range;

use super::defect::DefectKind;
use super::meta::{u16_at, u32_at, u64_at};

/// Bytes of a page header.
pub const PAGE_HEADER_BYTES: usize = 16;
/// Bytes of an element of a branch or leaf page.
pub(super) const ELEMENT_BYTES: usize = 16;
pub(super) const BUCKET_FLAG: u32 = 1;

/// The values of a page header's flags.
#[derive(Clone, Copy, Debug)]
pub struct PageFlags;

impl PageFlags {
    /// A page of references to other pages.
    pub const BRANCH: u16 = 0x01;
    /// A page of entries.
    pub const LEAF: u16 = 0x02;
    /// Page 0 or 1.
    pub const META: u16 = 0x04;
    /// A page of free page ids.
    pub const FREELIST: u16 = 0x10;
}

/// What stands at the beginning of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageHeader {
    /// Number of the page; 0 for an inline one.
    pub id: u64,
    /// One of [`PageFlags`].
    pub flags: u16,
    /// Elements on it.
    pub count: u16,
    /// Following pages that belong to it.
    pub overflow: u32,
}

impl PageHeader {
    /// Reads a header; missing bytes count as zeros.
    pub fn parse(bytes: &[u8]) -> Self {
        Self {
            id: u64_at(bytes, 0),
            flags: u16_at(bytes, 8),
            count: u16_at(bytes, 10),
            overflow: u32_at(bytes, 12),
        }
    }

    /// The header as it lies on disk.
    pub fn encode(&self) -> [u8; PAGE_HEADER_BYTES] {
        let mut bytes = [0; PAGE_HEADER_BYTES];
        bytes[..8].copy_from_slice(&self.id.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.flags.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.count.to_le_bytes());
        bytes[12..].copy_from_slice(&self.overflow.to_le_bytes());
        bytes
    }
}

/// Where a leaf element's key and value lie in the page.
#[derive(Clone, Debug)]
pub(super) struct LeafElement {
    pub(super) is_bucket: bool,
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
}

/// Where a branch element's key lies, and its child.
#[derive(Clone, Debug)]
pub(super) struct BranchElement {
    pub(super) key: Range<usize>,
    pub(super) child: u64,
}

/// Checks that the element table fits into the page.
pub(super) fn check_count(header: &PageHeader, length: usize) -> Result<(), DefectKind> {
    if table_end(header.count) > length {
        return Err(DefectKind::Count {
            count: u32::from(header.count),
            length,
        });
    }
    Ok(())
}

/// Where the element table ends and data may begin.
pub(super) fn table_end(count: u16) -> usize {
    PAGE_HEADER_BYTES + usize::from(count) * ELEMENT_BYTES
}

/// Where an element begins, from the start of its page.
pub(super) fn element_start(index: u16) -> usize {
    PAGE_HEADER_BYTES + usize::from(index) * ELEMENT_BYTES
}

/// Reads leaf element `index`, whose data begin at `floor` or later.
pub(super) fn leaf_element(
    page: &[u8],
    index: u16,
    floor: usize,
) -> Result<LeafElement, DefectKind> {
    let start = element_start(index);
    let (position, key, value) = (
        u32_at(page, start + 4),
        u32_at(page, start + 8),
        u32_at(page, start + 12),
    );
    let bounds = DefectKind::ElementBounds {
        position,
        key,
        value,
    };
    let key_at = start as u64 + u64::from(position);
    let value_at = key_at + u64::from(key);
    let end = value_at + u64::from(value);
    if key_at < floor as u64 || end > page.len() as u64 {
        return Err(bounds);
    }
    // Below the page's length, so they fit.
    let (key_at, value_at, end) = (key_at as usize, value_at as usize, end as usize);
    Ok(LeafElement {
        is_bucket: u32_at(page, start) & BUCKET_FLAG != 0,
        key: key_at..value_at,
        value: value_at..end,
    })
}

/// Reads branch element `index`, whose key begins at `floor` or later.
pub(super) fn branch_element(
    page: &[u8],
    index: u16,
    floor: usize,
) -> Result<BranchElement, DefectKind> {
    let start = element_start(index);
    let (position, key) = (u32_at(page, start), u32_at(page, start + 4));
    let key_at = start as u64 + u64::from(position);
    let end = key_at + u64::from(key);
    if key_at < floor as u64 || end > page.len() as u64 {
        return Err(DefectKind::ElementBounds {
            position,
            key,
            value: 0,
        });
    }
    Ok(BranchElement {
        key: key_at as usize..end as usize,
        child: u64_at(page, start + 8),
    })
}
