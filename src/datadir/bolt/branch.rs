//! A branch page: which child comes next, and which keys may be below it?
//!
//! Invariant: the keys of a branch ascend and lie within what the branches above it give.

use std::ops::Range;

use super::defect::{Defect, DefectKind};
use super::meta::u64_at;
use super::page::{ELEMENT_BYTES, PAGE_HEADER_BYTES, branch_element, element_start};

/// A branch page on the way to the current leaf.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) id: u64,
    pub(super) offset: u64,
    pub(super) page: Vec<u8>,
    pub(super) count: u16,
    pub(super) next: u16,
    /// The child to end before: all of them, or those of a section.
    pub(super) end: u16,
    pub(super) floor: usize,
    pub(super) previous: Range<usize>,
    pub(super) has_leaves: bool,
}

/// Who leads to a page: the blame for a reference that leads nowhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Referrer {
    pub(super) page: u64,
    pub(super) element: Option<u32>,
    pub(super) offset: u64,
}

impl Branch {
    /// The next child, and the element that leads to it. `above` are the branches above.
    pub(super) fn next_child(&mut self, above: &[Self]) -> Result<(u64, Referrer), Defect> {
        let element = self.next;
        self.next += 1;
        let referrer = Referrer {
            page: self.id,
            element: Some(u32::from(element)),
            offset: self.offset + element_start(element) as u64,
        };
        let damaged = |kind| Defect {
            page: referrer.page,
            element: referrer.element,
            offset: referrer.offset,
            kind,
        };
        let found = branch_element(&self.page, element, self.floor).map_err(damaged)?;
        self.floor = found.key.end;
        let key = &self.page[found.key.clone()];
        if element > 0 && key <= &self.page[self.previous.clone()] {
            return Err(damaged(DefectKind::KeyOrder));
        }
        if is_outside(key, element, self.count, above) {
            return Err(damaged(DefectKind::KeyRange));
        }
        self.previous = found.key;
        Ok((found.child, referrer))
    }

    /// True where every element can be read, in order and without overlap: for a root that was not begun.
    pub(super) fn is_sound(&self) -> bool {
        let (mut floor, mut previous) = (self.floor, 0..0);
        (self.next..self.count).all(|element| {
            let Ok(found) = branch_element(&self.page, element, floor) else {
                return false;
            };
            let is_after =
                element == 0 || self.page[found.key.clone()] > self.page[Range::clone(&previous)];
            (floor, previous) = (found.key.end, found.key);
            is_after
        })
    }

    /// The key of the child that was entered last.
    fn current_key(&self) -> &[u8] {
        &self.page[self.previous.clone()]
    }

    /// The key of the child to be entered next, where there is one that can be read.
    fn next_key(&self) -> Option<&[u8]> {
        if self.next == self.count {
            return None;
        }
        let next = branch_element(&self.page, self.next, self.floor).ok()?;
        self.page.get(next.key)
    }

    pub(super) fn children_from_next(&self) -> impl Iterator<Item = u64> + '_ {
        let table = &self.page[element_start(self.next)..element_start(self.count)];
        table
            .chunks_exact(ELEMENT_BYTES)
            .map(|element| u64_at(element, 8))
    }
}

/// True where the key of element `element` of `count` is not within what the branches above it give.
/// The keys in between are in order, so the first and the last one answer for all.
pub(super) fn is_outside(key: &[u8], element: u16, count: u16, above: &[Branch]) -> bool {
    if element == 0
        && let Some(parent) = above.last()
        && key < parent.current_key()
    {
        return true;
    }
    element + 1 == count
        && above
            .iter()
            .rev()
            .find_map(Branch::next_key)
            .is_some_and(|upper| key >= upper)
}

// The tables of branches and leaves begin alike.
const _: () = assert!(PAGE_HEADER_BYTES == ELEMENT_BYTES);
