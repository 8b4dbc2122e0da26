//! Which pages were reached? A bit per page.

/// A set of page ids below a bound.
#[derive(Clone, Debug, Default)]
pub struct PageSet {
    words: Vec<u64>,
    len: u64,
    bound: u64,
}

impl PageSet {
    /// An empty set of ids below `bound`.
    pub fn new(bound: u64) -> Self {
        let words = usize::try_from(bound.div_ceil(64)).unwrap_or(usize::MAX);
        Self {
            words: vec![0; words],
            len: 0,
            bound,
        }
    }

    /// Adds the ids from `first` to `last`, both included and below the bound. Stops and returns
    /// false at the first that is there already, so that many such calls take no longer than one.
    pub fn insert_range(&mut self, first: u64, last: u64) -> bool {
        (first..=last).all(|id| self.insert(id))
    }

    /// Adds an id below the bound. Returns false where it is there already.
    pub fn insert(&mut self, id: u64) -> bool {
        let (index, bit) = (
            usize::try_from(id / 64).unwrap_or(usize::MAX),
            1 << (id % 64),
        );
        let Some(word) = self.words.get_mut(index) else {
            return false;
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        self.len += u64::from(is_new);
        is_new
    }

    /// Adds the ids of another set of the same bound; returns the first that is in both.
    pub fn merge(&mut self, other: &Self) -> Option<u64> {
        let mut first = None;
        for (index, (word, added)) in self.words.iter_mut().zip(&other.words).enumerate() {
            let common = *word & *added;
            if common != 0 && first.is_none() {
                first = Some(index as u64 * 64 + u64::from(common.trailing_zeros()));
            }
            *word |= added;
            self.len += u64::from((added & !common).count_ones());
        }
        first
    }

    /// True where the id is in the set.
    pub fn contains(&self, id: u64) -> bool {
        let word = usize::try_from(id / 64)
            .ok()
            .and_then(|i| self.words.get(i));
        word.is_some_and(|word| word & (1 << (id % 64)) != 0)
    }

    /// How many ids are in the set.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True without any id.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The ids below the bound that are not in the set, ascending.
    pub fn missing(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.bound).filter(|id| !self.contains(*id))
    }
}
