//! Refusals: we looked, and chose not to act. Nothing was changed.

/// A refusal with a stable id that `docs/refusals.md` explains.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Refusal {
    /// Stable kebab-case id.
    pub id: &'static str,
    /// What was found, in one or more lines.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl Refusal {
    /// Makes a refusal.
    pub fn new(id: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            id,
            what: what.into(),
            fix: fix.into(),
        }
    }
}
