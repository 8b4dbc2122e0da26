//! A snapshot as it comes from a member: hashed on its way to the file, and compared with the digest
//! that it ends with.
//!
//! Invariant: memory does not grow with the snapshot: the last 32 bytes are held back, because only
//! the end of the stream tells that they are the digest.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

/// Bytes of the SHA-256 at the end.
const DIGEST_BYTES: usize = 32;

/// etcd writes whole pages, and no page is smaller than this.
const SMALLEST_PAGE: u64 = 512;

/// Takes the pieces of a snapshot.
pub struct Receiver<W> {
    file: W,
    hash: Sha256,
    checksum: u32,
    image_bytes: u64,
    // The last bytes so far: hashed only once others follow.
    tail: Vec<u8>,
}

/// A snapshot that came whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes of the database image, without the digest.
    pub image_bytes: u64,
    /// The SHA-256 of the image: the server's, and the one of what was written.
    pub digest: [u8; DIGEST_BYTES],
    /// SHA-256 of the whole file, the digest included.
    pub file_digest: [u8; DIGEST_BYTES],
    /// CRC-32C of the image, for those who read it back.
    pub checksum: u32,
}

/// What came is not the whole snapshot.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The file can't be written.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// The stream ended before the digest.
    #[error("the stream ended after {bytes} bytes, without the SHA-256 that ends a snapshot")]
    NoDigest {
        /// Bytes that came.
        bytes: u64,
    },
    /// Other bytes came than the server sent.
    #[error("the {bytes} bytes that came don't fit the server's SHA-256")]
    Mismatch {
        /// Bytes of the image.
        bytes: u64,
    },
}

impl<W: Write> Receiver<W> {
    /// Begins to write to `file`.
    pub fn new(file: W) -> Self {
        Self {
            file,
            hash: Sha256::new(),
            checksum: 0,
            image_bytes: 0,
            tail: Vec::with_capacity(DIGEST_BYTES),
        }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn take(&mut self, piece: &[u8]) -> Result<(), ReceiveError> {
        self.file.write_all(piece)?;
        if piece.len() >= DIGEST_BYTES {
            let (body, tail) = piece.split_at(piece.len() - DIGEST_BYTES);
            self.hash_tail(DIGEST_BYTES);
            self.hash.update(body);
            self.checksum = crc32c::crc32c_append(self.checksum, body);
            self.image_bytes += body.len() as u64;
            self.tail.extend_from_slice(tail);
        } else {
            self.tail.extend_from_slice(piece);
            let surplus = self.tail.len().saturating_sub(DIGEST_BYTES);
            self.hash_tail(surplus);
        }
        Ok(())
    }

    /// Hashes the first of the bytes that were held back.
    fn hash_tail(&mut self, count: usize) {
        let count = count.min(self.tail.len());
        self.hash.update(&self.tail[..count]);
        self.checksum = crc32c::crc32c_append(self.checksum, &self.tail[..count]);
        self.image_bytes += count as u64;
        self.tail.drain(..count);
    }

    /// Ends the snapshot, and hands the file back.
    ///
    /// # Errors
    /// It has no digest, or another one.
    pub fn finish(self) -> Result<(W, Received), ReceiveError> {
        let bytes = self.image_bytes + self.tail.len() as u64;
        let is_whole = self.image_bytes > 0 && self.image_bytes.is_multiple_of(SMALLEST_PAGE);
        let digest: [u8; DIGEST_BYTES] = match self.tail.as_slice().try_into() {
            Ok(digest) if is_whole => digest,
            _ => return Err(ReceiveError::NoDigest { bytes }),
        };
        let whole = self.hash.clone().chain_update(digest);
        let computed: [u8; DIGEST_BYTES] = self.hash.finalize().into();
        if computed != digest {
            let bytes = self.image_bytes;
            return Err(ReceiveError::Mismatch { bytes });
        }
        let image_bytes = self.image_bytes;
        Ok((
            self.file,
            Received {
                image_bytes,
                digest,
                file_digest: whole.finalize().into(),
                checksum: self.checksum,
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn receive<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, ReceiveError> {
        let mut receiver = Receiver::new(Vec::new());
        for piece in pieces {
            receiver.take(piece)?;
        }
        receiver.finish().map(|(file, received)| {
            assert_eq!(received.image_bytes + 32, file.len() as u64);
            assert_eq!(
                received.file_digest.as_slice(),
                Sha256::digest(&file).as_slice()
            );
            file
        })
    }

    fn snapshot(pages: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..pages * 512).map(|at| (at * 7 % 251) as u8).collect();
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        bytes
    }

    proptest! {
        #[test]
        fn any_cut_into_pieces_gives_the_same_file(pages in 1usize..6, size in 1usize..600) {
            let whole = snapshot(pages);
            prop_assert_eq!(receive(whole.chunks(size)).unwrap(), whole);
        }

        #[test]
        fn a_flipped_bit_is_noticed(pages in 1usize..4, at in 0usize..2000, size in 1usize..600) {
            let mut whole = snapshot(pages);
            let at = at % whole.len();
            whole[at] ^= 1;
            let error = receive(whole.chunks(size)).unwrap_err();
            let is_known = matches!(error, ReceiveError::Mismatch { .. });
            prop_assert!(is_known);
        }

        #[test]
        fn an_early_end_is_noticed(pages in 1usize..4, missing in 1usize..512) {
            let whole = snapshot(pages);
            let cut = &whole[..whole.len() - missing];
            let error = receive(cut.chunks(100)).unwrap_err();
            let is_known = matches!(error, ReceiveError::NoDigest { .. } | ReceiveError::Mismatch { .. });
            prop_assert!(is_known);
        }
    }

    #[test]
    fn nothing_is_no_snapshot() {
        assert!(receive(std::iter::empty()).is_err());
        assert!(receive([Sha256::digest(b"").as_slice()].into_iter()).is_err());
    }
}
