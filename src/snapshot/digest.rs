//! The SHA-256 that a snapshot ends with: is the image what the server sent?
//!
//! It is the only thing that tells a flipped bit in a value.

use std::io;

use sha2::{Digest, Sha256};

use crate::datadir::bolt::ReadAt;

const BLOCK_BYTES: u64 = 256 * 1024;

/// The SHA-256 of the first `bytes` bytes, read front to back in big blocks.
///
/// # Errors
/// Where the source fails or ends before.
pub fn digest<R: ReadAt + ?Sized>(source: &R, bytes: u64) -> io::Result<[u8; 32]> {
    digest_while(source, bytes, || true)
}

/// As [`digest`], but given up, with a value that says nothing, when `goes_on` says so.
///
/// # Errors
/// As [`digest`].
pub fn digest_while<R: ReadAt + ?Sized>(
    source: &R,
    bytes: u64,
    goes_on: impl Fn() -> bool,
) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    read_while(source, bytes, goes_on, |block| hash.update(block))?;
    Ok(hash.finalize().into())
}

/// The CRC-32C of the first `bytes` bytes: whether they are those that were seen before.
///
/// # Errors
/// As [`digest`].
pub(super) fn checksum<R: ReadAt + ?Sized>(source: &R, bytes: u64) -> io::Result<u32> {
    let mut sum = 0;
    read_while(
        source,
        bytes,
        || true,
        |block| sum = crc32c::crc32c_append(sum, block),
    )?;
    Ok(sum)
}

fn read_while<R: ReadAt + ?Sized>(
    source: &R,
    bytes: u64,
    goes_on: impl Fn() -> bool,
    mut take: impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut block = vec![0; usize::try_from(bytes.min(BLOCK_BYTES)).unwrap_or(0)];
    let mut offset = 0;
    while offset < bytes && goes_on() {
        let length = usize::try_from((bytes - offset).min(BLOCK_BYTES)).unwrap_or(0);
        let block = &mut block[..length];
        source.read_exact_at(block, offset)?;
        take(block);
        offset += length as u64;
    }
    Ok(())
}
