//! What is said about a template that is wrong, or surprising?
//!
//! Invariant: a finding names file, line and column, what was found, what was expected and what to do.
//! What cfssl would swallow is a warning, and an error when strictness is asked for.

use std::fmt;

/// How warnings are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// Warnings are returned beside the result.
    #[default]
    Lenient,
    /// A warning is an error.
    Strict,
}

/// Something wrong with a template, or worth knowing: an error, or a warning beside a result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct TemplateFinding {
    /// The file, as the caller named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What was found there.
    pub problem: TemplateProblem,
}

/// What a [`TemplateFinding`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplateProblem {
    /// The file is no JSON.
    Syntax {
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// A value of another type, or one that is not allowed.
    Invalid {
        /// The field's path, such as `signing.profiles.peer.expiry`.
        field: String,
        /// The value.
        found: String,
        /// What is allowed.
        expected: String,
    },
    /// A field that must be there.
    Missing {
        /// The field's path.
        field: String,
        /// What to write.
        expected: String,
    },
    /// A key given twice in one object.
    Repeated {
        /// The field's path.
        field: String,
        /// Line of the value that is lost.
        first_line: usize,
        /// That value.
        lost: String,
    },
    /// A key nobody knows.
    Unknown {
        /// The field's path.
        field: String,
        /// The known key that was probably meant.
        nearest: Option<String>,
    },
    /// A field that cfssl knows and this program will not act on.
    Refused {
        /// The field's path.
        field: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A field that has no effect, or another one than in cfssl.
    Note {
        /// The field's path.
        field: String,
        /// The effect.
        note: String,
    },
}

impl fmt::Display for TemplateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { found, expected } => {
                write!(f, "not JSON: found {found}, expected {expected}")
            }
            Self::Invalid {
                field,
                found,
                expected,
            } => write!(f, "{field}: found {found}, expected {expected}"),
            Self::Missing { field, expected } => write!(f, "{field} is missing: {expected}"),
            Self::Repeated {
                field,
                first_line,
                lost,
            } => write!(
                f,
                "{field} is given twice: the value {lost} on line {first_line} is lost; remove one"
            ),
            Self::Unknown { field, nearest } => {
                write!(f, "{field} is not known and has no effect")?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean {nearest:?}?"),
                    None => Ok(()),
                }
            }
            Self::Refused { field, reason } => write!(f, "{field} is not supported: {reason}"),
            Self::Note { field, note } => write!(f, "{field}: {note}"),
        }
    }
}

/// A result with the warnings that came up on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed<T> {
    /// The result.
    pub value: T,
    /// In the file's order of reading; empty under [`Strictness::Strict`].
    pub warnings: Vec<TemplateFinding>,
}
