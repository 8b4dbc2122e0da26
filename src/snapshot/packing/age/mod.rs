//! Encryption to recipients in the format age, version 1 (<https://age-encryption.org/v1>): X25519
//! recipients only, which is what machines need.
//!
//! The format is ours to write, the cryptography is aws-lc's: the crate `age` brings sixty crates of
//! translations and its own second set of primitives, half a megabyte of a binary that has to stay small.
//! The tests hold this against age's own program, both ways.

mod header;
mod keys;
mod seal;
mod stream;

pub(super) use header::{HeaderError, open, seal as seal_header};
pub use keys::{Identities, IdentityError, Recipient, RecipientError, recipients};
pub(super) use stream::{Changed, Opener, Sealer};
