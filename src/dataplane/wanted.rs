//! What the kernel should hold so that a declared front end is true.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::nft;
use super::plan::Wanted;
use crate::model::{Forward, Frontend, PlaneChoice, VirtualService};

/// Resets connections to a server that was deleted, at their next packet.
const RESET_DELETED: &str = "net.ipv4.vs.expire_nodest_conn";
/// Lets persistent clients of a server without weight go to another.
const LEAVE_DRAINED: &str = "net.ipv4.vs.expire_quiescent_template";
/// Shows IPVS's connections to connection tracking, which masquerading needs.
const TRACK: &str = "net.ipv4.vs.conntrack";
const FORWARD4: &str = "net.ipv4.ip_forward";
const FORWARD6: &str = "net.ipv6.conf.all.forwarding";

/// What a plane should hold. `sources` are the source addresses towards each virtual address.
pub fn wanted(
    frontend: &Frontend,
    plane: PlaneChoice,
    sources: BTreeMap<IpAddr, IpAddr>,
) -> Wanted {
    let services = frontend.services.iter();
    let services = services.map(|(key, service)| (*key, holdable(service, plane)));
    let mut wanted = Wanted {
        services: services.collect(),
        sources,
        ..Wanted::default()
    };
    let mut set = |name: &str| wanted.sysctls.insert(name.to_owned(), "1".to_owned());
    if plane == PlaneChoice::Ipvs {
        set(RESET_DELETED);
        if frontend
            .services
            .values()
            .any(|it| it.settings.persistence.is_some())
        {
            set(LEAVE_DRAINED);
        }
    }
    if frontend.serve_remote {
        if plane == PlaneChoice::Ipvs {
            set(TRACK);
        }
        let families = frontend.services.keys().map(|key| key.vip.is_ipv4());
        for four in families {
            set(if four { FORWARD4 } else { FORWARD6 });
        }
        wanted.remote = frontend.services.keys().copied().collect();
    }
    wanted
}

/// What a plane can hold of a service: nftables masquerades, knows two schedulers and no persistence.
pub fn holdable(service: &VirtualService, plane: PlaneChoice) -> VirtualService {
    let mut held = service.clone();
    if plane == PlaneChoice::Nft {
        held.settings = nft::holdable(held.settings);
        for server in held.servers.values_mut() {
            server.forward = Forward::Masquerade;
        }
    }
    held
}
