//! Is a kubeconfig's server found or refused, and does no error repeat a text that may hold a key?

#![no_main]

use etcdha::manifest::kubeadm::server_of;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(endpoint) = server_of(bytes) {
        assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
    }
});
