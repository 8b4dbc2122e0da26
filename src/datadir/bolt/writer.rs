//! Writes a fresh bbolt file in one pass: buckets in ascending order of their names, entries in
//! ascending order of their keys.
//!
//! Invariants: memory does not grow with the file (one page a level of a tree, and the root's
//! leaf); until [`Writer::finish`] has written the meta pages, the file is no database. What is
//! written has no free page: a copy through here defragments.
//!
//! Format: bbolt's `page.go`, `meta.go` and `bucket.go`; the freelist is left out, as etcd has it.

use std::io::{self, Seek, SeekFrom, Write};

use super::meta::{Meta, NO_FREELIST, PAGE_SIZES};
use super::page::{PAGE_HEADER_BYTES, PageFlags, PageHeader};
use super::tree::{Child, Tree};

/// Longest key (bbolt's `MaxKeySize`).
const MAX_KEY: usize = 32_768;

/// Longest value (bbolt's `MaxValueSize`).
const MAX_VALUE: usize = (1 << 31) - 2;

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The sink failed.
    #[error("failed to write the database")]
    Io(#[from] io::Error),
    /// Entries or buckets came in the wrong order, or one came twice.
    #[error("{what} {found:02x?} does not come after {before:02x?}")]
    OutOfOrder {
        /// `key` or `bucket`.
        what: &'static str,
        /// What came.
        found: Vec<u8>,
        /// What came before it.
        before: Vec<u8>,
    },
    /// A key is empty or longer than bbolt takes, or a value is.
    #[error("a {what} of {size} bytes does not fit into a bbolt file")]
    Size {
        /// `key` or `value`.
        what: &'static str,
        /// Its length in bytes.
        size: usize,
    },
    /// An entry came before any bucket.
    #[error("an entry came before its bucket")]
    NoBucket,
    /// No bbolt file has such pages.
    #[error("{0} is no page size: expected a power of two from 512 to 16777216")]
    PageSize(u32),
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Size of a page in bytes.
    pub page_size: u32,
    /// Number of pages; the file has `pages * page_size` bytes.
    pub pages: u64,
}

/// A bbolt file in the making.
#[derive(Debug)]
pub struct Writer<W: Write + Seek> {
    pages: Pages<W>,
    root: Tree,
    open: Option<Bucket>,
    last_name: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Bucket {
    name: Vec<u8>,
    sequence: u64,
    tree: Tree,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a file at the sink's start. The sink should gather small writes.
    ///
    /// # Errors
    /// A page size that is none; a sink that fails.
    pub fn new(mut sink: W, page_size: u32) -> Result<Self, WriteError> {
        if !page_size.is_power_of_two() || !PAGE_SIZES.contains(&page_size) {
            return Err(WriteError::PageSize(page_size));
        }
        let size = page_size as usize;
        // The places of the meta pages, which come last.
        sink.write_all(&vec![0; size])?;
        sink.write_all(&vec![0; size])?;
        Ok(Self {
            pages: Pages {
                sink,
                size,
                next: 2,
            },
            root: Tree::new(size),
            open: None,
            last_name: None,
        })
    }

    /// Begins the next bucket; the one before is complete.
    ///
    /// # Errors
    /// A name that does not come after the last one; a sink that fails.
    pub fn bucket(&mut self, name: &[u8], sequence: u64) -> Result<(), WriteError> {
        check_sizes(name, &[])?;
        self.close_bucket()?;
        if let Some(before) = self.last_name.as_deref().filter(|before| name <= *before) {
            return Err(WriteError::OutOfOrder {
                what: "bucket",
                found: name.to_vec(),
                before: before.to_vec(),
            });
        }
        self.last_name = Some(name.to_vec());
        self.open = Some(Bucket {
            name: name.to_vec(),
            sequence,
            tree: Tree::new(self.pages.size),
        });
        Ok(())
    }

    /// Adds an entry to the bucket that was begun last.
    ///
    /// # Errors
    /// A key that does not come after the last one; a sink that fails.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), WriteError> {
        check_sizes(key, value)?;
        let bucket = self.open.as_mut().ok_or(WriteError::NoBucket)?;
        bucket.tree.put(&mut self.pages, false, key, value)
    }

    /// Completes the file and gives the sink back, with everything written to it and nothing synced.
    ///
    /// # Errors
    /// A sink that fails.
    pub fn finish(mut self) -> Result<(W, Written), WriteError> {
        self.close_bucket()?;
        let Self {
            mut pages, root, ..
        } = self;
        let root = root.finish(&mut pages)?;
        for (id, txid) in [(0, 2), (1, 1)] {
            let meta = meta_page(&pages, id, root, txid);
            pages.sink.seek(SeekFrom::Start(id * pages.size as u64))?;
            pages.sink.write_all(&meta)?;
        }
        pages.sink.flush()?;
        let written = Written {
            // It came as a u32.
            page_size: u32::try_from(pages.size).unwrap_or(u32::MAX),
            pages: pages.next,
        };
        Ok((pages.sink, written))
    }

    fn close_bucket(&mut self) -> Result<(), WriteError> {
        let Some(bucket) = self.open.take() else {
            return Ok(());
        };
        let header = |root: u64| {
            let mut value = root.to_le_bytes().to_vec();
            value.extend(bucket.sequence.to_le_bytes());
            value
        };
        let value = match bucket.tree.finish_bucket(&mut self.pages)? {
            Child::Page(id) => header(id),
            Child::Inline(leaf) => {
                let mut value = header(0);
                value.extend(leaf);
                value
            }
        };
        self.root.put(&mut self.pages, true, &bucket.name, &value)
    }
}

fn check_sizes(key: &[u8], value: &[u8]) -> Result<(), WriteError> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(WriteError::Size {
            what: "key",
            size: key.len(),
        });
    }
    if value.len() > MAX_VALUE {
        return Err(WriteError::Size {
            what: "value",
            size: value.len(),
        });
    }
    Ok(())
}

/// The file's pages, handed out one after the other.
#[derive(Debug)]
pub(super) struct Pages<W> {
    sink: W,
    /// Size of a page in bytes.
    pub(super) size: usize,
    next: u64,
}

impl<W: Write> Pages<W> {
    /// Writes a page with what overflows it, from its parts without the header; returns its id.
    pub(super) fn write(
        &mut self,
        flags: u16,
        count: usize,
        parts: &[&[u8]],
    ) -> Result<u64, WriteError> {
        let length = PAGE_HEADER_BYTES + parts.iter().map(|part| part.len()).sum::<usize>();
        let pages = length.div_ceil(self.size);
        let id = self.next;
        self.sink
            .write_all(&page_header(id, flags, count, pages - 1))?;
        for part in parts {
            self.sink.write_all(part)?;
        }
        let padding = pages * self.size - length;
        io::copy(
            &mut io::Read::take(io::repeat(0), padding as u64),
            &mut self.sink,
        )?;
        self.next += pages as u64;
        Ok(id)
    }
}

/// The header of a page. What makes a page up bounds counts and overflows.
pub(super) fn page_header(
    id: u64,
    flags: u16,
    count: usize,
    overflow: usize,
) -> [u8; PAGE_HEADER_BYTES] {
    let header = PageHeader {
        id,
        flags,
        count: u16::try_from(count).unwrap_or(u16::MAX),
        overflow: u32::try_from(overflow).unwrap_or(u32::MAX),
    };
    header.encode()
}

fn meta_page<W>(pages: &Pages<W>, id: u64, root: u64, txid: u64) -> Vec<u8> {
    let meta = Meta {
        page_size: u32::try_from(pages.size).unwrap_or(u32::MAX),
        root,
        sequence: 0,
        freelist: NO_FREELIST,
        high_water_mark: pages.next,
        txid,
    };
    let mut page = page_header(id, PageFlags::META, 0, 0).to_vec();
    page.extend(meta.encode());
    page.resize(pages.size, 0);
    page
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
