//! What can be wrong with a page, and where.

use std::fmt;

/// A place in a file that contradicts the format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defect {
    /// The page it is on.
    pub page: u64,
    /// The element on the page, from 0, where one is to blame.
    pub element: Option<u32>,
    /// Offset in the file of the element, or of the page.
    pub offset: u64,
    /// What is wrong.
    pub kind: DefectKind,
}

/// What is wrong with a page or an element.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DefectKind {
    /// The page's header names another page.
    #[error("its header names page {found}")]
    PageId {
        /// The id in the header.
        found: u64,
    },
    /// The page is of another kind than its place asks for.
    #[error("its flags are {found:#06x}, expected {expected}")]
    PageFlags {
        /// The flags in the header.
        found: u16,
        /// What is allowed here.
        expected: &'static str,
    },
    /// A reference leads outside of the pages in use.
    #[error("it refers to page {id}, expected 2 to {last}")]
    PageOutOfRange {
        /// The page referred to.
        id: u64,
        /// The last page in use.
        last: u64,
    },
    /// The pages that belong to this one reach beyond the pages in use.
    #[error("its {overflow} overflow pages end behind the last page, {last}")]
    OverflowOutOfRange {
        /// Following pages that it claims.
        overflow: u32,
        /// The last page in use.
        last: u64,
    },
    /// Two references lead to the page, or it lies inside another one's overflow.
    #[error("it is referred to twice")]
    ReachedTwice,
    /// There are more levels than any real tree has.
    #[error("the tree is more than {0} levels deep")]
    TooDeep(usize),
    /// A branch leads nowhere.
    #[error("a branch page without elements")]
    EmptyBranch,
    /// The elements do not fit into the page.
    #[error("{count} elements do not fit into {length} bytes")]
    Count {
        /// Elements counted in the header.
        count: u32,
        /// Bytes of the page with its overflow.
        length: usize,
    },
    /// An element's key or value lies outside of its page, or over its neighbour's.
    #[error(
        "its data (pos {position}, key {key} bytes, value {value} bytes) leave the page or overlap others"
    )]
    ElementBounds {
        /// `pos` of the element.
        position: u32,
        /// Bytes of the key.
        key: u32,
        /// Bytes of the value.
        value: u32,
    },
    /// A key of no bytes.
    #[error("its key is empty")]
    EmptyKey,
    /// A key does not follow the one before it.
    #[error("its key is not greater than the one before it")]
    KeyOrder,
    /// A key is outside of what the branches above it promise.
    #[error("its key is outside of the range that the page above it gives")]
    KeyRange,
    /// A plain entry among the buckets.
    #[error("an entry that is no bucket, in the list of buckets")]
    NotABucket,
    /// A bucket inside a bucket, which etcd never makes.
    #[error("a bucket within a bucket, which etcd never makes")]
    NestedBucket,
    /// A bucket's header, or the page inside it, makes no sense.
    #[error("the bucket's header is damaged: {0}")]
    BucketHeader(&'static str),
    /// The list of free pages contradicts itself or the tree.
    #[error("the list of free pages is damaged: {0}")]
    Freelist(String),
}

impl Defect {
    pub(super) fn page(page: u64, offset: u64, kind: DefectKind) -> Self {
        Self {
            page,
            element: None,
            offset,
            kind,
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {}", self.page)?;
        if let Some(element) = self.element {
            write!(f, ", element {element}")?;
        }
        write!(f, " (offset {}): {}", self.offset, self.kind)
    }
}
