//! What has to change in the kernel so that it holds what is wanted, and in which order.
//!
//! Invariants, each a property test: the operations lead to what is wanted from any state; an equal state gives
//! none; they name nothing that is not ours; and between two states that have a usable server there is
//! none without.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::state::{KernelServer, KernelService, KernelState, RouteOwner, VipRoute};
use crate::model::{RealServer, ServiceKey, Settings, VirtualService};

/// What the kernel should hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Virtual services, as the plane can hold them.
    pub services: BTreeMap<ServiceKey, VirtualService>,
    /// The source address for connections of this node to each virtual address.
    pub sources: BTreeMap<IpAddr, IpAddr>,
    /// Kernel settings by name.
    pub sysctls: BTreeMap<String, String>,
    /// Services that others reach through this node.
    pub remote: BTreeSet<ServiceKey>,
}

/// One change in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Sets a kernel setting.
    SetSysctl {
        /// Its name, as sysctl(8) has it.
        name: String,
        /// The new value.
        value: String,
    },
    /// Makes a virtual service without servers.
    AddService {
        /// Where.
        key: ServiceKey,
        /// How it balances.
        settings: Settings,
    },
    /// Changes how a virtual service balances.
    SetService {
        /// Which.
        key: ServiceKey,
        /// How it balances from now on.
        settings: Settings,
    },
    /// Takes a virtual service away with its servers.
    DeleteService {
        /// Which.
        key: ServiceKey,
    },
    /// Adds a real server.
    AddServer {
        /// To which service.
        key: ServiceKey,
        /// Where it listens.
        address: SocketAddr,
        /// Its share and how packets get there.
        server: RealServer,
    },
    /// Changes a real server.
    SetServer {
        /// Of which service.
        key: ServiceKey,
        /// Where it listens.
        address: SocketAddr,
        /// Its share and how packets get there, from now on.
        server: RealServer,
    },
    /// Takes a real server away; its connections are reset.
    DeleteServer {
        /// Of which service.
        key: ServiceKey,
        /// Where it listens.
        address: SocketAddr,
    },
    /// Gives traffic through this node, to exactly these services, this node's address as its source.
    SetRemote {
        /// The services; none takes the rules away.
        keys: BTreeSet<ServiceKey>,
    },
    /// Makes a virtual address reachable from this node, in place of a route that is there.
    SetRoute {
        /// The virtual address.
        vip: IpAddr,
        /// The source address that connections get.
        source: IpAddr,
    },
    /// Takes that route away.
    DeleteRoute {
        /// The virtual address.
        vip: IpAddr,
    },
}

/// Plans the way from what is there to what is wanted. `owned` are services that are ours though no longer
/// wanted: those go.
pub fn plan(wanted: &Wanted, kernel: &KernelState, owned: &BTreeSet<ServiceKey>) -> Vec<Operation> {
    let mut operations = sysctls(wanted, kernel);
    for (key, service) in &wanted.services {
        match kernel.services.get(key) {
            None => add_service(service, &mut operations),
            Some(there) => change_service(service, there, &mut operations),
        }
    }
    if kernel.remote != wanted.remote {
        let keys = wanted.remote.clone();
        operations.push(Operation::SetRemote { keys });
    }
    // A route to a service that is not there yet would answer "refused".
    operations.extend(wanted.sources.iter().filter_map(|(vip, source)| {
        let (vip, source) = (*vip, *source);
        let wanted_there = kernel.routes.get(&vip);
        let right =
            wanted_there.is_some_and(|route| route.is_ours() && route.source == Some(source));
        let blocked = wanted_there.is_some_and(VipRoute::is_address);
        (!right && !blocked).then_some(Operation::SetRoute { vip, source })
    }));
    remove(wanted, kernel, owned, &mut operations);
    operations
}

/// Virtual addresses that can't be ours because a link of this node has them, with that link.
pub fn conflicts(wanted: &Wanted, kernel: &KernelState) -> Vec<(IpAddr, String)> {
    let vips = wanted.sources.keys();
    let conflicts = vips.filter_map(|vip| match &kernel.routes.get(vip)?.owner {
        RouteOwner::Address(link) => Some((*vip, link.clone())),
        RouteOwner::Us | RouteOwner::Other(_) => None,
    });
    conflicts.collect()
}

fn sysctls(wanted: &Wanted, kernel: &KernelState) -> Vec<Operation> {
    let wrong = wanted.sysctls.iter();
    let wrong = wrong.filter(|(name, value)| kernel.sysctls.get(*name) != Some(value));
    let set = wrong.map(|(name, value)| Operation::SetSysctl {
        name: name.clone(),
        value: value.clone(),
    });
    set.collect()
}

fn add_service(service: &VirtualService, operations: &mut Vec<Operation>) {
    let (key, settings) = (service.key, service.settings);
    operations.push(Operation::AddService { key, settings });
    let servers = service.servers.iter();
    operations.extend(servers.map(|(address, server)| Operation::AddServer {
        key,
        address: *address,
        server: *server,
    }));
}

/// First what adds servers or gives them weight, then the rest: in between at least the servers of both
/// states are usable.
fn change_service(
    service: &VirtualService,
    there: &KernelService,
    operations: &mut Vec<Operation>,
) {
    let key = service.key;
    let mut later = Vec::new();
    for (address, server) in &service.servers {
        let (address, server) = (*address, *server);
        let set = Operation::SetServer {
            key,
            address,
            server,
        };
        match there.servers.get(&address) {
            None => operations.push(Operation::AddServer {
                key,
                address,
                server,
            }),
            Some(now) if now.is(server) => {}
            Some(_) if server.weight > 0 => operations.push(set),
            Some(_) => later.push(set),
        }
    }
    if there.settings != Some(service.settings) {
        let settings = service.settings;
        operations.push(Operation::SetService { key, settings });
    }
    operations.append(&mut later);
    let strangers = there.servers.keys();
    let strangers = strangers.filter(|address| !service.servers.contains_key(address));
    operations.extend(strangers.map(|address| Operation::DeleteServer {
        key,
        address: *address,
    }));
}

/// Services before their route: what comes in between is refused at once.
fn remove(
    wanted: &Wanted,
    kernel: &KernelState,
    owned: &BTreeSet<ServiceKey>,
    operations: &mut Vec<Operation>,
) {
    let gone = owned
        .iter()
        .filter(|key| !wanted.services.contains_key(key));
    let gone: Vec<_> = gone.copied().collect();
    for key in gone.iter().filter(|key| kernel.services.contains_key(key)) {
        operations.push(Operation::DeleteService { key: *key });
    }
    let vips: BTreeSet<_> = gone.iter().map(|key| key.vip).collect();
    for vip in vips {
        let ours = kernel.routes.get(&vip).is_some_and(VipRoute::is_ours);
        if ours && !wanted.sources.contains_key(&vip) {
            operations.push(Operation::DeleteRoute { vip });
        }
    }
}

impl VipRoute {
    fn is_ours(&self) -> bool {
        self.owner == RouteOwner::Us
    }

    fn is_address(&self) -> bool {
        matches!(self.owner, RouteOwner::Address(_))
    }
}

impl KernelState {
    /// What the kernel holds after an operation.
    pub fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::SetSysctl { name, value } => {
                self.sysctls.insert(name.clone(), value.clone());
            }
            Operation::AddService { key, settings } => {
                let service = KernelService {
                    settings: Some(*settings),
                    ..KernelService::default()
                };
                self.services.insert(*key, service);
            }
            Operation::SetService { key, settings } => {
                if let Some(service) = self.services.get_mut(key) {
                    service.settings = Some(*settings);
                }
            }
            Operation::DeleteService { key } => {
                self.services.remove(key);
            }
            Operation::AddServer {
                key,
                address,
                server,
            } => {
                if let Some(service) = self.services.get_mut(key) {
                    service.servers.insert(*address, KernelServer::new(*server));
                }
            }
            Operation::SetServer {
                key,
                address,
                server,
            } => {
                let service = self.services.get_mut(key);
                if let Some(there) = service.and_then(|it| it.servers.get_mut(address)) {
                    there.weight = server.weight;
                    there.forward = Some(server.forward);
                }
            }
            Operation::DeleteServer { key, address } => {
                if let Some(service) = self.services.get_mut(key) {
                    service.servers.remove(address);
                }
            }
            Operation::SetRemote { keys } => self.remote.clone_from(keys),
            Operation::SetRoute { vip, source } => {
                let route = VipRoute {
                    source: Some(*source),
                    owner: RouteOwner::Us,
                };
                self.routes.insert(*vip, route);
            }
            Operation::DeleteRoute { vip } => {
                self.routes.remove(vip);
            }
        }
    }
}

impl Operation {
    /// The service it is about; none for routes and settings.
    pub fn service(&self) -> Option<ServiceKey> {
        match self {
            Self::AddService { key, .. }
            | Self::SetService { key, .. }
            | Self::DeleteService { key }
            | Self::AddServer { key, .. }
            | Self::SetServer { key, .. }
            | Self::DeleteServer { key, .. } => Some(*key),
            Self::SetSysctl { .. }
            | Self::SetRemote { .. }
            | Self::SetRoute { .. }
            | Self::DeleteRoute { .. } => None,
        }
    }
}

impl fmt::Display for Operation {
    /// As a person reads it in a dry run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetSysctl { name, value } => write!(f, "set {name} = {value}"),
            Self::AddService { key, settings } => {
                write!(f, "add service {key} {}", settings.scheduler.as_str())
            }
            Self::SetService { key, settings } => {
                write!(f, "set service {key} {}", settings.scheduler.as_str())
            }
            Self::DeleteService { key } => write!(f, "delete service {key}"),
            Self::AddServer {
                key,
                address,
                server,
            } => write!(
                f,
                "add server {address} to {key}, weight {}, {}",
                server.weight,
                server.forward.as_str()
            ),
            Self::SetServer {
                key,
                address,
                server,
            } => write!(
                f,
                "set server {address} of {key}, weight {}, {}",
                server.weight,
                server.forward.as_str()
            ),
            Self::DeleteServer { key, address } => write!(f, "delete server {address} of {key}"),
            Self::SetRemote { keys } if keys.is_empty() => write!(f, "stop masquerading"),
            Self::SetRemote { keys } => {
                let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
                write!(f, "masquerade what others send to {}", keys.join(" "))
            }
            Self::SetRoute { vip, source } => write!(f, "set route local {vip} src {source}"),
            Self::DeleteRoute { vip } => write!(f, "delete route local {vip}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Forward, Scheduler};

    /// Few addresses, so that states meet; service 3 is never ours.
    fn key(number: u8) -> ServiceKey {
        ServiceKey {
            vip: Ipv4Addr::new(169, 254, 247, number / 2).into(),
            port: 6443 + u16::from(number % 2),
        }
    }

    fn settings() -> impl Strategy<Value = Settings> {
        let schedulers = prop::sample::select(Scheduler::ALL.to_vec());
        schedulers.prop_map(|scheduler| Settings {
            scheduler,
            ..Settings::default()
        })
    }

    fn servers() -> impl Strategy<Value = BTreeMap<SocketAddr, RealServer>> {
        let forward = prop::sample::select(Forward::ALL.to_vec());
        let server =
            (0..3_u32, forward).prop_map(|(weight, forward)| RealServer { weight, forward });
        let address = (0..5_u8).prop_map(|n| SocketAddr::from(([10, 0, 0, n], 6443)));
        prop::collection::btree_map(address, server, 0..5)
    }

    fn kernel_service() -> impl Strategy<Value = KernelService> {
        (prop::option::of(settings()), servers()).prop_map(|(settings, servers)| {
            let servers = servers.into_iter();
            let servers = servers.map(|(address, server)| (address, KernelServer::new(server)));
            KernelService {
                settings,
                servers: servers.collect(),
                counters: Default::default(),
            }
        })
    }

    fn kernel() -> impl Strategy<Value = KernelState> {
        let routes =
            prop::collection::btree_map(0..2_u8, (prop::option::of(0..3_u8), 0..2_u8), 0..2);
        let services = prop::collection::btree_map((0..4_u8).prop_map(key), kernel_service(), 0..4);
        let sysctls = prop::collection::btree_map(Just("a".to_owned()), "[01]", 0..2);
        (services, routes, sysctls).prop_map(|(services, routes, sysctls)| {
            let routes = routes.into_iter().map(|(vip, (source, owner))| {
                let source = source.map(|n| Ipv4Addr::new(10, 0, 1, n).into());
                let owner =
                    [RouteOwner::Us, RouteOwner::Other("eth0".into())][usize::from(owner)].clone();
                (
                    Ipv4Addr::new(169, 254, 247, vip).into(),
                    VipRoute { source, owner },
                )
            });
            KernelState {
                services,
                routes: routes.collect(),
                sysctls,
                remote: BTreeSet::from([key(1)]),
            }
        })
    }

    fn wanted() -> impl Strategy<Value = Wanted> {
        let services = prop::collection::btree_map(0..3_u8, (settings(), servers()), 0..3);
        (services, any::<bool>()).prop_map(|(services, sysctl)| {
            let services = services.into_iter().map(|(number, (settings, servers))| {
                let key = key(number);
                (
                    key,
                    VirtualService {
                        key,
                        settings,
                        servers,
                    },
                )
            });
            let services: BTreeMap<_, _> = services.collect();
            let sources = services
                .keys()
                .map(|key| (key.vip, Ipv4Addr::new(10, 0, 1, 1).into()));
            let sources = sources.collect();
            let sysctls = sysctl
                .then(|| ("a".to_owned(), "1".to_owned()))
                .into_iter()
                .collect();
            Wanted {
                services,
                sources,
                sysctls,
                remote: BTreeSet::from([key(0)]),
            }
        })
    }

    fn owned() -> BTreeSet<ServiceKey> {
        (0..3).map(key).collect()
    }

    /// True when the kernel holds what is wanted of what is ours.
    fn holds(kernel: &KernelState, wanted: &Wanted) -> bool {
        let services = owned().into_iter().all(|key| {
            match (wanted.services.get(&key), kernel.services.get(&key)) {
                (None, None) => true,
                (Some(service), Some(there)) => {
                    there.settings == Some(service.settings)
                        && there.servers.len() == service.servers.len()
                        && service
                            .servers
                            .iter()
                            .all(|(a, s)| there.servers.get(a).is_some_and(|it| it.is(*s)))
                }
                _ => false,
            }
        });
        let routes = wanted.sources.iter().all(|(vip, source)| {
            let route = kernel.routes.get(vip);
            route
                .is_some_and(|route| route.owner == RouteOwner::Us && route.source == Some(*source))
        });
        let sysctls = wanted
            .sysctls
            .iter()
            .all(|(name, value)| kernel.sysctls.get(name) == Some(value));
        services && routes && sysctls && kernel.remote == wanted.remote
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn from_any_state_the_way_leads_to_what_is_wanted(mut kernel in kernel(), wanted in wanted()) {
            let before = kernel.clone();
            let usable = |state: &KernelState, key| state.services.get(&key).is_some_and(KernelService::is_usable);
            let operations = plan(&wanted, &kernel, &owned());
            let mut states = vec![kernel.clone()];
            for operation in &operations {
                // An operation must be possible: the kernel refuses what is there already, or is not there.
                let there = |key, address| kernel.services.get(key).is_some_and(|it: &KernelService| it.servers.contains_key(address));
                match operation {
                    Operation::AddService { key, .. } => prop_assert!(!kernel.services.contains_key(key)),
                    Operation::SetService { key, .. } | Operation::DeleteService { key } => prop_assert!(kernel.services.contains_key(key)),
                    Operation::AddServer { key, address, .. } => {
                        prop_assert!(kernel.services.contains_key(key) && !there(key, address));
                    }
                    Operation::SetServer { key, address, .. } | Operation::DeleteServer { key, address } => prop_assert!(there(key, address)),
                    Operation::SetSysctl { .. } | Operation::SetRemote { .. } | Operation::SetRoute { .. } | Operation::DeleteRoute { .. } => {}
                }
                prop_assert_ne!(operation.service(), Some(key(3)));
                kernel.apply(operation);
                states.push(kernel.clone());
            }
            prop_assert!(holds(&kernel, &wanted));
            prop_assert_eq!(kernel.services.get(&key(3)), before.services.get(&key(3)));
            prop_assert_eq!(plan(&wanted, &kernel, &owned()), vec![]);
            for key in owned() {
                if usable(&before, key) && usable(&kernel, key) {
                    prop_assert!(states.iter().all(|state| usable(state, key)), "{operations:?}");
                }
            }
        }

        #[test]
        fn nothing_wanted_leaves_nothing_of_ours(mut kernel in kernel()) {
            let before = kernel.clone();
            for operation in plan(&Wanted::default(), &kernel, &owned()) {
                kernel.apply(&operation);
            }
            prop_assert!(owned().iter().all(|key| !kernel.services.contains_key(key)));
            for (vip, route) in &kernel.routes {
                prop_assert_ne!(&route.owner, &RouteOwner::Us);
                prop_assert_eq!(before.routes.get(vip), Some(route));
            }
        }
    }

    #[test]
    fn an_address_of_this_node_is_left_alone_and_told() {
        let vip = key(0).vip;
        let source = "10.0.0.21".parse().unwrap();
        let wanted = Wanted {
            sources: [(vip, source)].into(),
            ..Wanted::default()
        };
        let owner = RouteOwner::Address("dummy0".into());
        let routes = [(
            vip,
            VipRoute {
                source: Some(vip),
                owner,
            },
        )]
        .into();
        let kernel = KernelState {
            routes,
            ..KernelState::default()
        };
        assert_eq!(plan(&wanted, &kernel, &BTreeSet::new()), []);
        assert_eq!(conflicts(&wanted, &kernel), [(vip, "dummy0".to_owned())]);
    }
}
