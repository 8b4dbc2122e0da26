//! The list of free pages, where a database keeps one on disk. etcd's do not.

use super::defect::{Defect, DefectKind};
use super::error::BoltError;
use super::image::Image;
use super::meta::{NO_FREELIST, u64_at};
use super::page::{PAGE_HEADER_BYTES, PageFlags, PageHeader};
use super::read_at::ReadAt;

/// A count that says: the real one is the first number of the list.
const COUNT_IN_LIST: u16 = 0xFFFF;
const ID_BYTES: usize = 8;

/// Free pages, as the file lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freelist {
    /// The first page of the list.
    pub page: u64,
    /// Pages that follow the first one.
    pub overflow: u32,
    /// The free pages, in the list's order.
    pub ids: Vec<u64>,
}

impl<R: ReadAt> Image<R> {
    /// The list of free pages; `None` where it is not kept on disk.
    ///
    /// # Errors
    /// A source that fails, or a list that is damaged.
    pub fn freelist(&self) -> Result<Option<Freelist>, BoltError> {
        let page = self.meta().freelist;
        if page == NO_FREELIST {
            return Ok(None);
        }
        let last = self.meta().high_water_mark.saturating_sub(1);
        let offset = page.saturating_mul(self.page_size());
        let damaged = |kind| BoltError::from(Defect::page(page, offset, kind));
        if page < 2 || page > last {
            return Err(damaged(DefectKind::Freelist(format!(
                "it lies on page {page}, expected 2 to {last}"
            ))));
        }
        let mut head = [0; PAGE_HEADER_BYTES];
        self.read(&mut head, offset)?;
        let header = PageHeader::parse(&head);
        if header.id != page {
            return Err(damaged(DefectKind::PageId { found: header.id }));
        }
        if header.flags != PageFlags::FREELIST {
            return Err(damaged(DefectKind::PageFlags {
                found: header.flags,
                expected: "a freelist (0x0010)",
            }));
        }
        let overflow = header.overflow;
        if u64::from(overflow) > last - page {
            return Err(damaged(DefectKind::OverflowOutOfRange { overflow, last }));
        }
        let room = (u64::from(overflow) + 1) * self.page_size() - PAGE_HEADER_BYTES as u64;
        let ids = self.free_ids(&header, offset + PAGE_HEADER_BYTES as u64, room)?;
        Ok(Some(Freelist {
            page,
            overflow,
            ids: ids.map_err(damaged)?,
        }))
    }

    fn free_ids(
        &self,
        header: &PageHeader,
        start: u64,
        room: u64,
    ) -> Result<Result<Vec<u64>, DefectKind>, BoltError> {
        let (mut start, mut room) = (start, room);
        let mut count = u64::from(header.count);
        if header.count == COUNT_IN_LIST {
            let mut first = [0; ID_BYTES];
            self.read(&mut first, start)?;
            count = u64_at(&first, 0);
            start += ID_BYTES as u64;
            room -= ID_BYTES as u64;
        }
        if count > room / ID_BYTES as u64 {
            let reason = format!("{count} ids do not fit into {room} bytes");
            return Ok(Err(DefectKind::Freelist(reason)));
        }
        // Bounded by the pages of the list, which lie within the file.
        let mut bytes = vec![0; usize::try_from(count).unwrap_or(0) * ID_BYTES];
        self.read(&mut bytes, start)?;
        let ids = bytes.chunks_exact(ID_BYTES).map(|id| u64_at(id, 0));
        Ok(Ok(ids.collect()))
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), BoltError> {
        let length = buffer.len();
        self.source()
            .read_exact_at(buffer, offset)
            .map_err(|error| BoltError::io(offset, length, error))
    }
}
