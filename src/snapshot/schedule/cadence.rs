//! How often: a part of a day, or a day, so that a timer of systemd, a CronJob and a loop of ours mean the
//! same times. Times are UTC.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

const DAY: u32 = 24 * 60;

/// A number of minutes that divides the day, and the first time of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    every: u32,
    /// Less than `every`.
    offset: u32,
}

/// No cadence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CadenceError {
    /// Not a part of a day.
    #[error(
        "expected a part of an hour or of a day: 5m, 10m, 15m, 20m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h or 24h"
    )]
    Every,
    /// No time of day.
    #[error("expected a time of day in UTC, such as 02:30")]
    At,
}

impl Cadence {
    /// Every so often, from a time of day on.
    ///
    /// # Errors
    /// A duration that does not divide an hour or a day.
    pub fn new(every: Duration, at: u32) -> Result<Self, CadenceError> {
        let minutes = u32::try_from(every.as_secs() / 60).map_err(|_| CadenceError::Every)?;
        let is_whole = Duration::from_secs(u64::from(minutes) * 60) == every;
        let divides = match minutes {
            5..60 => 60_u32.is_multiple_of(minutes),
            60..=DAY => minutes.is_multiple_of(60) && DAY.is_multiple_of(minutes),
            _ => false,
        };
        if !is_whole || !divides {
            return Err(CadenceError::Every);
        }
        Ok(Self {
            every: minutes,
            offset: at % minutes,
        })
    }

    /// Reads a time of day, as minutes since midnight.
    ///
    /// # Errors
    /// Anything but `HH:MM`.
    pub fn time_of_day(text: &str) -> Result<u32, CadenceError> {
        let (hours, minutes) = text.split_once(':').ok_or(CadenceError::At)?;
        let number = |text: &str, below: u32| {
            let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            let value = is_two.then(|| text.parse::<u32>().ok()).flatten();
            value.filter(|value| *value < below).ok_or(CadenceError::At)
        };
        Ok(number(hours, 24)? * 60 + number(minutes, 60)?)
    }

    /// The time between two.
    pub fn every(self) -> SignedDuration {
        SignedDuration::from_mins(self.every.into())
    }

    /// The last time that had come.
    pub fn before(self, now: Timestamp) -> Timestamp {
        let (every, offset) = (i64::from(self.every) * 60, i64::from(self.offset) * 60);
        let seconds = now.as_second();
        let passed = (seconds - offset).rem_euclid(every);
        Timestamp::from_second(seconds - passed).unwrap_or(Timestamp::MIN)
    }

    /// The next time to come.
    pub fn after(self, now: Timestamp) -> Timestamp {
        self.before(now)
            .checked_add(self.every())
            .unwrap_or(Timestamp::MAX)
    }

    /// True where a time has come since the newest snapshot was taken: also after one was missed.
    pub fn is_due(self, newest: Option<Timestamp>, now: Timestamp) -> bool {
        newest.is_none_or(|newest| newest < self.before(now))
    }

    /// `OnCalendar=` of systemd.time(7).
    pub fn on_calendar(self) -> String {
        let (hours, minutes) = (self.offset / 60, self.offset % 60);
        match self.every {
            every @ 0..60 => format!("*-*-* *:{minutes:02}/{every}:00 UTC"),
            DAY => format!("*-*-* {hours:02}:{minutes:02}:00 UTC"),
            every => format!("*-*-* {hours:02}/{}:{minutes:02}:00 UTC", every / 60),
        }
    }

    /// `schedule` of a CronJob, crontab(5).
    pub fn cron(self) -> String {
        let (hours, minutes) = (self.offset / 60, self.offset % 60);
        match self.every {
            every @ 0..60 => format!("{minutes}-59/{every} * * * *"),
            60 => format!("{minutes} * * * *"),
            DAY => format!("{minutes} {hours} * * *"),
            every => format!("{minutes} {hours}-23/{} * * *", every / 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cadence(minutes: u64, at: &str) -> Cadence {
        let at = Cadence::time_of_day(at).unwrap();
        Cadence::new(Duration::from_secs(minutes * 60), at).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn systemd_cron_and_the_loop_mean_the_same_times() {
        let six = cadence(360, "02:30");
        assert_eq!(six.on_calendar(), "*-*-* 02/6:30:00 UTC");
        assert_eq!(six.cron(), "30 2-23/6 * * *");
        let now = at("2026-02-03T09:00:00Z");
        assert_eq!(six.before(now), at("2026-02-03T08:30:00Z"));
        assert_eq!(six.after(now), at("2026-02-03T14:30:00Z"));
        let quarter = cadence(15, "00:05");
        assert_eq!(quarter.on_calendar(), "*-*-* *:05/15:00 UTC");
        assert_eq!(quarter.cron(), "5-59/15 * * * *");
        let daily = cadence(1440, "23:59");
        assert_eq!(daily.on_calendar(), "*-*-* 23:59:00 UTC");
        assert_eq!(daily.cron(), "59 23 * * *");
        assert_eq!(cadence(60, "00:00").cron(), "0 * * * *");
    }

    #[test]
    fn a_missed_one_is_due_at_once() {
        let daily = cadence(1440, "02:00");
        let now = at("2026-02-03T09:00:00Z");
        assert!(daily.is_due(None, now));
        assert!(daily.is_due(Some(at("2026-02-02T02:00:05Z")), now));
        assert!(!daily.is_due(Some(at("2026-02-03T02:00:05Z")), now));
    }

    #[test]
    fn what_systemd_or_cron_can_not_say_is_refused() {
        for minutes in [0, 1, 7, 45, 90, 300, 2880] {
            let every = Duration::from_secs(minutes * 60);
            assert_eq!(
                Cadence::new(every, 0),
                Err(CadenceError::Every),
                "{minutes}"
            );
        }
        assert!(Cadence::new(Duration::from_secs(301), 0).is_err());
        for text in ["", "2:30", "24:00", "02:60", "02:3x", "+2:30"] {
            assert_eq!(Cadence::time_of_day(text), Err(CadenceError::At), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_next_time_follows_now_within_one_period(
            seconds in 0i64..4_000_000_000,
            minutes in prop::sample::select(vec![5u64, 10, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440]),
            offset in 0u32..1440,
        ) {
            let now = Timestamp::from_second(seconds).unwrap();
            let cadence = Cadence::new(Duration::from_secs(minutes * 60), offset).unwrap();
            prop_assert!(cadence.before(now) <= now && now < cadence.after(now));
            prop_assert_eq!(cadence.after(cadence.before(now)), cadence.after(now));
            prop_assert!(!cadence.is_due(Some(now), now));
        }
    }
}
