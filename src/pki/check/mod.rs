//! What is wrong with a tree of certificates, on one node or on all of them?
//!
//! Pure: what was read comes in, findings go out. Each finding names a rule whose id never changes
//! its meaning, so that a monitor can match on it.

mod across;
mod authority;
mod expected;
mod files;
mod finding;
mod halves;
mod leaf;
mod names;
mod pairs;
mod quality;
mod rule;
mod tree;

#[cfg(test)]
mod tests;

pub use expected::{extra_names, guess_pairs, member_tree};
pub use finding::{Finding, Severity, check};
pub use rule::Rule;
pub use tree::{CheckRequest, ExpectedPair, NodeTree, PairUse, TreeFile};
