//! The kernel of this network namespace behind one door: whichever plane balances, and the routes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::ipvs::{Ipvs, IpvsError};
use super::nft::{Nft, NftError, Table};
use super::plan::Operation;
use super::route::{RouteError, Routes};
use super::state::KernelState;
use crate::model::{Frontend, PlaneChoice, ServiceKey};
use crate::sys::sysctl::{self, SysctlError};

/// The kernel of this network namespace.
pub struct DataPlane {
    ipvs: Option<Ipvs>,
    nft: Nft,
    routes: Routes,
}

/// Why the kernel could not be asked or changed.
#[derive(Debug, thiserror::Error)]
pub enum DataPlaneError {
    /// IPVS.
    #[error(transparent)]
    Ipvs(#[from] IpvsError),
    /// nftables.
    #[error(transparent)]
    Nft(#[from] NftError),
    /// Routes.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// A setting.
    #[error(transparent)]
    Sysctl(#[from] SysctlError),
}

impl DataPlane {
    /// Opens the plane that is asked for, or the one that this kernel has.
    ///
    /// # Errors
    /// The kernel does not have it.
    pub fn open(choice: PlaneChoice) -> Result<Self, DataPlaneError> {
        let ipvs = match choice {
            PlaneChoice::Nft => None,
            PlaneChoice::Ipvs => Some(Ipvs::open()?),
            PlaneChoice::Auto => match Ipvs::open() {
                Ok(ipvs) => Some(ipvs),
                Err(IpvsError::NotThere) => None,
                Err(error) => return Err(error.into()),
            },
        };
        Ok(Self {
            ipvs,
            nft: Nft::open()?,
            routes: Routes::open()?,
        })
    }

    /// Which plane it is; never `Auto`.
    pub fn plane(&self) -> PlaneChoice {
        match self.ipvs {
            Some(_) => PlaneChoice::Ipvs,
            None => PlaneChoice::Nft,
        }
    }

    /// Reads what the kernel holds: every service it tells of, the servers of ours, and the settings of these names.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn observe<'n>(
        &mut self,
        ours: &BTreeSet<ServiceKey>,
        sysctls: impl IntoIterator<Item = &'n String>,
    ) -> Result<KernelState, DataPlaneError> {
        let vips = ours.iter().map(|key| key.vip).collect();
        let table = match self.nft.table() {
            Ok(table) => table,
            // With IPVS, the table is only there to serve others.
            Err(NftError::NotThere) if self.ipvs.is_some() => Table::default(),
            Err(error) => return Err(error.into()),
        };
        let mut state = KernelState {
            services: match &mut self.ipvs {
                Some(ipvs) => ipvs.services(ours)?,
                None => table.services,
            },
            routes: self.routes.local(&vips)?,
            remote: table.remote,
            ..KernelState::default()
        };
        for name in sysctls {
            if let Some(value) = sysctl::read(name)? {
                state.sysctls.insert(name.clone(), value);
            }
        }
        Ok(state)
    }

    /// The source address that this node uses towards each virtual address: the one towards a real server behind it.
    ///
    /// # Errors
    /// No way leads to any server of a service.
    pub fn sources(
        &mut self,
        frontend: &Frontend,
    ) -> Result<BTreeMap<IpAddr, IpAddr>, DataPlaneError> {
        let mut sources = BTreeMap::new();
        for (key, service) in &frontend.services {
            let mut failure = None;
            for server in service.servers.keys() {
                match self.routes.source_towards(server.ip()) {
                    Ok(source) => {
                        sources.entry(key.vip).or_insert(source);
                        failure = None;
                        break;
                    }
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
            if let Some(error) = failure {
                return Err(error.into());
            }
        }
        Ok(sources)
    }

    /// The networks that links of this node are in.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn networks(&mut self) -> Result<Vec<(IpNet, String)>, DataPlaneError> {
        Ok(self.routes.networks()?)
    }

    /// Carries operations out in their order, beginning at the state that they were planned for.
    ///
    /// # Errors
    /// The kernel refused one; those before it are done.
    pub fn apply(
        &mut self,
        mut state: KernelState,
        operations: &[Operation],
    ) -> Result<(), DataPlaneError> {
        let mut pending = Vec::new();
        for operation in operations {
            state.apply(operation);
            let in_table = match operation {
                Operation::SetRemote { .. } => true,
                _ => self.ipvs.is_none() && operation.service().is_some(),
            };
            if in_table {
                pending.push(operation);
                continue;
            }
            self.replace(&state, &mut pending)?;
            match operation {
                Operation::SetSysctl { name, value } => sysctl::set(name, value)?,
                Operation::SetRoute { .. } | Operation::DeleteRoute { .. } => {
                    self.routes.apply(operation)?;
                }
                _ => {
                    if let Some(ipvs) = &mut self.ipvs {
                        ipvs.apply(operation)?;
                    }
                }
            }
        }
        self.replace(&state, &mut pending)
    }

    /// Puts several operations on the table into effect at once, and cuts off who talks to servers that are gone.
    fn replace(
        &mut self,
        state: &KernelState,
        pending: &mut Vec<&Operation>,
    ) -> Result<(), DataPlaneError> {
        if pending.is_empty() {
            return Ok(());
        }
        let services = match self.ipvs {
            Some(_) => BTreeMap::new(),
            None => state.services.clone(),
        };
        let remote = state.remote.clone();
        self.nft.replace(&Table { services, remote })?;
        for operation in pending.drain(..) {
            match operation {
                Operation::DeleteServer { key, address } => {
                    self.nft.cut_off(*key, |server| server == *address)?;
                }
                Operation::DeleteService { key } => {
                    self.nft.cut_off(*key, |_| true)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
