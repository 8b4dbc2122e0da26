//! One server: what is known about it, and what that means.

use super::{MOST_RISE, Moment, Policy};

/// What a probe saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A good answer.
    Good,
    /// An answer that says that it is not ready.
    Unready(String),
    /// No answer, or none that can be believed.
    Dead(String),
}

/// What is known about a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing yet; it stays as the kernel has it.
    Unknown,
    /// It answers well.
    Up,
    /// It answers, and is not ready.
    Unready,
    /// It does not answer.
    Dead,
}

impl Health {
    /// As tables and documents have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "ready",
            Self::Unready => "unready",
            Self::Dead => "dead",
        }
    }
}

/// How the kernel had a server when looking after it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With a weight.
    InUse,
    /// Without a weight, or not at all.
    Out,
}

/// A change of what is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Before.
    pub from: Health,
    /// From now on.
    pub to: Health,
    /// What the last probe said, where it was bad.
    pub reason: Option<String>,
}

/// A server that is looked after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    health: Health,
    since: Moment,
    start: Start,
    /// Answers in a row that speak against what is known.
    bad: u32,
    good: u32,
    /// Good answers in a row that it needs to be up again.
    rise: u32,
    /// True once it came up again after it was bad.
    recovered: bool,
    by_hand: Option<Moment>,
    /// Its drain is over: it keeps no connections.
    drained: bool,
    last_error: Option<String>,
}

impl Server {
    /// A server about which nothing is known yet.
    pub fn new(start: Start, now: Moment) -> Self {
        Self {
            health: Health::Unknown,
            since: now,
            start,
            bad: 0,
            good: 0,
            rise: 1,
            recovered: false,
            by_hand: None,
            drained: false,
            last_error: None,
        }
    }

    /// What is known.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Since when.
    pub fn since(&self) -> Moment {
        self.since
    }

    /// What the last bad answer was.
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Good answers in a row that it needs to be up again.
    pub fn rise(&self) -> u32 {
        self.rise
    }

    /// True while a bad answer waits to be confirmed: ask again soon.
    pub fn is_in_doubt(&self) -> bool {
        self.bad > 0 && matches!(self.health, Health::Up | Health::Unknown)
    }

    /// Takes note of an answer.
    pub fn observe(
        &mut self,
        outcome: &Outcome,
        now: Moment,
        policy: &Policy,
    ) -> Option<Transition> {
        match outcome {
            Outcome::Good => self.well(now, policy),
            Outcome::Unready(reason) => self.badly(Health::Unready, reason, now, policy),
            Outcome::Dead(reason) => self.badly(Health::Dead, reason, now, policy),
        }
    }

    fn well(&mut self, now: Moment, policy: &Policy) -> Option<Transition> {
        self.bad = 0;
        self.good = self.good.saturating_add(1);
        if self.health == Health::Up {
            if now.saturating_sub(self.since) >= policy.calm {
                self.rise = 1;
            }
            return None;
        }
        if self.health != Health::Unknown && self.good < self.rise {
            return None;
        }
        self.drained = false;
        self.recovered = self.health != Health::Unknown;
        Some(self.become_(Health::Up, now, None))
    }

    fn badly(
        &mut self,
        to: Health,
        reason: &str,
        now: Moment,
        policy: &Policy,
    ) -> Option<Transition> {
        self.good = 0;
        self.last_error = Some(reason.to_owned());
        if self.health == to {
            self.bad = 0;
            return None;
        }
        self.bad = self.bad.saturating_add(1);
        if self.bad < policy.fall {
            return None;
        }
        match self.health {
            // Whoever falls soon after coming up has to prove itself longer.
            Health::Up if self.recovered && now.saturating_sub(self.since) < policy.calm => {
                self.rise = self.rise.saturating_mul(2).min(MOST_RISE);
            }
            Health::Up => self.rise = 1,
            // Connections of the dead are gone: there is nothing to drain.
            Health::Dead => self.drained = true,
            Health::Unknown => self.drained = self.start == Start::Out,
            Health::Unready => {}
        }
        Some(self.become_(to, now, Some(reason.to_owned())))
    }

    fn become_(&mut self, to: Health, now: Moment, reason: Option<String>) -> Transition {
        let from = std::mem::replace(&mut self.health, to);
        // The time of a drain counts from its beginning, whatever comes in between.
        self.since = now;
        (self.bad, self.good) = (0, 0);
        Transition { from, to, reason }
    }

    /// Takes it out of use by hand; nothing changes where it is out already.
    pub fn drain(&mut self, now: Moment) {
        if self.by_hand.is_none() {
            self.by_hand = Some(now);
            self.drained = false;
        }
    }

    /// Ends a drain by hand.
    pub fn undrain(&mut self) {
        self.by_hand = None;
        if self.health == Health::Up {
            self.drained = false;
        }
    }

    /// True while it is drained by hand.
    pub fn is_by_hand(&self) -> bool {
        self.by_hand.is_some()
    }

    /// Ends a drain that lasts too long, or has nothing left to wait for.
    pub(super) fn tick(&mut self, active: Option<u32>, now: Moment, policy: &Policy) {
        let began = match (self.by_hand, self.health) {
            (Some(began), _) => began,
            (None, Health::Unready) => self.since,
            _ => return,
        };
        let over = now.saturating_sub(began) >= policy.drain;
        self.drained |= over || active == Some(0);
    }

    /// What it deserves, others left aside.
    pub(super) fn deserves(&self) -> Deserved {
        if self.by_hand.is_some() {
            return match (self.drained, self.health) {
                (false, Health::Up | Health::Unready | Health::Unknown) => Deserved::Keep,
                _ => Deserved::Nothing,
            };
        }
        match self.health {
            Health::Up => Deserved::Connections,
            Health::Unknown if self.start == Start::InUse => Deserved::Connections,
            Health::Unknown => Deserved::Nothing,
            Health::Unready if !self.drained => Deserved::Keep,
            Health::Unready | Health::Dead => Deserved::Nothing,
        }
    }
}

/// What a server gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deserved {
    /// New connections.
    Connections,
    /// It keeps those it has.
    Keep,
    /// It goes out of the table.
    Nothing,
}
