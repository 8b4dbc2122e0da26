//! The primitives, as the format uses them.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroizing;

/// Bytes of every key but the file key.
pub(super) const KEY_BYTES: usize = 32;
/// Bytes of the file key.
pub(super) const FILE_KEY_BYTES: usize = 16;
/// Bytes that sealing adds.
pub(super) const TAG_BYTES: usize = 16;
/// Bytes of ChaCha20-Poly1305's nonce.
pub(super) const NONCE_BYTES: usize = 12;

/// What a file's other keys come from.
pub(in crate::snapshot::packing) type FileKey = Zeroizing<[u8; FILE_KEY_BYTES]>;

struct Length;

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

/// HKDF-SHA-256.
pub(super) fn derive(
    secret: &[u8],
    salt: &[u8],
    info: &[u8],
) -> Result<Zeroizing<[u8; KEY_BYTES]>, Unspecified> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[info], Length)?
        .fill(key.as_mut())?;
    Ok(key)
}

/// ChaCha20-Poly1305 under a key of 32 bytes.
pub(super) fn cipher(key: &[u8; KEY_BYTES]) -> Result<LessSafeKey, Unspecified> {
    Ok(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key)?))
}

/// Seals in place and adds the tag.
pub(super) fn seal(
    cipher: &LessSafeKey,
    nonce: [u8; NONCE_BYTES],
    text: &mut Vec<u8>,
) -> Result<(), Unspecified> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    cipher.seal_in_place_append_tag(nonce, Aad::empty(), text)
}

/// Opens in place; what was sealed comes first.
pub(super) fn open<'a>(
    cipher: &LessSafeKey,
    nonce: [u8; NONCE_BYTES],
    text: &'a mut [u8],
) -> Result<&'a mut [u8], Unspecified> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    cipher.open_in_place(nonce, Aad::empty(), text)
}

/// The key that the header's MAC is made with.
pub(super) fn mac_key(file_key: &FileKey) -> Result<hmac::Key, Unspecified> {
    let key = derive(file_key.as_ref(), &[], b"header")?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
}
