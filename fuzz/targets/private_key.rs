//! Does a private key that was read, in whatever form, survive being written and read again?

#![no_main]

use etcdha::pki::PrivateKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let Ok(key) = PrivateKey::from_pem(file, Some("secret")) else {
        return;
    };
    let again = PrivateKey::from_pem(key.to_pem().as_bytes(), None);
    assert_eq!(
        again.map(|key| key.public_key_der().to_vec()),
        Ok(key.public_key_der().to_vec())
    );
});
