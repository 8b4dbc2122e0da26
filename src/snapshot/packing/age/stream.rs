//! The contents of an age file: chunks of 64 KiB, each sealed by itself and counted, the last one marked,
//! so that none can be changed, moved or cut off.
//!
//! Format: <https://age-encryption.org/v1>, "Payload" (STREAM of ChaCha20-Poly1305).

use std::io::{self, Read, Write};

use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;

use super::seal::{self, FileKey, NONCE_BYTES, TAG_BYTES};

/// Bytes of a chunk before it is sealed.
const CHUNK_BYTES: usize = 64 << 10;
const SEALED_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
/// Bytes from which, with the file key, the contents' key is derived.
const SALT_BYTES: usize = 16;

/// The nonce of the next chunk: 11 bytes of a count, big-endian, and one that marks the last.
#[derive(Default)]
struct Counter(u64);

impl Counter {
    fn next(&mut self, is_last: bool) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        nonce[3..11].copy_from_slice(&self.0.to_be_bytes());
        nonce[11] = is_last.into();
        self.0 += 1;
        nonce
    }
}

fn contents_key(file_key: &FileKey, salt: &[u8]) -> Result<LessSafeKey, Unspecified> {
    seal::cipher(&*seal::derive(file_key.as_ref(), salt, b"payload")?)
}

/// What is sealed is not what was sealed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::snapshot::packing) struct Changed(&'static str);

fn broken(_: Unspecified) -> io::Error {
    io::Error::other("aws-lc can't encrypt")
}

/// Writes the contents, sealed.
pub(in crate::snapshot::packing) struct Sealer<W> {
    to: W,
    cipher: LessSafeKey,
    counter: Counter,
    chunk: Vec<u8>,
}

impl<W: Write> Sealer<W> {
    /// Begins the contents, behind the header.
    pub(in crate::snapshot::packing) fn begin(mut to: W, file_key: &FileKey) -> io::Result<Self> {
        let mut salt = [0; SALT_BYTES];
        rand::fill(&mut salt).map_err(broken)?;
        to.write_all(&salt)?;
        Ok(Self {
            to,
            cipher: contents_key(file_key, &salt).map_err(broken)?,
            counter: Counter::default(),
            chunk: Vec::with_capacity(SEALED_BYTES),
        })
    }

    fn write_chunk(&mut self, is_last: bool) -> io::Result<()> {
        let nonce = self.counter.next(is_last);
        seal::seal(&self.cipher, nonce, &mut self.chunk).map_err(broken)?;
        self.to.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }

    /// Writes the last chunk, without which nobody takes the file.
    pub(in crate::snapshot::packing) fn finish(mut self) -> io::Result<W> {
        self.write_chunk(true)?;
        Ok(self.to)
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits: only when more follows it is known not to be the last.
        if self.chunk.len() == CHUNK_BYTES && !bytes.is_empty() {
            self.write_chunk(false)?;
        }
        let count = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Reads sealed contents.
pub(in crate::snapshot::packing) struct Opener<R> {
    from: R,
    cipher: LessSafeKey,
    counter: Counter,
    /// The bytes that were read, opened, and how much of them was handed out.
    chunk: Vec<u8>,
    opened: std::ops::Range<usize>,
    ended: bool,
}

impl<R: Read> Opener<R> {
    /// Begins the contents, behind the header.
    pub(in crate::snapshot::packing) fn begin(mut from: R, file_key: &FileKey) -> io::Result<Self> {
        let mut salt = [0; SALT_BYTES];
        from.read_exact(&mut salt)?;
        Ok(Self {
            from,
            cipher: contents_key(file_key, &salt).map_err(broken)?,
            counter: Counter::default(),
            chunk: Vec::with_capacity(SEALED_BYTES + 1),
            opened: 0..0,
            ended: false,
        })
    }

    /// Opens the next chunk. One byte more than a chunk is read: where there is none, it is the last.
    fn next_chunk(&mut self) -> io::Result<()> {
        let changed = |why| io::Error::new(io::ErrorKind::InvalidData, Changed(why));
        let over = self.chunk.get(SEALED_BYTES).copied();
        self.chunk.clear();
        self.chunk.extend(over);
        let wanted = SEALED_BYTES + 1 - self.chunk.len();
        (&mut self.from)
            .take(wanted as u64)
            .read_to_end(&mut self.chunk)?;
        let is_last = self.chunk.len() <= SEALED_BYTES;
        let length = self.chunk.len().min(SEALED_BYTES);
        let nonce = self.counter.next(is_last);
        let is_first = self.counter.0 == 1;
        let opened = seal::open(&self.cipher, nonce, &mut self.chunk[..length])
            .map_err(|_| changed("the contents were changed or cut off"))?
            .len();
        if is_last && opened == 0 && !is_first {
            return Err(changed("the last chunk is empty"));
        }
        self.opened = 0..opened;
        self.ended = is_last;
        Ok(())
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.opened.is_empty() && !self.ended {
            self.next_chunk()?;
        }
        let count = into.len().min(self.opened.len());
        let begin = self.opened.start;
        into[..count].copy_from_slice(&self.chunk[begin..begin + count]);
        self.opened.start += count;
        Ok(count)
    }
}
