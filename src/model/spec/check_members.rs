//! Whether the members go together: names, addresses, roles and their number.

use std::net::IpAddr;

use super::check::{Finding, certificate_name};
use super::cluster::{ClusterSpec, MemberSpec, Role, Topology};
use super::mistake::{Mistake, Severity};

/// More voting members slow every write down and tolerate no failure that anybody plans for.
const MOST_MEMBERS: usize = 7;

pub(super) fn check(spec: &ClusterSpec) -> Vec<Finding> {
    let mut found = duplicates(spec);
    for (index, member) in spec.members.iter().enumerate() {
        let path = format!("members[{index}]");
        let mut single = Vec::new();
        addresses(spec, member, &path, &mut single);
        roles(spec, member, &path, &mut single);
        for (index, name) in member.extra_names.iter().enumerate() {
            single.extend(certificate_name(
                &format!("{path}.extraNames[{index}]"),
                name,
            ));
        }
        found.extend(single.into_iter().map(Finding::from));
    }
    found.extend(families(spec));
    found.extend(number(spec).map(Finding::from));
    found
}

/// A value that only one member may have.
struct Unique {
    path: String,
    what: &'static str,
    value: String,
    member: usize,
}

fn duplicates(spec: &ClusterSpec) -> Vec<Finding> {
    let mut seen: Vec<Unique> = Vec::new();
    let mut found = Vec::new();
    for unique in unique_values(spec) {
        let first = seen
            .iter()
            .find(|other| other.what == unique.what && other.value == unique.value);
        match first {
            Some(first) => found.push(duplicate(spec, first, &unique)),
            None => seen.push(unique),
        }
    }
    found
}

fn unique_values(spec: &ClusterSpec) -> Vec<Unique> {
    let mut values = Vec::new();
    for (index, member) in spec.members.iter().enumerate() {
        let mut add = |path: String, what, value: String| {
            values.push(Unique {
                path: format!("members[{index}].{path}"),
                what,
                value,
                member: index,
            });
        };
        add("name".into(), "name", member.name.to_string());
        add("address".into(), "address", member.address.to_string());
        for (at, address) in member.extra_addresses.iter().enumerate() {
            add(
                format!("extraAddresses[{at}]"),
                "address",
                address.to_string(),
            );
        }
        if let Some(root) = &member.root {
            add("root".into(), "root", root.display().to_string());
        }
    }
    values
}

fn duplicate(spec: &ClusterSpec, first: &Unique, second: &Unique) -> Finding {
    let Unique { what, value, .. } = second;
    let owner = &spec.members[first.member].name;
    let name = &spec.members[second.member].name;
    let message = if *what == "name" {
        format!("two members are named {value}")
    } else if first.member == second.member {
        format!("{name}: {what} {value} stands there twice")
    } else {
        format!("{name}: {what} {value} is already {owner}'s")
    };
    let fix = format!("give every member its own {what}");
    Finding {
        mistake: Mistake::error(&second.path, message).fix(fix),
        related: Some(first.path.clone()),
    }
}

fn addresses(spec: &ClusterSpec, member: &MemberSpec, path: &str, found: &mut Vec<Mistake>) {
    let extra = member.extra_addresses.iter().enumerate();
    let extra = extra.map(|(at, ip)| (format!("{path}.extraAddresses[{at}]"), *ip));
    for (path, ip) in std::iter::once((format!("{path}.address"), member.address)).chain(extra) {
        let alone = spec.members.len() == 1;
        let Some((severity, why)) = unfit(ip, alone) else {
            continue;
        };
        let message = format!("{}: address {ip} {why}", member.name);
        let mistake = Mistake::new(severity, path, message);
        found.push(mistake.expected("the address under which the other members reach this host"));
    }
}

/// Why an address can't be advertised.
fn unfit(ip: IpAddr, alone: bool) -> Option<(Severity, &'static str)> {
    let error = |why| Some((Severity::Error, why));
    match ip {
        ip if ip.is_unspecified() => error("means every address of a host"),
        ip if ip.is_multicast() => error("is a multicast address"),
        ip if ip.is_loopback() && alone => Some((
            Severity::Warning,
            "is loopback: no second member can ever reach it",
        )),
        ip if ip.is_loopback() => error("is loopback: the other members can't reach it"),
        IpAddr::V4(ip) if ip.is_broadcast() => error("is the broadcast address"),
        IpAddr::V4(ip) if ip.is_link_local() => Some((
            Severity::Warning,
            "is link-local: it reaches no further than one network",
        )),
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => {
            error("is an IPv4-mapped IPv6 address: write the IPv4 address")
        }
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            error("is link-local: etcd can't name the interface it belongs to")
        }
        _ => None,
    }
}

fn roles(spec: &ClusterSpec, member: &MemberSpec, path: &str, found: &mut Vec<Mistake>) {
    let path = format!("{path}.roles");
    let name = &member.name;
    let carries_etcd = member.roles.contains(&Role::Etcd);
    if member.roles.is_empty() {
        let mistake = Mistake::error(path, format!("{name}: has no role"));
        found.push(
            mistake
                .expected("etcd, control-plane")
                .fix("leave roles out for the default"),
        );
    } else if member.topology.is_some() && !carries_etcd {
        let message = format!("{name}: topology says where its etcd lives, and it carries none");
        let path = path.replace(".roles", ".topology");
        found.push(Mistake::error(path, message).fix("remove topology, or add etcd to its roles"));
    } else if spec.topology == Topology::Stacked && !carries_etcd {
        let message = format!("{name}: every member carries etcd in a stacked cluster");
        found.push(
            Mistake::error(path, message).fix("add etcd to its roles, or set topology: external"),
        );
    } else if spec.topology_of(member) == Topology::External
        && carries_etcd
        && member.roles.contains(&Role::ControlPlane)
    {
        let message = format!("{name}: etcd and control plane share a host in an external cluster");
        found.push(Mistake::warning(path, message).fix("set topology: stacked, or part them"));
    }
}

/// Members that advertise addresses of different families need both families everywhere.
fn families(spec: &ClusterSpec) -> Option<Finding> {
    let first = spec.members.first()?;
    let index = spec
        .members
        .iter()
        .position(|member| member.address.is_ipv4() != first.address.is_ipv4())?;
    let family = |ip: IpAddr| if ip.is_ipv4() { "IPv4" } else { "IPv6" };
    let other = &spec.members[index];
    let message = format!(
        "{}: advertises {}, but {} advertises {}: every host needs both families",
        other.name,
        family(other.address),
        first.name,
        family(first.address)
    );
    let fix = "advertise one family everywhere and put the other into extraAddresses";
    Some(Finding {
        mistake: Mistake::warning(format!("members[{index}].address"), message).fix(fix),
        related: Some("members[0].address".to_owned()),
    })
}

fn number(spec: &ClusterSpec) -> Option<Mistake> {
    if spec.staying_members().next().is_none() && spec.leaving_members().next().is_some() {
        let topology = spec.topology.as_str();
        let message = format!("members: none is {topology}, so etcd has nowhere to move to");
        return Some(
            Mistake::error("members", message)
                .fix("add the members to be, without topology: of their own"),
        );
    }
    match spec.staying_members().count() {
        0 => Some(
            Mistake::error("members", "members: none carries etcd")
                .expected("- {name: m1, address: 10.0.0.11}"),
        ),
        count if count > MOST_MEMBERS => {
            let message =
                format!("{count} etcd members: every write waits for more than half of them");
            Some(Mistake::warning("members", message).fix("use 3, 5 or 7 members"))
        }
        count if count.is_multiple_of(2) => {
            let message = format!(
                "{count} etcd members tolerate no more failures than {}",
                count - 1
            );
            Some(Mistake::warning("members", message).fix("use an odd number: 1, 3, 5 or 7"))
        }
        _ => None,
    }
}
