//! Does a signing request that was accepted read back, as PEM, as the same request?

#![no_main]

use etcdha::pki::SigningRequest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for request in [
        SigningRequest::from_pem(bytes),
        SigningRequest::from_der(bytes),
    ] {
        let Ok(request) = request else {
            continue;
        };
        let again = SigningRequest::from_pem(request.pem().as_bytes());
        let again = again.expect("it was accepted before");
        assert_eq!(again.as_der(), request.as_der());
        assert_eq!(again.sans(), request.sans());
    }
});
