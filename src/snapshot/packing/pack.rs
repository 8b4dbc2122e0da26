//! Packs a snapshot: compress, then encrypt, then count and hash what is stored.

use std::io::{self, Read, Write};

use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use zstd::stream::write::Encoder as ZstdEncoder;

use super::age::{Sealer, seal_header};
use super::{Compression, Recipient};

/// Bytes that are read at once.
const BLOCK_BYTES: usize = 256 << 10;

/// How a snapshot is packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packing {
    /// Compressed before anything else.
    pub compression: Option<Compression>,
    /// Encrypted to these; to nobody where there are none.
    pub recipients: Vec<Recipient>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Bytes that were written.
    pub bytes: u64,
    /// SHA-256 of them.
    pub sha256: [u8; 32],
}

impl Packing {
    /// True where a snapshot is stored as it is.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// What is added to a snapshot's name: `.zst`, `.gz.age`.
    pub fn ending(&self) -> String {
        let compressed = self.compression.map_or("", Compression::ending);
        let encrypted = match self.recipients.is_empty() {
            true => "",
            false => ".age",
        };
        format!("{compressed}{encrypted}")
    }

    /// Most bytes that packing `bytes` can give: what can't be compressed grows a little.
    pub fn at_most(&self, bytes: u64) -> u64 {
        // zstd: 1/256 and a frame; deflate's stored blocks: 5 in 16 Ki; age: 16 in 64 Ki and a header.
        bytes + bytes / 200 + (64 << 10)
    }
}

/// Packs what `from` gives into `to`. `size` is the number of bytes that it gives, which a zstd frame
/// names; `goes_on` is asked again and again, and false gives up.
///
/// # Errors
/// Either side fails; [`io::ErrorKind::Interrupted`] where it was given up.
pub fn pack(
    mut from: impl Read,
    size: u64,
    to: impl Write,
    packing: &Packing,
    goes_on: impl Fn() -> bool,
) -> io::Result<Packed> {
    let counted = Counted {
        to,
        packed: 0,
        hash: Sha256::new(),
    };
    let mut writer = Compressor::begin(Encrypter::begin(counted, packing)?, packing, size)?;
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        if !goes_on() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match from.read(&mut block) {
            Ok(0) => break,
            Ok(count) => writer.write_all(&block[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut counted = writer.finish()?.finish()?;
    counted.to.flush()?;
    Ok(Packed {
        bytes: counted.packed,
        sha256: counted.hash.finalize().into(),
    })
}

struct Counted<W> {
    to: W,
    packed: u64,
    hash: Sha256,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.packed += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

enum Encrypter<W: Write> {
    None(W),
    Age(Box<Sealer<W>>),
}

impl<W: Write> Encrypter<W> {
    fn begin(mut to: W, packing: &Packing) -> io::Result<Self> {
        if packing.recipients.is_empty() {
            return Ok(Self::None(to));
        }
        let file_key = seal_header(&packing.recipients, &mut to)?;
        Ok(Self::Age(Box::new(Sealer::begin(to, &file_key)?)))
    }

    fn finish(self) -> io::Result<W> {
        match self {
            Self::None(to) => Ok(to),
            Self::Age(writer) => writer.finish(),
        }
    }
}

impl<W: Write> Write for Encrypter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::None(to) => to.write(bytes),
            Self::Age(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::None(to) => to.flush(),
            Self::Age(writer) => writer.flush(),
        }
    }
}

enum Compressor<W: Write> {
    None(W),
    Zstd(Box<ZstdEncoder<'static, W>>),
    Gzip(Box<GzEncoder<W>>),
}

impl<W: Write> Compressor<W> {
    fn begin(to: W, packing: &Packing, size: u64) -> io::Result<Self> {
        Ok(match packing.compression {
            None => Self::None(to),
            Some(Compression::Gzip(level)) => {
                let level = flate2::Compression::new(level.into());
                Self::Gzip(Box::new(GzEncoder::new(to, level)))
            }
            Some(Compression::Zstd(level)) => {
                let mut encoder = ZstdEncoder::new(to, level.into())?;
                // Both let a reader know early what it has to do with.
                encoder.set_pledged_src_size(Some(size))?;
                encoder.include_checksum(true)?;
                Self::Zstd(Box::new(encoder))
            }
        })
    }

    fn finish(self) -> io::Result<W> {
        match self {
            Self::None(to) => Ok(to),
            Self::Zstd(encoder) => encoder.finish(),
            Self::Gzip(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::None(to) => to.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::None(to) => to.flush(),
            Self::Zstd(encoder) => encoder.flush(),
            Self::Gzip(encoder) => encoder.flush(),
        }
    }
}
