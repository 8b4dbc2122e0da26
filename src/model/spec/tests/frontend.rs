//! The front end's section and file.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;

use crate::model::{
    ClusterSpec, Forward, Frontend, Persistence, PlaneChoice, RealServer, Scheduler,
    SchedulerFlags, ServiceKey, Settings, VirtualService,
};

fn mistakes(error: &crate::model::SpecError) -> String {
    let mut told = String::new();
    for mistake in &error.mistakes {
        told += &format!("{mistake}\n");
        told += &mistake
            .fix
            .as_ref()
            .map_or(String::new(), |fix| format!("fix: {fix}\n"));
        told += &mistake
            .expected
            .as_ref()
            .map_or(String::new(), |it| format!("expected: {it}\n"));
    }
    told
}

const HEAD: &str = "apiVersion: etcdha.dev/v1alpha1\nkind: Frontend\n";

#[test]
fn mistakes_name_their_place() {
    let error = Frontend::parse(&format!(
        "{HEAD}plane: ipv\nservices:\n  - vip: 10.96.0.5\n    shceduler: rr\n    servers:\n      - {{address: 10.0.0.11}}\n      \
         - {{address: 10.0.0.11, weight: 300}}\n      - {{address: \"fd00::1\"}}\nprobe: {{interval: 1, path: readyz, cert: a}}\n\
         networks: [10.96.0.0/12]\n"
    ));
    insta::assert_snapshot!(mistakes(&error.unwrap_err()));
}

#[test]
fn a_virtual_address_among_services_is_refused() {
    let text = "apiVersion: etcdha.dev/v1alpha1\nkind: Cluster\nname: a\netcd: {version: 3.5.16}\n\
        frontend: {vip: 10.103.97.2}\nmembers: [{name: m1, address: 10.0.0.1}]\n";
    insta::assert_snapshot!(mistakes(&ClusterSpec::parse(text).unwrap_err()));
}

#[test]
fn the_offered_addresses_are_in_no_default_network() {
    // kubeadm's and k3s's services and pods, flannel, Calico, Cilium, OVN-Kubernetes, Docker, carrier-grade NAT,
    // metadata services and the node-local DNS caches.
    let taken = [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/17",
        "169.254.160.0/19",
        "198.18.0.0/15",
        "fd00::/16",
        "fe80::/10",
        "2001:db8::/32",
        "fd69::/125",
    ];
    for network in taken {
        let network: crate::model::Subnets = network.parse().unwrap();
        assert!(
            !network.contains(crate::model::DEFAULT_VIP.into()),
            "{network}"
        );
        assert!(
            !network.contains(crate::model::DEFAULT_VIP6.into()),
            "{network}"
        );
    }
}

#[test]
fn a_cluster_balances_over_its_control_planes_in_each_family() {
    let text = "apiVersion: etcdha.dev/v1alpha1\nkind: Cluster\nname: a\netcd: {version: 3.5.16}\n\
        frontend: {vip: 169.254.247.1, secondVip: 'fd65:7463:6468:6100::1', scheduler: lc}\nmembers:\n\
        - {name: m1, address: 10.0.0.1, extraAddresses: ['fd01::1']}\n- {name: m2, address: 10.0.0.2}\n\
        - {name: m3, address: 10.0.0.3, roles: [etcd]}\n";
    let frontend = ClusterSpec::parse(text).unwrap().spec.node_frontend();
    let shown: Vec<_> = frontend
        .services
        .values()
        .map(|service| {
            let servers: Vec<_> = service.servers.keys().map(ToString::to_string).collect();
            format!(
                "{} {} {}",
                service.key,
                service.settings.scheduler.as_str(),
                servers.join(" ")
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "169.254.247.1:6443 lc 10.0.0.1:6443 10.0.0.2:6443",
            "[fd65:7463:6468:6100::1]:6443 lc [fd01::1]:6443"
        ]
    );
    assert_eq!(
        Frontend::parse(&frontend.render()).unwrap().frontend,
        frontend
    );
}

fn services() -> impl Strategy<Value = BTreeMap<ServiceKey, VirtualService>> {
    let vip = prop_oneof![Just("169.254.247.1"), Just("fd65:7463:6468:6100::1")];
    let vip = vip.prop_map(|vip| vip.parse::<IpAddr>().unwrap());
    let flags = any::<[bool; 2]>().prop_map(|[fallback, port]| SchedulerFlags { fallback, port });
    let persistence = prop::option::of(1..100_000_u64);
    let persistence = persistence.prop_map(|it| {
        it.map(|it| Persistence {
            timeout: Duration::from_secs(it),
        })
    });
    let settings = (
        prop::sample::select(Scheduler::ALL.to_vec()),
        persistence,
        flags,
    );
    let forward = prop::sample::select(Forward::ALL.to_vec());
    let servers = prop::collection::btree_map(any::<(u8, u8)>(), 0..=256_u32, 1..6);
    let service = (vip, 1..u16::MAX, settings, forward, servers);
    let service = service.prop_map(
        |(vip, port, (scheduler, persistence, scheduler_flags), forward, servers)| {
            let servers = servers.into_iter().map(|((a, b), weight)| {
                let ip: IpAddr = if vip.is_ipv4() {
                    [10, 1, a, b].into()
                } else {
                    [0xfd01, a.into(), b.into(), 0, 0, 0, 0, 1].into()
                };
                (SocketAddr::new(ip, 6443), RealServer { weight, forward })
            });
            let key = ServiceKey { vip, port };
            (
                key,
                VirtualService {
                    key,
                    settings: Settings {
                        scheduler,
                        persistence,
                        scheduler_flags,
                    },
                    servers: servers.collect(),
                },
            )
        },
    );
    prop::collection::vec(service, 1..4).prop_map(|services| services.into_iter().collect())
}

proptest! {
    #[test]
    fn what_is_rendered_reads_back(services in services(), drain in 0..100_000_u64, closed: bool, remote: bool) {
        let frontend = Frontend {
            plane: PlaneChoice::Auto,
            services,
            drain: Duration::from_millis(drain),
            fail_closed: closed,
            serve_remote: remote,
            networks: vec!["10.96.0.0/12,fd00:96::/112".parse().unwrap()],
            ..Frontend::default()
        };
        let read = Frontend::parse(&frontend.render()).unwrap();
        prop_assert_eq!(read.frontend, frontend);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = Frontend::parse(&text);
        let _ = Frontend::parse(&format!("{HEAD}services: [{text}]"));
    }
}
