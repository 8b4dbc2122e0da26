//! Why a file is no static pod this tool can read.

use super::yaml::Position;

/// What was found where, and what belongs there. The caller puts the file's name in front.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {found}; expected {expected}")]
pub struct ManifestError {
    /// Where.
    pub at: Position,
    /// What stands there.
    pub found: String,
    /// What belongs there.
    pub expected: String,
}

impl ManifestError {
    pub(crate) fn new(at: Position, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            at,
            found: found.into(),
            expected: expected.into(),
        }
    }
}
