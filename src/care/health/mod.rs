//! Who gets connections, given what probes saw.
//!
//! Invariants, each a property test: one bad answer takes nobody out, and one good answer takes a flapping server not
//! back in; unless closed on purpose, somebody always gets connections; what was deleted comes back by good answers
//! only. A dead server (no answer) is deleted, so that its connections are reset; an unready one (a bad answer) keeps
//! those it has and gets no new ones.

mod group;
mod server;
#[cfg(test)]
mod tests;

pub use group::{Group, Shares};
pub use server::{Health, Outcome, Server, Start, Transition};

use std::time::Duration;

/// A moment, counted from any beginning that stays the same.
pub type Moment = Duration;

/// How answers are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Bad answers in a row after which a server is bad; at least 1.
    pub fall: u32,
    /// How long a server that is not ready, or drained by hand, keeps its connections.
    pub drain: Duration,
    /// How long a server must stay good to be no longer a flapping one.
    pub calm: Duration,
    /// True to let nobody have connections rather than servers that are bad.
    pub fail_closed: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            fall: 2,
            drain: Duration::from_secs(60),
            calm: Duration::from_secs(60),
            fail_closed: false,
        }
    }
}

/// Good answers in a row that a flapping server needs at most.
pub const MOST_RISE: u32 = 8;
