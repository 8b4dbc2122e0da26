//! The meta pages: where a database's trees begin, and which of two versions is the newest.
//!
//! Format: bbolt's `internal/common/meta.go`; page 0 and page 1, body behind the page header.

/// The freelist's page id where the list is not persisted, as etcd has it.
pub const NO_FREELIST: u64 = u64::MAX;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
/// Smallest and largest page size that is taken for one.
pub(super) const PAGE_SIZES: std::ops::RangeInclusive<u32> = 512..=16 * 1024 * 1024;

/// A transaction's view of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Bytes of a page, a power of two.
    pub page_size: u32,
    /// Page of the root of the tree of buckets.
    pub root: u64,
    /// Sequence of the root bucket, 0 in every etcd database.
    pub sequence: u64,
    /// Page of the freelist or [`NO_FREELIST`].
    pub freelist: u64,
    /// The first page id never used: the image has so many pages.
    pub high_water_mark: u64,
    /// The transaction that wrote it.
    pub txid: u64,
}

/// Why a meta page is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetaDefect {
    /// Too few bytes for a meta page.
    #[error("only {0} bytes before the file ends")]
    Short(u64),
    /// Another magic number.
    #[error("magic {0:#010x}, expected {MAGIC:#010x}")]
    Magic(u32),
    /// A version of the format that is not known.
    #[error("version {0}, expected {VERSION}")]
    Version(u32),
    /// The checksum does not fit.
    #[error("checksum {found:#018x}, expected {expected:#018x}")]
    Checksum {
        /// The checksum in the file.
        found: u64,
        /// The checksum of what is in the file.
        expected: u64,
    },
    /// A page size that is no power of two, too small, too big, or not where the page lies.
    #[error("page size {0}, expected a power of two from 512 to 16777216 that fits its place")]
    PageSize(u32),
}

impl Meta {
    /// Bytes of the body, behind the page header.
    pub const BODY_BYTES: usize = 64;

    /// Reads a body.
    ///
    /// # Errors
    /// What makes it invalid.
    pub fn parse(body: &[u8; Self::BODY_BYTES]) -> Result<Self, MetaDefect> {
        let magic = u32_at(body, 0);
        if magic != MAGIC {
            return Err(MetaDefect::Magic(magic));
        }
        let version = u32_at(body, 4);
        if version != VERSION {
            return Err(MetaDefect::Version(version));
        }
        let (found, expected) = (u64_at(body, 56), fnv1a(&body[..56]));
        if found != expected {
            return Err(MetaDefect::Checksum { found, expected });
        }
        let page_size = u32_at(body, 8);
        if !page_size.is_power_of_two() || !PAGE_SIZES.contains(&page_size) {
            return Err(MetaDefect::PageSize(page_size));
        }
        Ok(Self {
            page_size,
            root: u64_at(body, 16),
            sequence: u64_at(body, 24),
            freelist: u64_at(body, 32),
            high_water_mark: u64_at(body, 40),
            txid: u64_at(body, 48),
        })
    }

    /// The body as it lies on disk, checksum included.
    pub fn encode(&self) -> [u8; Self::BODY_BYTES] {
        let mut body = [0; Self::BODY_BYTES];
        body[..4].copy_from_slice(&MAGIC.to_le_bytes());
        body[4..8].copy_from_slice(&VERSION.to_le_bytes());
        body[8..12].copy_from_slice(&self.page_size.to_le_bytes());
        let words = [
            self.root,
            self.sequence,
            self.freelist,
            self.high_water_mark,
            self.txid,
        ];
        for (index, word) in words.iter().enumerate() {
            body[16 + index * 8..24 + index * 8].copy_from_slice(&word.to_le_bytes());
        }
        let checksum = fnv1a(&body[..56]);
        body[56..].copy_from_slice(&checksum.to_le_bytes());
        body
    }

    /// Bytes of the image: what the meta page counts, without a digest. `None` where the product
    /// is no file size.
    pub fn image_bytes(&self) -> Option<u64> {
        self.high_water_mark.checked_mul(u64::from(self.page_size))
    }
}

/// True where the body begins with the magic of a big-endian machine.
pub(super) fn is_big_endian(body: &[u8; Meta::BODY_BYTES]) -> bool {
    u32_at(body, 0).swap_bytes() == MAGIC
}

/// FNV-1a of 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The little-endian number at `at`; 0 where the bytes end before.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let bytes = bytes.get(at..at + 2).and_then(|b| b.try_into().ok());
    bytes.map_or(0, u16::from_le_bytes)
}

/// As [`u16_at`].
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    bytes.map_or(0, u32::from_le_bytes)
}

/// As [`u16_at`].
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes.get(at..at + 8).and_then(|b| b.try_into().ok());
    bytes.map_or(0, u64::from_le_bytes)
}
