//! The codec: what is sent is what ipvsadm sends, and what is dumped reads back.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::codec::{self, Found};
use crate::dataplane::netlink::{Encoder, Message, Messages, Request};
use crate::model::{
    Forward, Persistence, RealServer, Scheduler, SchedulerFlags, ServiceKey, Settings,
};

fn key() -> impl Strategy<Value = ServiceKey> {
    (any::<std::net::IpAddr>(), any::<u16>()).prop_map(|(vip, port)| ServiceKey { vip, port })
}

fn settings() -> impl Strategy<Value = Settings> {
    let scheduler = prop::sample::select(Scheduler::ALL.to_vec());
    let timeout = prop::option::of(0..100_000_u64);
    (scheduler, timeout, any::<[bool; 2]>()).prop_map(|(scheduler, timeout, [fallback, port])| {
        Settings {
            scheduler,
            persistence: timeout.map(|seconds| Persistence {
                timeout: Duration::from_secs(seconds),
            }),
            scheduler_flags: SchedulerFlags { fallback, port },
        }
    })
}

fn with_message<T>(request: Request, read: impl FnOnce(Message<'_>) -> T) -> T {
    let bytes = request.encode(1).unwrap();
    let message = Messages::new(&bytes).next().unwrap().unwrap();
    read(message)
}

proptest! {
    #[test]
    fn a_service_reads_back(key in key(), settings in settings()) {
        for request in [codec::add_service, codec::set_service] {
            let found = with_message(request(30, key, settings), codec::read_service).unwrap();
            let Found::Tcp(read, service) = found else { panic!("no TCP") };
            prop_assert_eq!((read, service.settings), (key, Some(settings)));
        }
    }

    #[test]
    fn a_server_reads_back(key in key(), address: SocketAddr, weight: u32, forward in prop::sample::select(Forward::ALL.to_vec())) {
        // A scope or a flow label is no part of what the kernel holds.
        let address = SocketAddr::new(address.ip(), address.port());
        let server = RealServer { weight, forward };
        for request in [codec::add_server, codec::set_server] {
            let (read, found) = with_message(request(30, key, address, server), |message| codec::read_server(message, key.vip)).unwrap();
            prop_assert_eq!(read, address);
            prop_assert!(found.is(server));
        }
    }

    #[test]
    fn bytes_of_any_kind_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let message = Message { kind: 30, flags: 0, sequence: 1, body: &bytes };
        let _ = codec::read_service(message);
        let _ = codec::read_server(message, std::net::Ipv4Addr::LOCALHOST.into());
        let _ = (codec::read_version(message), codec::read_timeouts(message));
    }
}

#[test]
fn what_others_set_up_differently_is_told_apart() {
    let key = ServiceKey {
        vip: "10.0.0.1".parse().unwrap(),
        port: 80,
    };
    let build = |scheduler: &str, flags: u32, protocol: u16| Request {
        kind: 30,
        flags: 0,
        body: Encoder::new().raw(&[1, 1, 0, 0]).nested(1, |it| {
            it.u16(1, 2)
                .u16(2, protocol)
                .bytes(3, &[10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
                .be16(4, 80)
                .text(6, scheduler)
                .bytes(7, &[flags.to_ne_bytes(), [0xff; 4]].concat())
                .u32(9, u32::MAX)
        }),
    };
    let settings = |request| match with_message(request, codec::read_service).unwrap() {
        Found::Tcp(read, service) => {
            assert_eq!(read, key);
            service.settings
        }
        Found::Other => panic!("TCP"),
    };
    assert_eq!(settings(build("rr", 2, 6)), Some(Settings::default()));
    assert_eq!(settings(build("own", 0, 6)), None);
    // One-packet scheduling is for UDP.
    assert_eq!(settings(build("rr", 4, 6)), None);
    assert_eq!(
        with_message(build("rr", 0, 17), codec::read_service).unwrap(),
        Found::Other
    );
}
