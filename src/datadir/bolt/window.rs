//! A stretch of the file in memory, so that pages that lie together cost one read.
//!
//! Invariant: what is read in vain is a fraction of what is used, whatever the file says.

use super::error::BoltError;
use super::read_at::ReadAt;

/// Leaves that lie together are read in one piece up to so many bytes: small enough for a
/// processor's second cache, big enough that the calls do not count.
const LONGEST: usize = 256 * 1024;
const SHORTEST: usize = 16 * 1024;

/// The bytes of a file from one offset to another. Its buffer is used again and again.
#[derive(Debug)]
pub(super) struct Window {
    buffer: Vec<u8>,
    start: u64,
    length: usize,
    /// Bytes that were asked for since the last read.
    served: usize,
    limit: usize,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            length: 0,
            served: 0,
            limit: LONGEST,
        }
    }

    /// How many bytes are worth reading ahead: fewer after reads of which little was used.
    pub(super) fn limit(&self) -> u64 {
        self.limit as u64
    }

    /// Where `need` bytes at `offset` begin in [`Window::bytes`], if they are here.
    pub(super) fn find(&mut self, offset: u64, need: usize) -> Option<usize> {
        let inside = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let end = inside.checked_add(need)?;
        if end > self.length {
            return None;
        }
        self.served += need;
        Some(inside)
    }

    /// Reads `length` bytes at `offset`, which the caller has found to lie within the file.
    pub(super) fn read<R: ReadAt>(
        &mut self,
        source: &R,
        offset: u64,
        length: usize,
    ) -> Result<(), BoltError> {
        self.limit = if self.served < self.length / 4 {
            self.limit / 4
        } else {
            (self.limit * 2).clamp(SHORTEST, LONGEST)
        };
        (self.length, self.served) = (0, 0);
        if self.buffer.len() < length {
            self.buffer.resize(length, 0);
        }
        source
            .read_exact_at(&mut self.buffer[..length], offset)
            .map_err(|error| BoltError::io(offset, length, error))?;
        (self.start, self.length) = (offset, length);
        Ok(())
    }

    /// What was read last.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}
