//! What wraps a snapshot, told by its first bytes.

use std::fmt;

/// First line of an age file, version 1 (age-encryption.org/v1).
const AGE: &[u8] = b"age-encryption.org/v1\n";
/// A Zstandard frame: 0xFD2FB528, little-endian (RFC 8878 section 3.1.1).
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// gzip's two magic bytes and its one method, deflate (RFC 1952 section 2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b, 8];

/// Bytes that are enough to recognise every layer.
pub const LONGEST_MAGIC: usize = AGE.len();

/// What a snapshot's name ends with, before what packing adds.
const ENDING: &str = ".db";

/// One wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Encrypted to recipients.
    Age,
    /// Compressed with Zstandard.
    Zstd,
    /// Compressed with gzip.
    Gzip,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Age => "age",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        })
    }
}

/// Tells what a file begins with; none for a plain snapshot, or for anything else.
///
/// A database is none of these: its first page begins with the number of that page, eight bytes of zero.
pub fn recognise(beginning: &[u8]) -> Option<Layer> {
    let known = [(AGE, Layer::Age), (ZSTD, Layer::Zstd), (GZIP, Layer::Gzip)];
    let mut known = known.into_iter();
    known.find_map(|(magic, layer)| beginning.starts_with(magic).then_some(layer))
}

/// True for the name of a snapshot, packed or not: `x.db`, `x.db.zst`, `x.db.gz.age`.
pub fn is_ending(name: &str) -> bool {
    let name = name.strip_suffix(".age").unwrap_or(name);
    let name = [".zst", ".gz"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name);
    name.ends_with(ENDING)
}
