//! Who may read an encrypted snapshot: recipients (public) and identities (secret), as age-keygen writes
//! them: Bech32 of 32 bytes (X25519), one a line, with comments behind `#`.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::agreement::{PrivateKey, X25519};
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use zeroize::Zeroizing;

use super::seal::KEY_BYTES;

/// What a recipient begins with, before Bech32's `1`.
const RECIPIENT: &str = "age";
/// What an identity begins with, before Bech32's `1`.
const IDENTITY: &str = "age-secret-key-";

/// A public key that a snapshot is encrypted to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Recipient([u8; KEY_BYTES]);

/// A secret key.
pub(super) struct Identity {
    pub(super) key: PrivateKey,
    pub(super) recipient: Recipient,
}

/// Secret keys. `Debug` shows whose they are.
pub struct Identities(Vec<Identity>);

/// No recipient.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}{why}")]
pub struct RecipientError {
    /// `line 3: `, or nothing.
    place: String,
    why: &'static str,
}

/// No identities. Never holds what was read: it may be a key that was mistyped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// A line is no identity.
    #[error("line {0}: no identity, expected AGE-SECRET-KEY-1…, as age-keygen writes it")]
    Line(usize),
    /// There is none.
    #[error("no identity in it, expected AGE-SECRET-KEY-1…, as age-keygen writes it")]
    Empty,
}

impl Recipient {
    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let failed = |why| RecipientError {
            place: String::new(),
            why,
        };
        // Nothing of it is repeated.
        if text.to_ascii_lowercase().starts_with(IDENTITY) {
            let why = "a secret key; expected the public one, age1…, which age-keygen -y prints";
            return Err(failed(why));
        }
        let why = "no recipient; expected age1…, the public key that age-keygen prints";
        decode(text, RECIPIENT)
            .map(|key| Self(*key))
            .ok_or_else(|| failed(why))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = bech32::encode::<Bech32>(Hrp::parse_unchecked(RECIPIENT), &self.0);
        f.write_str(&text.map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Identity {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let secret = decode(text, IDENTITY).ok_or(())?;
        let key = PrivateKey::from_private_key(&X25519, secret.as_ref()).map_err(|_| ())?;
        let public = key.compute_public_key().map_err(|_| ())?;
        let recipient = Recipient(public.as_ref().try_into().map_err(|_| ())?);
        Ok(Self { key, recipient })
    }
}

/// The 32 bytes of a Bech32 text with this beginning.
fn decode(text: &str, expected: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let checked = CheckedHrpstring::new::<Bech32>(text).ok()?;
    if !checked.hrp().to_string().eq_ignore_ascii_case(expected) {
        return None;
    }
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    let mut found = checked.byte_iter();
    for byte in bytes.iter_mut() {
        *byte = found.next()?;
    }
    found.next().is_none().then_some(bytes)
}

/// Reads a file of recipients.
///
/// # Errors
/// A line that is none, or none at all.
pub fn recipients(text: &str) -> Result<Vec<Recipient>, RecipientError> {
    let mut found = Vec::new();
    for (number, line) in lines(text) {
        let recipient = line
            .parse()
            .map_err(|error: RecipientError| RecipientError {
                place: format!("line {number}: "),
                ..error
            });
        found.push(recipient?);
    }
    if found.is_empty() {
        return Err(RecipientError {
            place: String::new(),
            why: "no recipient in it, expected age1… on a line",
        });
    }
    Ok(found)
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.recipients()).finish()
    }
}

impl Identities {
    /// Reads a file of identities.
    ///
    /// # Errors
    /// A line that is none, or none at all.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let found: Result<Vec<Identity>, _> = lines(text)
            .map(|(number, line)| line.parse().map_err(|()| IdentityError::Line(number)))
            .collect();
        match found? {
            found if found.is_empty() => Err(IdentityError::Empty),
            found => Ok(Self(found)),
        }
    }

    /// Makes a new one, and the text of its file.
    ///
    /// # Errors
    /// The system gives no random bytes.
    #[cfg(test)]
    pub fn generate() -> Result<(Self, Zeroizing<String>), aws_lc_rs::error::Unspecified> {
        let mut secret = Zeroizing::new([0; KEY_BYTES]);
        aws_lc_rs::rand::fill(secret.as_mut())?;
        let text = bech32::encode_upper::<Bech32>(Hrp::parse_unchecked(IDENTITY), secret.as_ref());
        let text = Zeroizing::new(text.unwrap_or_default());
        let identities = Self::parse(&text).map_err(|_| aws_lc_rs::error::Unspecified)?;
        Ok((identities, text))
    }

    /// The recipients that they are the identities of.
    pub fn recipients(&self) -> Vec<Recipient> {
        self.0.iter().map(|key| key.recipient).collect()
    }

    pub(super) fn keys(&self) -> &[Identity] {
        &self.0
    }
}

/// Lines that say something, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate();
    let numbered = numbered.map(|(place, line)| (place + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}
