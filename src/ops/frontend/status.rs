//! What the kernel holds of a front end, beside what it should hold.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::setup::{Change, FrontendError, change_to};
use crate::dataplane::{Counters, KernelService};
use crate::model::{Frontend, PlaneChoice, Scheduler, ServiceKey, VirtualService};

/// A front end as the kernel has it.
#[derive(Clone, Debug)]
pub struct Status {
    /// The plane.
    pub plane: PlaneChoice,
    /// Every declared service.
    pub services: Vec<ServiceStatus>,
    /// What would have to be done so that all is as declared.
    pub missing: Vec<String>,
    /// How many virtual services others have in the same table.
    pub others: usize,
}

/// A service as the kernel has it.
#[derive(Clone, Debug)]
pub struct ServiceStatus {
    /// Where.
    pub key: ServiceKey,
    /// How it should balance.
    pub scheduler: Scheduler,
    /// Its servers, declared or not.
    pub servers: Vec<ServerRow>,
}

/// A server as the kernel has it.
#[derive(Clone, Debug)]
pub struct ServerRow {
    /// Where it listens.
    pub address: SocketAddr,
    /// What the kernel does with it.
    pub state: ServerState,
    /// Its weight in the kernel.
    pub weight: Option<u32>,
    /// Established connections, and those that open or close; only IPVS tells.
    pub connections: Option<(u32, u32)>,
    /// What went through; only IPVS tells.
    pub counters: Option<Counters>,
}

/// What the kernel does with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// It gets connections.
    InUse,
    /// It keeps its connections and gets no new ones.
    Draining,
    /// It is declared and not there.
    Out,
    /// It is there and not declared.
    Stranger,
}

impl ServerState {
    /// As tables and documents have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InUse => "in use",
            Self::Draining => "draining",
            Self::Out => "out",
            Self::Stranger => "stranger",
        }
    }
}

impl ServiceStatus {
    /// How many servers get connections.
    pub fn in_use(&self) -> usize {
        self.servers
            .iter()
            .filter(|it| it.state == ServerState::InUse)
            .count()
    }
}

/// Looks at the kernel.
///
/// # Errors
/// It can't be asked, or the front end can't be one of this node.
pub fn look(frontend: &Frontend) -> Result<Status, FrontendError> {
    let change = change_to(frontend)?;
    let services = frontend.services.values();
    let services = services.map(|service| service_status(service, &change));
    let others = change.kernel.services.keys();
    Ok(Status {
        plane: change.plane,
        services: services.collect(),
        missing: change.operations.iter().map(ToString::to_string).collect(),
        others: others
            .filter(|key| !frontend.services.contains_key(key))
            .count(),
    })
}

fn service_status(service: &VirtualService, change: &Change) -> ServiceStatus {
    let nothing = KernelService::default();
    let there = change.kernel.services.get(&service.key).unwrap_or(&nothing);
    let tells = change.plane == PlaneChoice::Ipvs;
    let mut rows = BTreeMap::new();
    for address in service.servers.keys().chain(there.servers.keys()) {
        let kernel = there.servers.get(address);
        let state = match kernel {
            None => ServerState::Out,
            Some(_) if !service.servers.contains_key(address) => ServerState::Stranger,
            Some(kernel) if kernel.weight == 0 => ServerState::Draining,
            Some(_) => ServerState::InUse,
        };
        let told = kernel.filter(|_| tells);
        let row = ServerRow {
            address: *address,
            state,
            weight: kernel.map(|kernel| kernel.weight),
            connections: told.map(|kernel| (kernel.active, kernel.inactive)),
            counters: told.map(|kernel| kernel.counters),
        };
        rows.insert(*address, row);
    }
    ServiceStatus {
        key: service.key,
        scheduler: service.settings.scheduler,
        servers: rows.into_values().collect(),
    }
}
