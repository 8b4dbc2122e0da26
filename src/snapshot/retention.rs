//! Which snapshots are kept, and which may go. Pure.
//!
//! Each rule keeps the newest snapshot of each of the last N periods that have one, so that a pause in
//! saving does not thin out what is there. Periods are those of UTC.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::ISOWeekDate;
use jiff::tz::TimeZone;

/// How many are kept, by each rule; 0 where a rule is not used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The newest ones.
    pub last: usize,
    /// One an hour.
    pub hourly: usize,
    /// One a day.
    pub daily: usize,
    /// One a week, from Monday.
    pub weekly: usize,
}

/// Why a snapshot is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Among the newest.
    Last,
    /// The newest of its hour.
    Hourly,
    /// The newest of its day.
    Daily,
    /// The newest of its week.
    Weekly,
    /// The newest one that is good, whatever the rules say.
    LastGood,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Last => "last",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::LastGood => "last good one",
        })
    }
}

impl Retention {
    /// True where no rule is used: everything would go.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// For each of these times, why its snapshot is kept; no reason means that it may go.
    pub fn judge(self, times: &[Timestamp]) -> Vec<Vec<Reason>> {
        let mut newest_first: Vec<usize> = (0..times.len()).collect();
        // Of two of one time the one that is listed later counts as newer.
        newest_first.sort_by_key(|place| (times[*place], *place));
        newest_first.reverse();
        let mut reasons = vec![Vec::new(); times.len()];
        for place in newest_first.iter().take(self.last) {
            reasons[*place].push(Reason::Last);
        }
        let rules: [(usize, Reason, PeriodOf); 3] = [
            (self.hourly, Reason::Hourly, hour),
            (self.daily, Reason::Daily, day),
            (self.weekly, Reason::Weekly, week),
        ];
        for (count, reason, period) in rules {
            let mut seen = BTreeSet::new();
            for place in &newest_first {
                if seen.len() == count {
                    break;
                }
                if seen.insert(period(times[*place])) {
                    reasons[*place].push(reason);
                }
            }
        }
        reasons
    }
}

/// A stretch of time: year and the number of the hour, day or week in it.
type Period = (i16, i64);

/// The stretch that a time is in.
type PeriodOf = fn(Timestamp) -> Period;

fn hour(time: Timestamp) -> Period {
    (0, time.as_second().div_euclid(60 * 60))
}

fn day(time: Timestamp) -> Period {
    (0, time.as_second().div_euclid(24 * 60 * 60))
}

fn week(time: Timestamp) -> Period {
    let date = ISOWeekDate::from(time.to_zoned(TimeZone::UTC).date());
    (date.year(), i64::from(date.week()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn kept(retention: Retention, times: &[Timestamp]) -> Vec<usize> {
        let reasons = retention.judge(times);
        let kept = reasons.iter().enumerate();
        kept.filter(|(_, reasons)| !reasons.is_empty())
            .map(|(place, _)| place)
            .collect()
    }

    #[test]
    fn each_rule_keeps_the_newest_of_its_periods() {
        let times = [
            at("2026-01-04T23:59:00Z"), // a Sunday, week 1
            at("2026-01-05T00:01:00Z"), // Monday, week 2
            at("2026-01-05T10:10:00Z"),
            at("2026-01-05T10:50:00Z"),
            at("2026-01-06T09:00:00Z"),
        ];
        let only = |change: fn(&mut Retention)| {
            let mut retention = Retention::default();
            change(&mut retention);
            kept(retention, &times)
        };
        assert_eq!(only(|r| r.last = 2), [3, 4]);
        assert_eq!(only(|r| r.hourly = 3), [1, 3, 4]);
        assert_eq!(only(|r| r.daily = 2), [3, 4]);
        assert_eq!(only(|r| r.daily = 9), [0, 3, 4]);
        assert_eq!(only(|r| r.weekly = 2), [0, 4]);
    }

    #[test]
    fn a_pause_does_not_thin_out_what_is_there() {
        let times = [at("2026-01-01T00:00:00Z"), at("2026-06-01T00:00:00Z")];
        let daily = Retention {
            daily: 2,
            ..Retention::default()
        };
        assert_eq!(kept(daily, &times), [0, 1]);
    }

    #[test]
    fn weeks_are_told_apart_over_the_turn_of_the_year() {
        // 29 December 2025 and 1 January 2026 are of one ISO week.
        let times = [at("2025-12-29T00:00:00Z"), at("2026-01-01T00:00:00Z")];
        let weekly = Retention {
            weekly: 5,
            ..Retention::default()
        };
        assert_eq!(kept(weekly, &times), [1]);
    }

    proptest! {
        #[test]
        fn the_newest_is_always_kept_and_never_more_than_the_rules_allow(
            seconds in proptest::collection::vec(0i64..10_000_000, 1..60),
            last in 0usize..5, hourly in 0usize..5, daily in 0usize..5, weekly in 0usize..5,
        ) {
            let times: Vec<_> = seconds.iter().map(|s| Timestamp::from_second(*s).unwrap()).collect();
            let retention = Retention { last, hourly, daily, weekly };
            let kept = kept(retention, &times);
            prop_assert!(kept.len() <= last + hourly + daily + weekly);
            if !retention.is_empty() {
                let newest = times.iter().max().unwrap();
                prop_assert!(kept.iter().any(|place| times[*place] == *newest));
            }
        }
    }
}
