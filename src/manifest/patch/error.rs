//! Why an edit is refused.

use crate::manifest::{ManifestError, Position};

/// Why a manifest was not edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The text is no static pod.
    #[error(transparent)]
    NoPod(#[from] ManifestError),
    /// There is no such container.
    #[error("no container {wanted:?}; found {found}")]
    NoContainer {
        /// The name asked for.
        wanted: String,
        /// The names there are.
        found: String,
    },
    /// The flag to change is not there.
    #[error("container {container} has no --{name}")]
    NoFlag {
        /// The container.
        container: String,
        /// The flag.
        name: String,
    },
    /// The flag to add is there.
    #[error("{at}: --{name} is there already")]
    FlagExists {
        /// Where.
        at: Position,
        /// The flag.
        name: String,
    },
    /// The flag is set by an environment variable.
    #[error("{at}: --{name} is set by an environment variable; make it a flag first")]
    Variable {
        /// Where.
        at: Position,
        /// The flag.
        name: String,
    },
    /// A shell script hides the flags.
    #[error("container {container} starts through a shell; give it the program as its command")]
    Shell {
        /// The container.
        container: String,
    },
    /// A name or path is in use for something else.
    #[error("{at}: {what}")]
    Taken {
        /// Where.
        at: Position,
        /// What is in the way.
        what: String,
    },
    /// The place is written in a way that can't be edited without touching more.
    #[error("{at}: can't edit {what}; write it as {instead}")]
    Unplaceable {
        /// Where.
        at: Position,
        /// What stands there.
        what: &'static str,
        /// How to write it so that it can be edited.
        instead: &'static str,
    },
    /// The program would not read the flag as asked for.
    #[error(
        "{at}: --{name} would not reach the program as asked for: a word before it has no value of \
         its own or is no flag; repair the command line there first"
    )]
    Unheard {
        /// Where the edit starts.
        at: Position,
        /// The flag.
        name: String,
    },
    /// The edited text would mean something else than asked for.
    #[error(
        "{at}: the edit would change more than asked for; most likely an anchor there is used \
         elsewhere: write the value out in both places"
    )]
    Unfaithful {
        /// Where the edit starts.
        at: Position,
    },
}
