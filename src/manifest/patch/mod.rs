//! Edits of a manifest that keep everything they are not about: bytes are spliced at the spans of
//! the values, nothing is written anew.
//!
//! Invariant: a text is returned only when, read again, it means exactly the old document with the
//! edit applied. What can't be edited so is refused with its place.

mod append;
mod apply;
mod edit;
mod error;
mod flag_edits;
mod layout;
mod mount_edits;
mod splice;
#[cfg(test)]
mod tests;

pub use apply::patch;
pub use edit::{Edit, HostMount};
pub use error::PatchError;
