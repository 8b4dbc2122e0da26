//! A database image in a file: which meta page counts, how long the image is, what follows it.

use super::bucket::Bucket;
use super::defect::{Defect, DefectKind};
use super::entries::Entries;
use super::error::BoltError;
use super::meta::{Meta, MetaDefect, is_big_endian};
use super::page::PAGE_HEADER_BYTES;
use super::page_set::PageSet;
use super::read_at::ReadAt;
use super::walk::{Step, Walk};

/// Bytes of the SHA-256 that a snapshot ends with.
const DIGEST_BYTES: u64 = 32;
/// etcd takes a file for one with a digest if its size divided by this leaves [`DIGEST_BYTES`].
const DIGEST_MODULUS: u64 = 512;

/// What follows the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trailer {
    /// The SHA-256 of all bytes before it.
    Digest([u8; 32]),
    /// Nothing, or preallocated pages: the copy of a database file, or a snapshot that lost its digest.
    Absent,
    /// Bytes that are neither pages nor a digest.
    Unknown {
        /// How many bytes follow the image.
        bytes: u64,
    },
}

/// A database image that can be read.
#[derive(Debug)]
pub struct Image<R> {
    source: R,
    file_bytes: u64,
    meta: Meta,
    metas: [Result<Meta, MetaDefect>; 2],
    trailer: Trailer,
}

impl<R: ReadAt> Image<R> {
    /// Finds the page size and the newest meta page, and compares the file's length with it.
    ///
    /// # Errors
    /// A source that fails, a file that is empty, no database, big-endian or truncated.
    pub fn open(source: R) -> Result<Self, BoltError> {
        let file_bytes = source.size().map_err(|error| BoltError::io(0, 0, error))?;
        if file_bytes == 0 {
            return Err(BoltError::Empty);
        }
        let metas = find_metas(&source, file_bytes)?;
        let meta = match metas {
            [Ok(first), Ok(second)] if second.txid > first.txid => second,
            [Ok(first), _] => first,
            [Err(_), Ok(second)] => second,
            [Err(reason), Err(_)] => return Err(BoltError::NoMeta { offset: 0, reason }),
        };
        let expected = meta.image_bytes().unwrap_or(u64::MAX);
        if expected > file_bytes {
            return Err(BoltError::Truncated {
                size: file_bytes,
                expected,
            });
        }
        let trailer = read_trailer(&source, file_bytes, expected, meta.page_size)?;
        Ok(Self {
            source,
            file_bytes,
            meta,
            metas,
            trailer,
        })
    }

    /// Where the bytes come from.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// The meta page in force.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Both meta pages, or why one is not valid. At least one is.
    pub fn metas(&self) -> &[Result<Meta, MetaDefect>; 2] {
        &self.metas
    }

    /// Bytes of a page.
    pub fn page_size(&self) -> u64 {
        u64::from(self.meta.page_size)
    }

    /// Bytes of the image: what etcd calls the total size of a snapshot.
    pub fn image_bytes(&self) -> u64 {
        // The product was checked when the image was opened.
        self.meta.high_water_mark.saturating_mul(self.page_size())
    }

    /// Bytes of the whole file.
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// What follows the image.
    pub fn trailer(&self) -> Trailer {
        self.trailer
    }

    /// Bytes that the digest is about: all before it, or the whole file where there is none.
    pub fn digested_bytes(&self) -> u64 {
        match self.trailer {
            Trailer::Digest(_) => self.file_bytes - DIGEST_BYTES,
            Trailer::Absent | Trailer::Unknown { .. } => self.file_bytes,
        }
    }

    /// The buckets, ascending by name.
    ///
    /// # Errors
    /// A source that fails, or the first defect.
    pub fn buckets(&self) -> Result<Vec<Bucket>, BoltError> {
        let mut walk = Walk::of_buckets(self, self.page_set());
        let mut buckets = Vec::new();
        while let Some(step) = walk.step()? {
            match step {
                Step::Entry(entry) => buckets.push(Bucket::parse(&entry)?),
                Step::Defect(defect) => return Err(defect.into()),
            }
        }
        Ok(buckets)
    }

    /// The entries of a bucket of this image, ascending by key.
    pub fn entries<'a>(&'a self, bucket: &'a Bucket) -> Entries<'a, R> {
        Entries::new(Walk::of_bucket(self, bucket, self.page_set()))
    }

    /// The entries of a bucket in up to `parts` pieces that follow each other. Together they are what
    /// [`Image::entries`] gives, provided that [`Image::join`] finds them apart.
    ///
    /// # Errors
    /// A source that fails.
    pub fn sections<'a>(
        &'a self,
        bucket: &'a Bucket,
        parts: u16,
    ) -> Result<Vec<Entries<'a, R>>, BoltError> {
        let walk = Walk::of_bucket(self, bucket, self.page_set());
        let sections = walk.sections(parts)?;
        Ok(sections.into_iter().map(Entries::new).collect())
    }

    /// The last entries of a bucket, at least one where there is any.
    ///
    /// # Errors
    /// A source that fails.
    pub fn tail<'a>(&'a self, bucket: &'a Bucket) -> Result<Vec<Entries<'a, R>>, BoltError> {
        let sections = Walk::of_bucket(self, bucket, self.page_set()).tail()?;
        Ok(sections.into_iter().map(Entries::new).collect())
    }

    /// Adds the pages that sections have read to `reached`, when all were read to their end.
    ///
    /// # Errors
    /// The first page that was read twice.
    pub fn join(
        &self,
        sections: Vec<Entries<'_, R>>,
        mut reached: PageSet,
    ) -> Result<PageSet, BoltError> {
        for section in sections {
            if let Some(page) = reached.merge(&section.into_reached()) {
                let offset = page * self.page_size();
                return Err(Defect::page(page, offset, DefectKind::ReachedTwice).into());
            }
        }
        Ok(reached)
    }

    /// An empty set for the pages of this image.
    pub fn page_set(&self) -> PageSet {
        PageSet::new(self.meta.high_water_mark)
    }
}

/// The smallest page first: the second meta page begins where the first page ends.
fn candidates() -> impl Iterator<Item = u64> {
    std::iter::once(0).chain((9..=24).map(|power| 1 << power))
}

fn find_metas<R: ReadAt>(
    source: &R,
    file_bytes: u64,
) -> Result<[Result<Meta, MetaDefect>; 2], BoltError> {
    let mut nearest = None;
    let mut first_is_foreign = false;
    for offset in candidates() {
        let Some(body) = read_body(source, file_bytes, offset)? else {
            nearest.get_or_insert((offset, MetaDefect::Short(file_bytes)));
            break;
        };
        first_is_foreign |= is_big_endian(&body);
        match meta_at(&body, offset) {
            Ok(meta) => return both(source, file_bytes, offset, meta),
            Err(reason) => {
                let is_nearer = !matches!(reason, MetaDefect::Magic(_));
                let known = nearest.map(|(_, known)| known);
                if known.is_none() || (is_nearer && matches!(known, Some(MetaDefect::Magic(_)))) {
                    nearest = Some((offset, reason));
                }
            }
        }
    }
    if first_is_foreign {
        return Err(BoltError::BigEndian);
    }
    let (offset, reason) = nearest.unwrap_or((0, MetaDefect::Short(file_bytes)));
    Err(BoltError::NoMeta { offset, reason })
}

/// One meta page is found; looks at the other one.
fn both<R: ReadAt>(
    source: &R,
    file_bytes: u64,
    offset: u64,
    meta: Meta,
) -> Result<[Result<Meta, MetaDefect>; 2], BoltError> {
    let page_size = u64::from(meta.page_size);
    let other_offset = if offset == 0 { page_size } else { 0 };
    let other = match read_body(source, file_bytes, other_offset)? {
        None => Err(MetaDefect::Short(file_bytes)),
        Some(body) => match meta_at(&body, other_offset) {
            Ok(other) if other.page_size != meta.page_size => {
                Err(MetaDefect::PageSize(other.page_size))
            }
            other => other,
        },
    };
    Ok(if offset == 0 {
        [Ok(meta), other]
    } else {
        [other, Ok(meta)]
    })
}

fn meta_at(body: &[u8; Meta::BODY_BYTES], offset: u64) -> Result<Meta, MetaDefect> {
    let meta = Meta::parse(body)?;
    if offset != 0 && offset != u64::from(meta.page_size) {
        return Err(MetaDefect::PageSize(meta.page_size));
    }
    Ok(meta)
}

/// The body of the meta page at `offset`; `None` where the file ends before.
fn read_body<R: ReadAt>(
    source: &R,
    file_bytes: u64,
    offset: u64,
) -> Result<Option<[u8; Meta::BODY_BYTES]>, BoltError> {
    let mut body = [0; Meta::BODY_BYTES];
    let start = offset + PAGE_HEADER_BYTES as u64;
    if start + body.len() as u64 > file_bytes {
        return Ok(None);
    }
    source
        .read_exact_at(&mut body, start)
        .map_err(|error| BoltError::io(start, body.len(), error))?;
    Ok(Some(body))
}

fn read_trailer<R: ReadAt>(
    source: &R,
    file_bytes: u64,
    image_bytes: u64,
    page_size: u32,
) -> Result<Trailer, BoltError> {
    let bytes = file_bytes - image_bytes;
    if bytes >= DIGEST_BYTES && file_bytes % DIGEST_MODULUS == DIGEST_BYTES {
        let mut digest = [0; 32];
        let start = file_bytes - DIGEST_BYTES;
        source
            .read_exact_at(&mut digest, start)
            .map_err(|error| BoltError::io(start, digest.len(), error))?;
        return Ok(Trailer::Digest(digest));
    }
    Ok(if bytes.is_multiple_of(u64::from(page_size)) {
        Trailer::Absent
    } else {
        Trailer::Unknown { bytes }
    })
}
