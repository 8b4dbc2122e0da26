//! How do a certificate, a request and a revocation list get the right names and their signature?
//!
//! Invariant: what is signed carries the names it was given byte for byte. rcgen encodes extensions,
//! validity and serials, but its names keep one value a type and can't hold a multi-valued RDN, so a
//! certificate of a CA `O=one,O=two` would name another issuer. Hence one path for everything:
//! rcgen encodes with placeholders and hands the bytes to be signed to a [`Draft`] instead of a key;
//! the fields in question are replaced; then the key signs, once.

use std::cell::RefCell;

use rcgen::{PublicKeyData, SigningKey};

use super::der::{self, DerError};
use super::key::{KeyError, PrivateKey};
use super::public_key::{PublicKey, SignatureScheme};

/// Stands in for the issuer's key while rcgen encodes, and keeps what it was asked to sign.
pub(crate) struct Draft<'k> {
    key: &'k PrivateKey,
    to_be_signed: RefCell<Vec<u8>>,
}

impl<'k> Draft<'k> {
    pub(crate) fn new(key: &'k PrivateKey) -> Self {
        Self {
            key,
            to_be_signed: RefCell::default(),
        }
    }

    /// Replaces fields of the draft by their index, and signs the result.
    pub(crate) fn sign(self, replacements: &[(usize, &[u8])]) -> Result<Vec<u8>, KeyError> {
        let to_be_signed = replace_fields(&self.to_be_signed.into_inner(), replacements)?;
        let signature = self.key.sign_message(&to_be_signed)?;
        let algorithm = self.key.signature_scheme().to_der()?;
        let signature = der::bit_string(&signature);
        Ok(der::sequence(&[&to_be_signed, &algorithm, &signature]))
    }
}

impl PublicKeyData for Draft<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.key.der_bytes()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.key.algorithm()
    }
}

impl SigningKey for Draft<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.to_be_signed.replace(message.to_owned());
        Ok(Vec::new())
    }
}

fn replace_fields(sequence: &[u8], replacements: &[(usize, &[u8])]) -> Result<Vec<u8>, DerError> {
    let mut fields = der::single(sequence, der::SEQUENCE)?.inner();
    let mut contents = Vec::with_capacity(sequence.len() + 64);
    let mut index = 0;
    while fields.peek().is_some() {
        let field = fields.any()?;
        let replacement = replacements.iter().find(|(place, _)| *place == index);
        contents.extend_from_slice(replacement.map_or(field.raw, |(_, bytes)| bytes));
        index += 1;
    }
    Ok(der::tlv(der::SEQUENCE, &contents))
}

/// A signed structure taken apart: `SEQUENCE { toBeSigned, algorithm, signature }`.
pub(crate) struct Signed<'a> {
    pub(crate) to_be_signed: der::Tlv<'a>,
    pub(crate) algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    pub(crate) fn from_der(bytes: &'a [u8]) -> Result<Self, DerError> {
        let mut fields = der::single(bytes, der::SEQUENCE)?.inner();
        let to_be_signed = fields.expect(der::SEQUENCE)?;
        let algorithm = fields.expect(der::SEQUENCE)?.raw;
        let signature = der::bit_string_bytes(&fields.expect(der::BIT_STRING)?)?;
        fields.finish()?;
        Ok(Self {
            to_be_signed,
            algorithm,
            signature,
        })
    }

    /// Whether `key` signed this, with an algorithm that is not broken.
    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        SignatureScheme::from_der(self.algorithm)
            .is_some_and(|scheme| key.verify(scheme, self.to_be_signed.raw, self.signature))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::KeyAlgorithm;

    #[test]
    fn fields_are_replaced_and_the_result_is_signed() {
        for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::Ed25519] {
            let key = PrivateKey::generate(algorithm).unwrap();
            let draft = Draft::new(&key);
            let original = der::sequence(&[&[2, 1, 1], &[2, 1, 2], &[2, 1, 3]]);
            assert!(SigningKey::sign(&draft, &original).unwrap().is_empty());
            let bytes = draft.sign(&[(1, &[4, 2, 9, 9])]).unwrap();
            let signed = Signed::from_der(&bytes).unwrap();
            let expected = [2, 1, 1, 4, 2, 9, 9, 2, 1, 3];
            assert_eq!(signed.to_be_signed.contents, expected);
            assert!(signed.is_signed_by(key.public_key()));
            let other = PrivateKey::generate(algorithm).unwrap();
            assert!(!signed.is_signed_by(other.public_key()));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let key = PrivateKey::generate(KeyAlgorithm::Ed25519).unwrap();
            if let Ok(signed) = Signed::from_der(&bytes) {
                prop_assert!(!signed.is_signed_by(key.public_key()));
            }
            let _ = replace_fields(&bytes, &[(0, &[5, 0])]);
        }
    }
}
