//! How is an encrypted private key opened?
//!
//! Invariant: decrypted bytes live only in buffers that are wiped, and what a file asks for
//! (iterations, memory) is bounded. Two forms are read: PKCS#8 EncryptedPrivateKeyInfo with PBES2
//! (RFC 8018), and OpenSSL's traditional form, whose key is derived by EVP_BytesToKey with MD5, one
//! iteration and the first eight bytes of the IV as salt (openssl `PEM_read_bio_PrivateKey`).

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockDecryptMut, KeyIvInit};
use md5::{Digest, Md5};
use pkcs8::EncryptedPrivateKeyInfo;
use pkcs8::pkcs5::{self, pbes2};
use zeroize::{Zeroize, Zeroizing};

use super::der;
use super::key::KeyError;
use super::pem::PemBlock;

/// OpenSSL's default is 2048, careful people use a million.
const MAX_ITERATIONS: u32 = 10_000_000;

/// Memory that scrypt may ask for: RFC 7914's interactive setting needs 16 MiB.
const MAX_SCRYPT_BYTES: u64 = 256 * 1024 * 1024;

/// Blocks scrypt may mix one after the other.
const MAX_SCRYPT_LANES: u16 = 16;

/// Decrypts an `ENCRYPTED PRIVATE KEY` to PKCS#8.
pub(crate) fn decrypt_pkcs8(
    encrypted: &[u8],
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let info = EncryptedPrivateKeyInfo::from_der_named(encrypted)?;
    match &info.encryption_algorithm {
        pkcs5::EncryptionScheme::Pbes2(parameters) => check_cost(&parameters.kdf)?,
        _ => return Err(unsupported("PBES1 (PKCS#5 version 1.5)")),
    }
    let mut buffer = Zeroizing::new(info.encrypted_data.to_vec());
    let length = info
        .encryption_algorithm
        .decrypt_in_place(passphrase, &mut buffer)
        .map_err(|error| match error {
            // pkcs5 0.7 reports a bad padding as a failed encryption.
            pkcs5::Error::DecryptFailed | pkcs5::Error::EncryptFailed => KeyError::WrongPassphrase,
            other => unsupported(&other.to_string()),
        })?
        .len();
    buffer.truncate(length);
    // One wrong passphrase in 256 yields a valid padding; a structure it does not yield.
    der::single(&buffer, der::SEQUENCE).map_err(|_| KeyError::WrongPassphrase)?;
    Ok(buffer)
}

/// Names the scheme where the pkcs8 crate only says that it does not know it.
trait FromDerNamed<'a>: Sized {
    fn from_der_named(bytes: &'a [u8]) -> Result<Self, KeyError>;
}

impl<'a> FromDerNamed<'a> for EncryptedPrivateKeyInfo<'a> {
    fn from_der_named(bytes: &'a [u8]) -> Result<Self, KeyError> {
        Self::try_from(bytes).map_err(|error| match scheme_name(bytes) {
            Ok(name) => unsupported(&name),
            Err(_) => KeyError::Malformed {
                reason: error.to_string(),
            },
        })
    }
}

fn scheme_name(bytes: &[u8]) -> Result<String, der::DerError> {
    let mut info = der::single(bytes, der::SEQUENCE)?.inner();
    let mut algorithm = info.expect(der::SEQUENCE)?.inner();
    let oid = der::oid_arcs(algorithm.expect(der::OID)?.contents)?;
    let name = match oid.as_slice() {
        [1, 2, 840, 113549, 1, 12, 1, ..] => "PKCS#12 PBE (SHA-1 with RC2, RC4 or 3DES)".to_owned(),
        [1, 2, 840, 113549, 1, 5, 13] => "PBES2 with an unknown cipher or hash".to_owned(),
        other => der::dotted(other),
    };
    Ok(name)
}

fn check_cost(kdf: &pbes2::Kdf<'_>) -> Result<(), KeyError> {
    let too_costly = match kdf {
        pbes2::Kdf::Pbkdf2(parameters) => parameters.iteration_count > MAX_ITERATIONS,
        pbes2::Kdf::Scrypt(parameters) => {
            let memory = parameters
                .cost_parameter
                .saturating_mul(u64::from(parameters.block_size))
                .saturating_mul(128);
            memory > MAX_SCRYPT_BYTES || parameters.parallelization > MAX_SCRYPT_LANES
        }
        _ => true,
    };
    if too_costly {
        Err(unsupported(
            "a key derivation that asks for more than 10,000,000 iterations or 256 MiB",
        ))
    } else {
        Ok(())
    }
}

fn unsupported(found: &str) -> KeyError {
    KeyError::UnsupportedEncryption {
        found: found.to_owned(),
    }
}

/// Whether a block is encrypted the traditional way.
pub(crate) fn is_traditional(block: &PemBlock) -> bool {
    block.header("DEK-Info").is_some()
        || block
            .header("Proc-Type")
            .is_some_and(|value| value.ends_with("ENCRYPTED"))
}

/// Decrypts a block with `Proc-Type: 4,ENCRYPTED` to PKCS#1 or SEC1.
pub(crate) fn decrypt_traditional(
    block: &PemBlock,
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let info = block.header("DEK-Info").unwrap_or_default();
    let (cipher, iv) = info.split_once(',').ok_or_else(|| KeyError::Malformed {
        reason: "no DEK-Info header with cipher and IV".to_owned(),
    })?;
    let iv = hex(iv.trim()).ok_or_else(|| KeyError::Malformed {
        reason: "the DEK-Info header's IV is not hexadecimal".to_owned(),
    })?;
    let plain = match cipher.trim() {
        "AES-128-CBC" => decrypt::<cbc::Decryptor<aes::Aes128>>(16, block, passphrase, &iv),
        "AES-192-CBC" => decrypt::<cbc::Decryptor<aes::Aes192>>(24, block, passphrase, &iv),
        "AES-256-CBC" => decrypt::<cbc::Decryptor<aes::Aes256>>(32, block, passphrase, &iv),
        "DES-EDE3-CBC" => decrypt::<cbc::Decryptor<des::TdesEde3>>(24, block, passphrase, &iv),
        other => return Err(unsupported(other)),
    }?;
    der::single(&plain, der::SEQUENCE).map_err(|_| KeyError::WrongPassphrase)?;
    Ok(plain)
}

fn decrypt<C: KeyIvInit + BlockDecryptMut>(
    key_size: usize,
    block: &PemBlock,
    passphrase: &str,
    iv: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let salt = iv.get(..8).unwrap_or_default();
    let key = bytes_to_key(passphrase.as_bytes(), salt, key_size);
    let cipher = C::new_from_slices(&key, iv).map_err(|_| KeyError::Malformed {
        reason: "the DEK-Info header's IV has the wrong length".to_owned(),
    })?;
    let mut buffer = Zeroizing::new(block.contents.to_vec());
    let length = cipher
        .decrypt_padded_mut::<Pkcs7>(&mut buffer)
        .map_err(|_| KeyError::WrongPassphrase)?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

/// OpenSSL's EVP_BytesToKey with MD5 and a count of one: D₁ = MD5(pass ‖ salt),
/// Dₙ = MD5(Dₙ₋₁ ‖ pass ‖ salt), until enough bytes are there.
fn bytes_to_key(passphrase: &[u8], salt: &[u8], size: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(size + 16));
    let mut previous = Zeroizing::new([0_u8; 16]);
    while key.len() < size {
        let mut hash = Md5::new();
        if !key.is_empty() {
            hash.update(*previous);
        }
        hash.update(passphrase);
        hash.update(salt);
        let mut output: [u8; 16] = hash.finalize().into();
        previous.copy_from_slice(&output);
        output.zeroize();
        key.extend_from_slice(&*previous);
    }
    key.truncate(size);
    key
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    let bytes = digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8);
    Some(bytes.collect())
}

#[cfg(test)]
mod tests {
    use aes::cipher::BlockEncryptMut;
    use pkcs8::der::Encode;

    use super::*;
    use crate::model::KeyAlgorithm;
    use crate::pki::{PrivateKey, pem_encode};

    #[test]
    fn keys_are_derived_as_openssl_does() {
        // openssl enc -aes-256-cbc -md md5 -S 0102030405060708 -k secret -P
        let key = bytes_to_key(b"secret", &[1, 2, 3, 4, 5, 6, 7, 8], 32);
        let expected = "C9E5A1BD216DBE1317E230CEF48F38EE7F0E17AD64022144BCCEC4A1AA2879AB";
        assert_eq!(hex(expected).unwrap(), **key);
    }

    fn opened(file: &str, phrase: Option<&str>) -> Result<PrivateKey, KeyError> {
        PrivateKey::from_pem(file.as_bytes(), phrase)
    }

    #[test]
    fn pkcs8_opens_with_its_passphrase_only() {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let (salt, iv) = ([1; 8], [2; 16]);
        let schemes = [
            pbes2::Parameters::pbkdf2_sha256_aes256cbc(100, &salt, &iv).unwrap(),
            pbes2::Parameters::pbkdf2_sha256_aes128cbc(100, &salt, &iv).unwrap(),
            pbes2::Parameters::scrypt_aes256cbc(cheap_scrypt(), &salt, &iv).unwrap(),
        ];
        for scheme in schemes {
            let info = pkcs8::PrivateKeyInfo::try_from(key.to_pkcs8_der()).unwrap();
            let document = info.encrypt_with_params(scheme, "secret").unwrap();
            let file = pem_encode("ENCRYPTED PRIVATE KEY", document.as_bytes());
            let read = opened(&file, Some("secret")).unwrap();
            assert_eq!(read.public_key(), key.public_key());
            assert_eq!(
                opened(&file, Some("other")).unwrap_err(),
                KeyError::WrongPassphrase
            );
            assert_eq!(opened(&file, None).unwrap_err(), KeyError::PassphraseNeeded);
        }
    }

    fn cheap_scrypt() -> pkcs5::scrypt::Params {
        pkcs5::scrypt::Params::new(4, 8, 1, 32).unwrap()
    }

    #[test]
    fn a_file_cannot_ask_for_hours_of_work() {
        let (salt, iv) = ([1; 8], [2; 16]);
        let scheme = pbes2::Parameters::pbkdf2_sha256_aes256cbc(99_000_000, &salt, &iv).unwrap();
        let info = EncryptedPrivateKeyInfo {
            encryption_algorithm: scheme.into(),
            encrypted_data: &[0; 32],
        };
        let error = decrypt_pkcs8(&info.to_der().unwrap(), "secret").unwrap_err();
        assert!(matches!(error, KeyError::UnsupportedEncryption { .. }));
    }

    fn traditional<C: KeyIvInit + BlockEncryptMut>(
        cipher: &str,
        key: &PrivateKey,
        (size, iv): (usize, &[u8]),
    ) -> String {
        let secret = bytes_to_key(b"secret", &iv[..8], size);
        let encryptor = C::new_from_slices(&secret, iv).unwrap();
        let contents = encryptor.encrypt_padded_vec_mut::<Pkcs7>(key.to_pkcs8_der());
        let text = pem_encode("EC PRIVATE KEY", &contents);
        let iv: String = iv.iter().map(|byte| format!("{byte:02X}")).collect();
        let headers = format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: {cipher},{iv}\n\n");
        text.replacen("KEY-----\n", &format!("KEY-----\n{headers}"), 1)
    }

    #[test]
    fn the_traditional_form_opens_with_its_passphrase_only() {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let iv = [7; 16];
        let files = [
            traditional::<cbc::Encryptor<aes::Aes128>>("AES-128-CBC", &key, (16, &iv)),
            traditional::<cbc::Encryptor<aes::Aes192>>("AES-192-CBC", &key, (24, &iv)),
            traditional::<cbc::Encryptor<aes::Aes256>>("AES-256-CBC", &key, (32, &iv)),
            traditional::<cbc::Encryptor<des::TdesEde3>>("DES-EDE3-CBC", &key, (24, &iv[..8])),
        ];
        for file in files {
            let read = opened(&file, Some("secret")).unwrap();
            assert_eq!(read.public_key(), key.public_key());
            assert_eq!(
                opened(&file, Some("other")).unwrap_err(),
                KeyError::WrongPassphrase
            );
            assert_eq!(opened(&file, None).unwrap_err(), KeyError::PassphraseNeeded);
        }
        let file = traditional::<cbc::Encryptor<des::Des>>("DES-CBC", &key, (8, &iv[..8]));
        let error = opened(&file, Some("secret")).unwrap_err();
        assert!(error.to_string().contains("DES-CBC"), "{error}");
    }

    #[test]
    fn hexadecimal_is_read_whole_or_not_at_all() {
        assert_eq!(hex("00fF"), Some(vec![0, 255]));
        assert_eq!((hex("0"), hex("0x"), hex("é0")), (None, None, None));
    }
}
