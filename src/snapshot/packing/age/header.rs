//! The text at the beginning of an age file: for each recipient the file key, wrapped, and a MAC.
//!
//! Format: <https://age-encryption.org/v1>, "The textual file header" and "The X25519 recipient type".

use std::io::{self, BufRead, Write};

use aws_lc_rs::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::{self, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use super::keys::{Identities, Identity, Recipient};
use super::seal::{self, FILE_KEY_BYTES, FileKey, KEY_BYTES, NONCE_BYTES, TAG_BYTES};

/// The first line.
const VERSION: &str = "age-encryption.org/v1";
/// What the wrapping key is derived for.
const X25519_LABEL: &[u8] = b"age-encryption.org/v1/X25519";
/// What begins a recipient's stanza.
const STANZA: &str = "-> ";
/// What begins the last line.
const MAC: &str = "---";
/// Columns of a stanza's body; a shorter line ends it.
const COLUMNS: usize = 64;
/// Longest header that is read: one of a thousand recipients has an eighth of that.
const MAX_BYTES: u64 = 1 << 20;

/// Why a header does not give the file key.
#[derive(Debug)]
pub(in crate::snapshot::packing) enum HeaderError {
    /// It can't be read.
    Io(io::Error),
    /// It is no header; what is wrong with it.
    Malformed(&'static str),
    /// It was changed.
    Mac,
    /// It is for a passphrase.
    Passphrase,
    /// It is for others.
    Stranger,
}

impl From<io::Error> for HeaderError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes the header of a new file, and gives its file key.
pub(in crate::snapshot::packing) fn seal(
    recipients: &[Recipient],
    mut to: impl Write,
) -> io::Result<FileKey> {
    let broken = |_: Unspecified| io::Error::other("aws-lc can't encrypt");
    let mut file_key = Zeroizing::new([0; FILE_KEY_BYTES]);
    rand::fill(file_key.as_mut()).map_err(broken)?;
    let mut text = format!("{VERSION}\n");
    for recipient in recipients {
        let (share, body) = wrap(&file_key, recipient).map_err(broken)?;
        text += &format!(
            "{STANZA}X25519 {}\n{}\n",
            STANDARD_NO_PAD.encode(share),
            STANDARD_NO_PAD.encode(body)
        );
    }
    text += MAC;
    let key = seal::mac_key(&file_key).map_err(broken)?;
    let mac = hmac::sign(&key, text.as_bytes());
    text += &format!(" {}\n", STANDARD_NO_PAD.encode(mac));
    to.write_all(text.as_bytes())?;
    Ok(file_key)
}

/// The share, and the file key wrapped for the recipient.
fn wrap(
    file_key: &FileKey,
    recipient: &Recipient,
) -> Result<([u8; KEY_BYTES], Vec<u8>), Unspecified> {
    let ephemeral = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new())?;
    let public = ephemeral.compute_public_key()?;
    let share: [u8; KEY_BYTES] = public.as_ref().try_into().map_err(|_| Unspecified)?;
    let theirs = UnparsedPublicKey::new(&X25519, recipient.bytes());
    let wrapping = agreement::agree_ephemeral(ephemeral, theirs, Unspecified, |secret| {
        wrapping_key(secret, &share, recipient)
    })?;
    let mut body = file_key.to_vec();
    seal::seal(&seal::cipher(&wrapping)?, [0; NONCE_BYTES], &mut body)?;
    Ok((share, body))
}

fn wrapping_key(
    secret: &[u8],
    share: &[u8],
    recipient: &Recipient,
) -> Result<Zeroizing<[u8; KEY_BYTES]>, Unspecified> {
    let salt = [share, recipient.bytes()].concat();
    seal::derive(secret, &salt, X25519_LABEL)
}

/// A recipient's stanza.
struct Stanza {
    words: Vec<String>,
    body: Vec<u8>,
}

/// Reads the header, and finds the file key with one of these; without any, only whom it is for is told.
///
/// # Errors
/// [`HeaderError`]; [`HeaderError::Stranger`] where there are no identities.
pub(in crate::snapshot::packing) fn open(
    from: impl BufRead,
    identities: Option<&Identities>,
) -> Result<FileKey, HeaderError> {
    let mut lines = Lines {
        from: from.take(MAX_BYTES),
        text: Vec::new(),
    };
    if lines.next()? != VERSION {
        return Err(HeaderError::Malformed("another version of the format"));
    }
    let mut stanzas = Vec::new();
    let mac = loop {
        let line = lines.next()?;
        if let Some(words) = line.strip_prefix(STANZA) {
            let words = words.split(' ').map(str::to_owned).collect();
            let body = lines.body()?;
            stanzas.push(Stanza { words, body });
            continue;
        }
        let mac = line
            .strip_prefix(MAC)
            .and_then(|rest| rest.strip_prefix(' '));
        let mac = mac.and_then(|text| STANDARD_NO_PAD.decode(text).ok());
        break mac.ok_or(HeaderError::Malformed("a line that is none of a header"))?;
    };
    let is_passphrase = |stanza: &Stanza| stanza.words[0] == "scrypt";
    if stanzas.iter().any(is_passphrase) {
        return Err(HeaderError::Passphrase);
    }
    let keys = identities.map_or(&[][..], Identities::keys);
    let mut pairs = keys
        .iter()
        .flat_map(|key| stanzas.iter().map(move |stanza| (key, stanza)));
    let file_key = pairs
        .find_map(|(key, stanza)| unwrap(key, stanza))
        .ok_or(HeaderError::Stranger)?;
    let key = seal::mac_key(&file_key).map_err(|_| HeaderError::Mac)?;
    hmac::verify(&key, lines.signed(), &mac).map_err(|_| HeaderError::Mac)?;
    Ok(file_key)
}

/// The file key, where the stanza is for this identity.
fn unwrap(identity: &Identity, stanza: &Stanza) -> Option<FileKey> {
    let [kind, share] = stanza.words.as_slice() else {
        return None;
    };
    if kind != "X25519" || stanza.body.len() != FILE_KEY_BYTES + TAG_BYTES {
        return None;
    }
    let share = STANDARD_NO_PAD.decode(share).ok()?;
    if share.len() != KEY_BYTES {
        return None;
    }
    let theirs = UnparsedPublicKey::new(&X25519, &share);
    let wrapping = agreement::agree(&identity.key, theirs, Unspecified, |secret| {
        wrapping_key(secret, &share, &identity.recipient)
    });
    let mut body = Zeroizing::new(stanza.body.clone());
    let cipher = seal::cipher(&*wrapping.ok()?).ok()?;
    let opened = seal::open(&cipher, [0; NONCE_BYTES], &mut body).ok()?;
    Some(Zeroizing::new((&*opened).try_into().ok()?))
}

/// The header's lines, and all that was read of them.
struct Lines<R> {
    from: io::Take<R>,
    text: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// The next line, without its break.
    fn next(&mut self) -> Result<String, HeaderError> {
        let begun = self.text.len();
        self.from.read_until(b'\n', &mut self.text)?;
        let line = self.text.get(begun..).unwrap_or_default();
        let line = line
            .strip_suffix(b"\n")
            .ok_or(HeaderError::Malformed("it has no end"))?;
        let line = String::from_utf8(line.to_vec());
        line.map_err(|_| HeaderError::Malformed("a line that is no text"))
    }

    /// A stanza's body: whole lines, and one that is shorter, perhaps empty.
    fn body(&mut self) -> Result<Vec<u8>, HeaderError> {
        let mut text = String::new();
        loop {
            let line = self.next()?;
            if line.len() > COLUMNS {
                return Err(HeaderError::Malformed("a line that is too long"));
            }
            text += &line;
            if line.len() < COLUMNS {
                break;
            }
        }
        let decoded = STANDARD_NO_PAD.decode(text);
        decoded.map_err(|_| HeaderError::Malformed("a stanza that is no Base64"))
    }

    /// What the MAC is of: everything up to its own line's three dashes.
    fn signed(&self) -> &[u8] {
        let text = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        let begun = text.iter().rposition(|byte| *byte == b'\n');
        &self.text[..begun.map_or(0, |at| at + 1 + MAC.len())]
    }
}
