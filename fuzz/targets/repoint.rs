//! Does an apiserver that was pointed at an etcd use that etcd, and does doing it again change nothing?

#![no_main]

use etcdha::manifest::apiserver::{EtcdEndpoints, etcd_of, repoint};
use etcdha::manifest::pod::StaticPod;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let etcd = EtcdEndpoints {
        servers: ["https://10.0.0.11:2379", "https://[fd00::12]:2379"]
            .map(|url| url.parse().expect("a URL"))
            .to_vec(),
        ca_file: "/etc/kubernetes/pki/etcd/ca.crt".to_owned(),
        cert_file: "/etc/kubernetes/pki/apiserver-etcd-client.crt".to_owned(),
        key_file: "/etc/kubernetes/pki/apiserver-etcd-client.key".to_owned(),
    };
    let Ok(after) = repoint(text, &etcd) else {
        return;
    };
    let pod = StaticPod::parse(after.as_bytes()).expect("an edited pod");
    let found = etcd_of(&pod).expect("an edited apiserver");
    assert_eq!(
        found.servers,
        ["https://10.0.0.11:2379", "https://[fd00::12]:2379"]
    );
    assert_eq!(repoint(&after, &etcd), Ok(after));
});
