//! `zstd`, `gzip:9`: which compression, and how hard.

use std::fmt;
use std::str::FromStr;

/// Levels of zstd that need no more memory to unpack than every zstd has; from 20 on they do.
const ZSTD_LEVELS: (u8, u8) = (1, 19);
/// Good and faster than disks and networks.
const ZSTD_DEFAULT: u8 = 3;
const GZIP_LEVELS: (u8, u8) = (1, 9);
const GZIP_DEFAULT: u8 = 6;

/// A compression and its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard (RFC 8878).
    Zstd(u8),
    /// gzip (RFC 1952).
    Gzip(u8),
}

/// No compression that we know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected zstd, gzip, zstd:LEVEL (1 to 19) or gzip:LEVEL (1 to 9)")]
pub struct CompressionError;

impl Compression {
    /// What is added to a snapshot's name.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Zstd(_) => ".zst",
            Self::Gzip(_) => ".gz",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zstd(level) => write!(f, "zstd:{level}"),
            Self::Gzip(level) => write!(f, "gzip:{level}"),
        }
    }
}

impl FromStr for Compression {
    type Err = CompressionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, level) = match text.split_once(':') {
            Some((name, level)) => (name, Some(level)),
            None => (text, None),
        };
        let level = level.map(str::parse::<u8>).transpose();
        let level = level.map_err(|_| CompressionError)?;
        let within = |(low, high): (u8, u8), default: u8| {
            let level = level.unwrap_or(default);
            let fits = (low..=high).contains(&level);
            fits.then_some(level).ok_or(CompressionError)
        };
        match name {
            "zstd" => within(ZSTD_LEVELS, ZSTD_DEFAULT).map(Self::Zstd),
            "gzip" => within(GZIP_LEVELS, GZIP_DEFAULT).map(Self::Gzip),
            _ => Err(CompressionError),
        }
    }
}
