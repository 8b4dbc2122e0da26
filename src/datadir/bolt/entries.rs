//! A bucket's entries one after another, for those who can do nothing with a damaged one.

use super::error::BoltError;
use super::page_set::PageSet;
use super::read_at::ReadAt;
use super::walk::{Step, Walk};

/// An entry of a bucket. Lives until the next one is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its key, never empty.
    pub key: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// Both, as they lie one behind the other.
    pub both: &'a [u8],
    /// The page it is on; 0 for a page inside the list of buckets.
    pub page: u64,
    /// Its number on the page, from 0.
    pub element: u32,
    /// Offset in the file of its element.
    pub offset: u64,
    /// Offset in the file of its key; the value follows the key.
    pub key_offset: u64,
}

impl Entry<'_> {
    /// Offset in the file of its value.
    pub fn value_offset(&self) -> u64 {
        self.key_offset + self.key.len() as u64
    }
}

/// The entries of a bucket, ascending by key.
///
/// A lending iterator: `while let Some(entry) = entries.next()? { … }`.
#[derive(Debug)]
pub struct Entries<'a, R> {
    walk: Walk<'a, R>,
}

impl<'a, R: ReadAt> Entries<'a, R> {
    pub(super) fn new(walk: Walk<'a, R>) -> Self {
        Self { walk }
    }

    pub(super) fn into_reached(self) -> PageSet {
        self.walk.into_reached()
    }

    /// The next entry; `None` behind the last one.
    ///
    /// # Errors
    /// A source that fails, or the first defect. Nothing useful follows an error.
    #[expect(
        clippy::should_implement_trait,
        reason = "an Iterator cannot lend its buffer"
    )]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>, BoltError> {
        match self.walk.step()? {
            None => Ok(None),
            Some(Step::Entry(entry)) => Ok(Some(entry)),
            Some(Step::Defect(defect)) => Err(defect.into()),
        }
    }
}
