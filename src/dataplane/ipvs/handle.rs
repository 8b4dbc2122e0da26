//! IPVS of this network namespace: reads its table and carries operations out.

use std::collections::{BTreeMap, BTreeSet};

use rustix::io::Errno;

use super::codec::{self, Found, Timeouts};
use crate::dataplane::netlink::{NetlinkError, NetlinkSocket, Protocol, family_id, family_request};
use crate::dataplane::plan::Operation;
use crate::dataplane::state::KernelService;
use crate::model::{ServiceKey, Settings};

/// IPVS of this network namespace.
pub struct Ipvs {
    socket: NetlinkSocket,
    family: u16,
}

/// Why IPVS could not be asked or changed.
#[derive(Debug, thiserror::Error)]
pub enum IpvsError {
    /// The kernel has no IPVS and could not load it.
    #[error("this kernel has no IPVS (module ip_vs)")]
    NotThere,
    /// Changing needs a capability.
    #[error(
        "IPVS: this needs the capability CAP_NET_ADMIN on the host (run it as root, or privileged)"
    )]
    NotAllowed,
    /// The scheduler's module is missing.
    #[error("this kernel has no scheduler {0} (module ip_vs_{0})")]
    NoScheduler(&'static str),
    /// Anything else, with what was tried.
    #[error("IPVS: {action}")]
    Failed {
        /// What was tried.
        action: String,
        /// Why it failed.
        #[source]
        source: NetlinkError,
    },
}

impl Ipvs {
    /// Finds IPVS; the kernel loads the module if it has to.
    ///
    /// # Errors
    /// There is no IPVS, or no netlink.
    pub fn open() -> Result<Self, IpvsError> {
        let failed = |source| IpvsError::Failed {
            action: "look for the kernel's IPVS".to_owned(),
            source,
        };
        let mut socket = NetlinkSocket::open(Protocol::Generic).map_err(failed)?;
        let family = socket.get(family_request(codec::FAMILY), family_id);
        match family {
            Ok(family) => Ok(Self { socket, family }),
            Err(error) if is(&error, Errno::NOENT) => Err(IpvsError::NotThere),
            Err(error) => Err(failed(error)),
        }
    }

    /// The kernel's version of IPVS.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn version(&mut self) -> Result<[u8; 3], IpvsError> {
        let request = codec::get_info(self.family);
        let answer = self.socket.get(request, codec::read_version);
        answer.map_err(|error| explain("read the version", error))
    }

    /// Time limits of connections.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn timeouts(&mut self) -> Result<Timeouts, IpvsError> {
        let request = codec::get_timeouts(self.family);
        let answer = self.socket.get(request, codec::read_timeouts);
        answer.map_err(|error| explain("read the time limits", error))
    }

    /// Reads every service, and the servers of `ours`.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn services(
        &mut self,
        ours: &BTreeSet<ServiceKey>,
    ) -> Result<BTreeMap<ServiceKey, KernelService>, IpvsError> {
        let listed = self
            .socket
            .dump(&codec::list_services(self.family), |message| {
                codec::read_service(message).map(Some)
            });
        let listed = listed.map_err(|error| explain("read the services", error))?;
        let mut services = BTreeMap::new();
        for found in listed {
            if let Found::Tcp(key, service) = found {
                services.insert(key, service);
            }
        }
        for key in ours {
            let Some(service) = services.get_mut(key) else {
                continue;
            };
            let servers = self
                .socket
                .dump(&codec::list_servers(self.family, *key), |message| {
                    codec::read_server(message, key.vip).map(Some)
                });
            let servers =
                servers.map_err(|error| explain(&format!("read the servers of {key}"), error))?;
            service.servers = servers.into_iter().collect();
        }
        Ok(services)
    }

    /// Carries an operation out; one about routes or settings is none of its business.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn apply(&mut self, operation: &Operation) -> Result<(), IpvsError> {
        let family = self.family;
        let request = match operation {
            Operation::AddService { key, settings } => codec::add_service(family, *key, *settings),
            Operation::SetService { key, settings } => codec::set_service(family, *key, *settings),
            Operation::DeleteService { key } => codec::delete_service(family, *key),
            Operation::AddServer {
                key,
                address,
                server,
            } => codec::add_server(family, *key, *address, *server),
            Operation::SetServer {
                key,
                address,
                server,
            } => codec::set_server(family, *key, *address, *server),
            Operation::DeleteServer { key, address } => {
                codec::delete_server(family, *key, *address)
            }
            Operation::SetSysctl { .. }
            | Operation::SetRemote { .. }
            | Operation::SetRoute { .. }
            | Operation::DeleteRoute { .. } => return Ok(()),
        };
        let Err(error) = self.socket.change(request) else {
            return Ok(());
        };
        let settings: Option<&Settings> = match operation {
            Operation::AddService { settings, .. } | Operation::SetService { settings, .. } => {
                Some(settings)
            }
            _ => None,
        };
        match settings {
            Some(settings) if is(&error, Errno::NOENT) => {
                Err(IpvsError::NoScheduler(settings.scheduler.as_str()))
            }
            _ => Err(explain(&operation.to_string(), error)),
        }
    }
}

fn explain(action: &str, source: NetlinkError) -> IpvsError {
    if is(&source, Errno::PERM) {
        return IpvsError::NotAllowed;
    }
    IpvsError::Failed {
        action: action.to_owned(),
        source,
    }
}

fn is(error: &NetlinkError, errno: Errno) -> bool {
    error.errno() == Some(errno.raw_os_error())
}
