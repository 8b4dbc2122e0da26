//! Is every message of the kernel read or refused, whatever bytes it has: of netlink itself, IPVS, routes, nftables and
//! connection tracking?

#![no_main]

use std::net::Ipv4Addr;

use etcdha::dataplane::ipvs::codec as ipvs;
use etcdha::dataplane::netlink::{Attributes, Messages, family_id};
use etcdha::dataplane::nft::{
    Table, TableParts, read_chain, read_elements, read_expressions, read_flow, read_map, read_rule,
};
use etcdha::dataplane::route::codec as route;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = TableParts::default();
    for message in Messages::new(bytes) {
        let Ok(message) = message else { return };
        let _ = (message.answer(), family_id(message));
        let _ = (
            ipvs::read_service(message),
            ipvs::read_server(message, Ipv4Addr::LOCALHOST.into()),
        );
        let _ = (ipvs::read_version(message), ipvs::read_timeouts(message));
        let _ = (route::read_local(message), route::read_source(message));
        let _ = (
            route::read_link(message),
            route::read_address(message),
            read_flow(message),
        );
        let _ = read_expressions(Attributes::new(message.body));
        parts.chains.extend(read_chain(message).ok().flatten());
        parts.rules.extend(read_rule(message).ok().flatten());
        if let (Ok(Some(name)), Ok(elements)) = (read_map(message), read_elements(message)) {
            parts.maps.entry(name).or_default().extend(elements);
        }
    }
    // What was read is a table that can be written again, or one that is to be made anew.
    let table = Table::read(&parts);
    if table
        .services
        .values()
        .all(|service| service.settings.is_some())
        && !table.services.is_empty()
    {
        assert_eq!(table.parts().maps, parts.maps);
    }
});
