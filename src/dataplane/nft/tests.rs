//! The table against itself, and the kernel's bytes of any kind.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use proptest::prelude::*;

use super::table::{self, Table, TableParts, holdable};
use super::{read_chain, read_elements, read_flow, read_map, read_rule};
use crate::dataplane::netlink::{Message, Messages};
use crate::dataplane::state::{KernelServer, KernelService};
use crate::model::{Forward, RealServer, Scheduler, ServiceKey, Settings};

fn service(vip: &str, weights: &[u32], scheduler: Scheduler) -> (ServiceKey, KernelService) {
    let key = ServiceKey {
        vip: vip.parse().unwrap(),
        port: 6443,
    };
    let servers = (1_u8..).zip(weights).map(|(n, weight)| {
        let ip = if key.vip.is_ipv4() {
            format!("10.0.0.{n}")
        } else {
            format!("fd00::{n}")
        };
        let server = RealServer {
            weight: *weight,
            forward: Forward::Masquerade,
        };
        (
            SocketAddr::new(ip.parse().unwrap(), 6443),
            KernelServer::new(server),
        )
    });
    let settings = holdable(Settings {
        scheduler,
        ..Settings::default()
    });
    (
        key,
        KernelService {
            settings: Some(settings),
            servers: servers.collect(),
            counters: Default::default(),
        },
    )
}

/// Reads the requests as if the kernel had dumped them.
fn echo(table: &Table) -> TableParts {
    let mut parts = TableParts::default();
    for request in table.replace() {
        let command = request.kind & 0xff;
        let bytes = request.encode(1).unwrap();
        let message = Messages::new(&bytes).next().unwrap().unwrap();
        match command {
            3 => parts.chains.extend(read_chain(message).unwrap()),
            6 => parts.rules.extend(read_rule(message).unwrap()),
            9 => {
                parts
                    .maps
                    .entry(read_map(message).unwrap().unwrap())
                    .or_default();
            }
            12 => {
                // The same place as in a map's own message.
                let name = read_map(message).unwrap().unwrap();
                parts
                    .maps
                    .entry(name)
                    .or_default()
                    .extend(read_elements(message).unwrap());
            }
            _ => {}
        }
    }
    parts
}

proptest! {
    #[test]
    fn a_table_reads_back(
        weights in prop::collection::vec(0..=256_u32, 0..7),
        more in prop::collection::vec(0..4_u32, 0..5),
        scheduler in prop::sample::select(Scheduler::ALL.to_vec()),
        remote: bool,
    ) {
        let services = [service("169.254.247.1", &weights, scheduler), service("fd65::1", &more, Scheduler::Rr)];
        let services = BTreeMap::from(services);
        let remote = services.keys().copied().filter(|_| remote).collect();
        let table = Table { services, remote };
        let parts = echo(&table);
        prop_assert_eq!(&parts, &table.parts());
        prop_assert_eq!(Table::read(&parts), table);
    }

    #[test]
    fn bytes_of_any_kind_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let message = Message { kind: 0xa06, flags: 0, sequence: 1, body: &bytes };
        let _ = (read_chain(message), read_rule(message), read_map(message), read_elements(message), read_flow(message));
        let _ = super::read_expressions(crate::dataplane::netlink::Attributes::new(&bytes));
    }
}

#[test]
fn a_table_that_somebody_changed_is_made_anew() {
    let (key, there) = service("169.254.247.1", &[1, 2, 0], Scheduler::Rr);
    let table = Table {
        services: [(key, there)].into(),
        remote: Default::default(),
    };
    let changes: [fn(&mut TableParts); 4] = [
        |parts| {
            parts.rules.push(table::Rule {
                chain: "output".into(),
                expressions: None,
            });
        },
        |parts| {
            parts.chains.pop_first();
        },
        |parts| {
            parts.maps.values_mut().next().unwrap().pop_first();
        },
        |parts| parts.maps.clear(),
    ];
    for change in changes {
        let mut parts = table.parts();
        change(&mut parts);
        let read = Table::read(&parts);
        assert_eq!(read.services.get(&key).unwrap().settings, None);
    }
}
