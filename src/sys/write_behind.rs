//! A big new file, written by a thread of its own while its bytes are still being made, and sent to the
//! disk by another, so that the wait for the disk at the end is short.
//!
//! Invariant: what was written before a `seek` is in the file before what comes after it; an error
//! of the file is the error of the next call, or of [`WriteBehind::finish`].

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::mem;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};

/// Bytes that are gathered for one write: what stays in a processor's cache on its way.
const CHUNK_BYTES: usize = 1 << 18;
/// Chunks that may wait.
const WAITING: usize = 4;
/// The disk is told to begin after so many chunks.
const SYNCED: usize = 128;

/// The file in the making.
#[derive(Debug)]
pub struct WriteBehind {
    gathered: Vec<u8>,
    orders: Option<SyncSender<Order>>,
    /// Buffers that were written and can be filled again.
    spare: Receiver<Vec<u8>>,
    writer: Option<JoinHandle<io::Result<File>>>,
}

#[derive(Debug)]
enum Order {
    Write(Vec<u8>),
    Seek(u64),
}

impl WriteBehind {
    /// Begins at the file's current position.
    ///
    /// # Errors
    /// Where the file can't be shared between two threads.
    pub fn new(file: File) -> io::Result<Self> {
        let (orders, ordered) = mpsc::sync_channel(WAITING);
        let (give, spare) = mpsc::sync_channel(WAITING + 1);
        let shared = file.try_clone()?;
        let writer = thread::spawn(move || write_all(file, shared, &ordered, &give));
        Ok(Self {
            gathered: Vec::with_capacity(CHUNK_BYTES),
            orders: Some(orders),
            spare,
            writer: Some(writer),
        })
    }

    /// Waits until all is in the file. Nothing is durable yet: that takes a sync.
    ///
    /// # Errors
    /// What went wrong with the file.
    pub fn finish(mut self) -> io::Result<File> {
        self.hand_over()?;
        self.end()
    }

    fn hand_over(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let mut next = self.spare.try_recv().unwrap_or_default();
        next.clear();
        next.reserve(CHUNK_BYTES);
        let full = mem::replace(&mut self.gathered, next);
        self.order(Order::Write(full))
    }

    fn order(&mut self, order: Order) -> io::Result<()> {
        let sent = self
            .orders
            .as_ref()
            .is_some_and(|to| to.send(order).is_ok());
        match sent {
            true => Ok(()),
            // It takes no more orders because it has failed.
            false => self.end().and_then(|_| Err(gone())),
        }
    }

    fn end(&mut self) -> io::Result<File> {
        self.orders = None;
        match self.writer.take().ok_or_else(gone)?.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the file's writer has ended")
}

impl Write for WriteBehind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gathered.len() + bytes.len() > CHUNK_BYTES {
            self.hand_over()?;
        }
        self.gathered.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_over()
    }
}

impl Seek for WriteBehind {
    /// To a place counted from the start; others are not known before the file is written.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(offset) = to else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        self.hand_over()?;
        self.order(Order::Seek(offset))?;
        Ok(offset)
    }
}

impl Drop for WriteBehind {
    /// Nobody writes to the file any more when this returns.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn write_all(
    mut file: File,
    shared: File,
    ordered: &Receiver<Order>,
    give: &SyncSender<Vec<u8>>,
) -> io::Result<File> {
    // One wait for the disk at a time. That one fails is seen by the sync at the end, too.
    let (begin, begun) = mpsc::sync_channel(1);
    let syncing = thread::spawn(move || begun.iter().try_for_each(|()| shared.sync_data()));
    let mut written = 0;
    for order in ordered {
        match order {
            Order::Seek(offset) => {
                file.seek(SeekFrom::Start(offset))?;
            }
            Order::Write(chunk) => {
                file.write_all(&chunk)?;
                // Where nobody wants it, it is let go.
                let _ = give.try_send(chunk);
                written += 1;
                if written % SYNCED == 0
                    && begin.try_send(()) == Err(TrySendError::Disconnected(()))
                {
                    break;
                }
            }
        }
    }
    drop(begin);
    match syncing.join() {
        Ok(synced) => synced.map(|()| file),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn what_is_written_is_what_is_read(
            pieces in proptest::collection::vec(0_usize..3_000_000, 0..8),
            head in proptest::collection::vec(any::<u8>(), 1..64),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("file");
            let mut expected = vec![0; 64];
            let mut behind = WriteBehind::new(File::create(&path).unwrap()).unwrap();
            behind.write_all(&expected).unwrap();
            for (number, size) in (1_u8..).zip(pieces) {
                let piece = vec![number; size];
                behind.write_all(&piece).unwrap();
                expected.extend(piece);
            }
            behind.seek(SeekFrom::Start(0)).unwrap();
            behind.write_all(&head).unwrap();
            expected[..head.len()].copy_from_slice(&head);
            behind.finish().unwrap();
            prop_assert!(std::fs::read(&path).unwrap() == expected);
        }
    }

    #[test]
    fn the_error_is_that_of_the_file() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut behind = WriteBehind::new(full).unwrap();
        let written = behind.write_all(&vec![1; 64 << 20]);
        let error = written
            .and_then(|()| behind.finish().map(|_| ()))
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
