//! How long must a crashed container wait?
//!
//! Follows the kubelet (`doBackOff`, client-go's `flowcontrol.Backoff`): the first restart is
//! immediate, later ones wait 10 s, 20 s and so on up to 5 min, counted from the container's end,
//! and a container that kept running for twice the longest wait starts over.
//!
//! Invariant: the waits belong to a pod's UID and a container's name, and survive the removal of
//! the manifest. So the same manifest written again goes on waiting, and a changed one does not.

use std::collections::HashMap;
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);

#[derive(Debug)]
struct Entry {
    wait: Duration,
    updated: Instant,
}

/// The waits of all containers.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    finished: HashMap<String, Instant>,
    entries: HashMap<String, Entry>,
}

impl Backoff {
    /// Notes that a container has ended.
    pub(crate) fn ended(&mut self, key: &str, now: Instant) {
        self.finished.insert(key.to_owned(), now);
    }

    /// Allows the start, and then counts it; or returns how much longer to wait.
    pub(crate) fn try_start(&mut self, key: &str, now: Instant) -> Result<(), Duration> {
        // A container that never ran has nothing to wait for.
        let Some(finished) = self.finished.get(key).copied() else {
            return Ok(());
        };
        let next = match self.entries.get(key) {
            Some(entry) if finished.saturating_duration_since(entry.updated) <= LONGEST * 2 => {
                let waited = now.saturating_duration_since(finished);
                if waited < entry.wait {
                    return Err(entry.wait - waited);
                }
                (entry.wait * 2).min(LONGEST)
            }
            _ => FIRST,
        };
        self.entries.insert(
            key.to_owned(),
            Entry {
                wait: next,
                updated: now,
            },
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(value: u64) -> Duration {
        Duration::from_secs(value)
    }

    #[test]
    fn the_first_restart_is_immediate_and_the_waits_double_up_to_five_minutes() {
        let mut backoff = Backoff::default();
        let mut now = Instant::now();
        assert_eq!(backoff.try_start("a", now), Ok(()));
        backoff.ended("a", now);
        assert_eq!(backoff.try_start("a", now), Ok(()));
        for wait in [10, 20, 40, 80, 160, 300, 300] {
            backoff.ended("a", now);
            assert_eq!(backoff.try_start("a", now), Err(seconds(wait)));
            now += seconds(wait);
            assert_eq!(backoff.try_start("a", now), Ok(()), "after {wait} s");
        }
    }

    #[test]
    fn another_identity_starts_at_once() {
        let mut backoff = Backoff::default();
        let now = Instant::now();
        backoff.ended("old", now);
        assert_eq!(backoff.try_start("old", now), Ok(()));
        backoff.ended("old", now);
        assert!(backoff.try_start("old", now).is_err());
        assert_eq!(backoff.try_start("new", now), Ok(()));
        assert!(backoff.try_start("old", now + seconds(9)).is_err());
    }

    #[test]
    fn a_long_run_forgives() {
        let mut backoff = Backoff::default();
        let mut now = Instant::now();
        for _ in 0..3 {
            backoff.ended("a", now);
            let wait = backoff.try_start("a", now).err().unwrap_or_default();
            now += wait;
            if !wait.is_zero() {
                assert_eq!(backoff.try_start("a", now), Ok(()));
            }
        }
        now += LONGEST * 2 + seconds(1);
        backoff.ended("a", now);
        assert_eq!(backoff.try_start("a", now), Ok(()));
        backoff.ended("a", now);
        assert_eq!(backoff.try_start("a", now), Err(FIRST));
    }
}
