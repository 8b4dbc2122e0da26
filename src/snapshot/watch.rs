//! News of work that takes long, and its end before its time.

use std::sync::atomic::{AtomicU64, Ordering};

/// Is told how many bytes have been read, about once a megabyte; false ends the work.
pub type Watch<'a> = &'a (dyn Fn(u64) -> bool + Sync);

/// Bytes between two calls of a [`Watch`].
pub(super) const WATCHED: u64 = 1 << 20;

/// Adds up what several threads have read.
pub(super) struct Gauge<'a> {
    watch: Watch<'a>,
    bytes: AtomicU64,
}

impl<'a> Gauge<'a> {
    pub(super) fn new(watch: Watch<'a>) -> Self {
        Self {
            watch,
            bytes: AtomicU64::new(0),
        }
    }

    /// One that counts for one thread.
    pub(super) fn meter(&self) -> Meter<'_> {
        Meter {
            gauge: self,
            bytes: 0,
        }
    }

    /// Counts more bytes and tells it; false where the work is to end.
    #[must_use]
    pub(super) fn tell(&self, more: u64) -> bool {
        (self.watch)(self.bytes.fetch_add(more, Ordering::Relaxed) + more)
    }
}

/// Counts what one thread reads.
pub(super) struct Meter<'a> {
    gauge: &'a Gauge<'a>,
    /// What it has not told yet.
    bytes: u64,
}

impl Meter<'_> {
    /// Counts more bytes; false where the work is to end.
    #[must_use]
    pub(super) fn add(&mut self, bytes: usize) -> bool {
        self.bytes += bytes as u64;
        if self.bytes < WATCHED {
            return true;
        }
        self.gauge.tell(std::mem::take(&mut self.bytes))
    }
}
