//! Routes as bytes, and against the kernel's own.

use std::net::IpAddr;

use proptest::prelude::*;

use super::codec::{self, BY_US, LocalRoute};
use crate::dataplane::netlink::{Message, Messages};

proptest! {
    #[test]
    fn a_route_reads_back(vip: IpAddr, source: IpAddr, link: u32) {
        let bytes = codec::set(vip, source, link).encode(1).unwrap();
        let message = Messages::new(&bytes).next().unwrap().unwrap();
        let expected = LocalRoute { destination: vip, source: Some(source), maker: BY_US, link };
        prop_assert_eq!(codec::read_local(message).unwrap(), Some(expected));
    }

    #[test]
    fn bytes_of_any_kind_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let message = Message { kind: 24, flags: 0, sequence: 1, body: &bytes };
        let _ = (codec::read_local(message), codec::read_source(message), codec::read_link(message), codec::read_address(message));
    }
}
