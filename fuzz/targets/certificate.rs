//! Is every certificate, key, request and revocation list described or refused, whatever its bytes say?

#![no_main]

use etcdha::model::Host;
use etcdha::pki::inspect::{chain_to, covers, key_matches, read, signed_by};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let contents = read(bytes);
    let certificates: Vec<_> = contents.certificates().cloned().collect();
    let host = Host::Dns("m1".to_owned());
    for certificate in &certificates {
        let _ = covers(certificate, &host);
        let _ = chain_to(certificate, &certificates, &certificates);
        for other in &certificates {
            let _ = signed_by(certificate, other);
        }
        for key in contents.private_keys() {
            let _ = key_matches(certificate, key);
        }
    }
    let readable: Vec<_> = contents.readable().collect();
    serde_json::to_string(&readable).expect("facts are JSON");
});
