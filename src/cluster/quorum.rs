//! How many voting members must agree, and how many may fail.

/// The arithmetic of a majority among `voters` voting members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// Voting members, reachable or not. Learners do not count.
    pub voters: usize,
}

impl Quorum {
    /// Members that must agree before a write is acknowledged.
    pub fn needed(self) -> usize {
        self.voters / 2 + 1
    }

    /// Members that may fail while writes go on.
    pub fn tolerates(self) -> usize {
        self.voters - self.needed().min(self.voters)
    }

    /// True while `healthy` members suffice.
    pub fn holds_with(self, healthy: usize) -> bool {
        healthy >= self.needed()
    }

    /// The quorum after one more voter.
    pub fn grown(self) -> Self {
        Self {
            voters: self.voters + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_number_of_voters_tolerates_no_more_than_one_less() {
        let table = [
            (1, 1, 0),
            (2, 2, 0),
            (3, 2, 1),
            (4, 3, 1),
            (5, 3, 2),
            (7, 4, 3),
        ];
        for (voters, needed, tolerates) in table {
            let quorum = Quorum { voters };
            assert_eq!(
                (quorum.needed(), quorum.tolerates()),
                (needed, tolerates),
                "{voters}"
            );
            assert!(quorum.holds_with(needed) && !quorum.holds_with(needed - 1));
        }
    }
}
