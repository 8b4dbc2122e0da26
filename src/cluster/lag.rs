//! How far a learner is behind, and when it may vote.
//!
//! etcd lets a learner be promoted at 90 % of the leader's index. That is a ratio, not a lag: at
//! index 50 million a learner five million entries behind would pass. So an absolute limit is
//! required as well.

/// Raft indexes of the leader and of the learner, read at about the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The leader's last index.
    pub leader_index: u64,
    /// The last index the learner has applied.
    pub applied_index: u64,
}

/// What counts as caught up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LagLimit {
    /// Most entries a learner may be behind.
    pub max_entries: u64,
}

/// etcd's own condition for promoting (`learnerReadyPercent` in `server/etcdserver/server.go`).
const READY_PERCENT: u64 = 90;

impl Lag {
    /// Entries still to be applied.
    pub fn entries(self) -> u64 {
        self.leader_index.saturating_sub(self.applied_index)
    }

    /// True where both the ratio and the absolute lag allow a vote.
    pub fn within(self, limit: LagLimit) -> bool {
        let ratio = u128::from(self.applied_index) * 100
            >= u128::from(self.leader_index) * u128::from(READY_PERCENT);
        ratio && self.entries() <= limit.max_entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_the_ratio_and_the_absolute_lag_must_be_small() {
        let limit = LagLimit { max_entries: 1000 };
        let within = |leader_index, applied_index| {
            Lag {
                leader_index,
                applied_index,
            }
            .within(limit)
        };
        assert!(within(10_000, 9_500));
        assert!(!within(100, 89), "ratio");
        assert!(!within(50_000_000, 49_000_000), "absolute");
        assert!(within(10, 11), "read a moment later than the leader's");
        assert!(within(u64::MAX, u64::MAX));
    }
}
