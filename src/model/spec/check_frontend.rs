//! Whether what is said about the front end makes sense.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::check::Finding;
use super::cluster::ClusterSpec;
use super::frontend::Frontend;
use super::mistake::Mistake;
use crate::model::{Forward, PlaneChoice, ServiceKey, VirtualService};

/// Shortest time between two probes.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);
/// Largest weight that counts: with more, nftables would need a map of more entries than one message holds.
const LARGEST_WEIGHT: u32 = 256;

/// What is wrong with the cluster file's section.
pub(super) fn of_cluster(spec: &ClusterSpec) -> Vec<Finding> {
    let frontend = &spec.frontend;
    let vips = [
        ("frontend.vip", frontend.vip),
        ("frontend.secondVip", frontend.second_vip),
    ];
    let mut found = Vec::new();
    for (path, vip) in vips {
        let Some(vip) = vip else { continue };
        found.extend(unfit(path, vip).map(Finding::from));
        found.extend(owned(spec, path, vip));
        found.extend(inside(spec, path, vip));
    }
    let missing = match (frontend.vip, frontend.second_vip) {
        (None, Some(_)) => Some("frontend.secondVip is set, but there is no frontend.vip"),
        (Some(first), Some(second)) if first.is_ipv4() == second.is_ipv4() => {
            Some("frontend.secondVip is of the same family as frontend.vip")
        }
        _ => None,
    };
    found.extend(missing.map(|message| {
        let mistake = Mistake::error("frontend.secondVip", message);
        mistake
            .fix("vip first; secondVip is for the other address family")
            .into()
    }));
    found
}

/// An address that can't be virtual at all.
fn unfit(path: &str, vip: IpAddr) -> Option<Mistake> {
    let bad = vip.is_unspecified() || vip.is_multicast() || vip.is_loopback();
    bad.then(|| {
        let mistake = Mistake::error(path, format!("{path}: {vip} can't be a virtual address"));
        mistake.expected("a free unicast address")
    })
}

fn owned(spec: &ClusterSpec, path: &str, vip: IpAddr) -> Option<Finding> {
    let mut members = spec.members.iter();
    let index = members.position(|member| member.addresses().any(|ip| ip == vip))?;
    let owner = &spec.members[index].name;
    let message = format!("{path}: {vip} is {owner}'s own address");
    Some(Finding {
        mistake: Mistake::error(path, message).fix("choose an address that no host has"),
        related: Some(format!("members[{index}].address")),
    })
}

/// A virtual address in a network that Kubernetes hands out would one day be a service or a pod.
fn inside(spec: &ClusterSpec, path: &str, vip: IpAddr) -> Option<Finding> {
    let networking = &spec.networking;
    let services = (
        "services",
        "networking.serviceSubnet",
        Some(&networking.service_subnet),
    );
    let pods = (
        "pods",
        "networking.podSubnet",
        networking.pod_subnet.as_ref(),
    );
    let networks = [services, pods].into_iter();
    let (who, related, subnet) = networks.into_iter().find_map(|(who, related, subnet)| {
        let subnet = subnet.filter(|subnet| subnet.contains(vip))?;
        Some((who, related, subnet))
    })?;
    let message = format!(
        "{path}: {vip} lies in {subnet}, the network of {who}: Kubernetes may give it away"
    );
    Some(Finding {
        mistake: Mistake::error(path, message).fix(free(vip)),
        related: Some(related.to_owned()),
    })
}

fn free(vip: IpAddr) -> String {
    let free: IpAddr = if vip.is_ipv4() {
        super::DEFAULT_VIP.into()
    } else {
        super::DEFAULT_VIP6.into()
    };
    format!("choose an address outside of the cluster's networks, such as {free}")
}

/// What is wrong with a front end's file; `paths` tells where each service stands in it.
pub(super) fn of_node(frontend: &Frontend, paths: &BTreeMap<ServiceKey, String>) -> Vec<Mistake> {
    let mut found = Vec::new();
    if frontend.services.is_empty() {
        let mistake = Mistake::error("services", "services: none is declared");
        let example = "- {vip: 169.254.247.1, servers: [{address: 10.0.0.11}]}";
        found.push(mistake.expected(example));
    }
    for service in frontend.services.values() {
        let path = paths.get(&service.key).map_or("services", String::as_str);
        virtual_address(frontend, service, path, &mut found);
        servers(service, &format!("{path}.servers"), &mut found);
        methods(frontend, service, path, &mut found);
    }
    probe(frontend, &mut found);
    found
}

fn virtual_address(
    frontend: &Frontend,
    service: &VirtualService,
    path: &str,
    found: &mut Vec<Mistake>,
) {
    let (vip, path) = (service.key.vip, format!("{path}.vip"));
    found.extend(unfit(&path, vip));
    if let Some(network) = frontend
        .networks
        .iter()
        .find(|network| network.contains(vip))
    {
        let message = format!("{path}: {vip} lies in {network}, where Kubernetes may give it away");
        found.push(Mistake::error(path, message).fix(free(vip)));
    }
}

fn servers(service: &VirtualService, path: &str, found: &mut Vec<Mistake>) {
    let vip = service.key.vip;
    let error = |message: String| Mistake::error(path, format!("{path}: {message}"));
    if service.servers.is_empty() {
        let mistake = error(format!("{} has no servers", service.key));
        found.push(mistake.expected("servers: [{address: 10.0.0.11}]"));
    }
    for (address, server) in &service.servers {
        if address.ip() == vip {
            let mistake = error(format!("{} is its own server", service.key));
            found.push(mistake.fix("list the apiservers' own addresses"));
        } else if address.is_ipv4() != vip.is_ipv4() && server.forward == Forward::Masquerade {
            let mistake = error(format!(
                "{address} and {vip} are of different address families"
            ));
            let fix = "give the server's address of the same family, or a second service";
            found.push(mistake.fix(fix));
        }
        if server.weight > LARGEST_WEIGHT {
            let mistake = error(format!(
                "weight {} of {address} is too large",
                server.weight
            ));
            found.push(mistake.expected(format!("0 to {LARGEST_WEIGHT}")));
        }
    }
}

fn methods(frontend: &Frontend, service: &VirtualService, path: &str, found: &mut Vec<Mistake>) {
    let key = service.key;
    if service
        .servers
        .values()
        .any(|server| server.forward != Forward::Masquerade)
    {
        let path = format!("{path}.forward");
        if frontend.plane == PlaneChoice::Nft {
            let message = format!("{path}: nftables forwards {key} by masquerading only");
            let fix = "plane: ipvs, or forward: masquerade";
            found.push(Mistake::error(path, message).fix(fix));
        } else {
            let message = format!("{path}: each server of {key} must own {} itself", key.vip);
            let fix = "forward: masquerade needs nothing there";
            found.push(Mistake::warning(path, message).fix(fix));
        }
    }
    if service.servers.len() == 1 {
        let path = format!("{path}.servers");
        let message =
            format!("{path}: {key} has one server: nothing takes its place when it fails");
        found.push(Mistake::warning(path, message).fix("list every apiserver"));
    }
}

fn probe(frontend: &Frontend, found: &mut Vec<Mistake>) {
    let probe = &frontend.probe;
    let mut error = |path: &str, message: String, expected: &str| {
        found.push(Mistake::error(path, message).expected(expected));
    };
    if !probe.path.starts_with('/') || probe.path.contains(char::is_whitespace) {
        error(
            "probe.path",
            format!("probe.path: {:?} is no path", probe.path),
            "such as /readyz",
        );
    }
    for (path, time) in [
        ("probe.interval", probe.interval),
        ("probe.timeout", probe.timeout),
    ] {
        if time < SHORTEST_INTERVAL {
            error(
                path,
                format!("{path}: {time:?} is too short"),
                "50ms or more, such as 1s",
            );
        }
    }
    if probe.fall == 0 {
        error(
            "probe.fall",
            "probe.fall: 0 would make every server bad".to_owned(),
            "a number from 1",
        );
    }
    for (index, code) in probe.accept.iter().enumerate() {
        if !(100..600).contains(code) {
            let path = format!("probe.accept[{index}]");
            error(
                &path,
                format!("{path}: {code} is no status code"),
                "100 to 599, such as 401",
            );
        }
    }
}
