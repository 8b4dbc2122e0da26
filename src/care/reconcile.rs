//! Makes the kernel hold what health says, from a fresh look each time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::health::{Group, Moment, Outcome, Policy, Start, Transition};
use crate::dataplane::plan::{Operation, plan};
use crate::dataplane::{DataPlane, DataPlaneError, KernelService, KernelState, wanted};
use crate::model::{Frontend, PlaneChoice, ServiceKey};

/// Why the kernel could not be put right.
pub type CareError = DataPlaneError;

/// A front end that is looked after.
pub struct Care {
    frontend: Frontend,
    policy: Policy,
    groups: BTreeMap<ServiceKey, Group>,
    /// Services that were ours, and may be in the kernel still.
    owned: BTreeSet<ServiceKey>,
    sources: BTreeMap<IpAddr, IpAddr>,
    data_plane: DataPlane,
    /// What was wanted when the kernel was last put right.
    held: Option<Frontend>,
    repairs: u64,
}

/// What a reconciliation did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Changes because of health or of a new declaration.
    pub changes: Vec<Operation>,
    /// Changes because somebody else changed the kernel's table.
    pub repairs: Vec<Operation>,
    /// Virtual services of others in the same table.
    pub others: usize,
    /// Services of which no server is good, so that all are in.
    pub failed_open: Vec<ServiceKey>,
}

impl Care {
    /// Takes a front end over as the kernel has it.
    ///
    /// # Errors
    /// The kernel can't be asked.
    pub fn new(frontend: Frontend, now: Moment) -> Result<Self, CareError> {
        let mut data_plane = DataPlane::open(frontend.plane)?;
        let owned: BTreeSet<_> = frontend.services.keys().copied().collect();
        let kernel = data_plane.observe(&owned, [])?;
        let mut care = Self {
            policy: policy(&frontend),
            groups: BTreeMap::new(),
            owned,
            sources: BTreeMap::new(),
            data_plane,
            held: None,
            repairs: 0,
            frontend: Frontend::default(),
        };
        care.declare(frontend, &kernel, now);
        Ok(care)
    }

    /// The plane.
    pub fn plane(&self) -> PlaneChoice {
        self.data_plane.plane()
    }

    /// What is declared.
    pub fn frontend(&self) -> &Frontend {
        &self.frontend
    }

    /// How many times somebody else's changes were undone.
    pub fn repairs(&self) -> u64 {
        self.repairs
    }

    /// Takes a new declaration. Servers that stay keep what is known about them; the plane stays what it is.
    ///
    /// # Errors
    /// The kernel can't be asked.
    pub fn reload(&mut self, frontend: Frontend, now: Moment) -> Result<(), CareError> {
        self.owned.extend(frontend.services.keys());
        let kernel = self.data_plane.observe(&self.owned, [])?;
        self.declare(frontend, &kernel, now);
        Ok(())
    }

    fn declare(&mut self, frontend: Frontend, kernel: &KernelState, now: Moment) {
        self.owned.extend(frontend.services.keys());
        self.groups
            .retain(|key, _| frontend.services.contains_key(key));
        for (key, service) in &frontend.services {
            let group = self.groups.entry(*key).or_default();
            let known: Vec<_> = group.servers().map(|(address, _)| address).collect();
            for address in known
                .into_iter()
                .filter(|address| !service.servers.contains_key(address))
            {
                group.remove(address);
            }
            let there = kernel.services.get(key);
            // After a reboot there is nothing: then all begin as if they were in use.
            let afresh = !there.is_some_and(KernelService::is_usable);
            for address in service.servers.keys() {
                let server = there.and_then(|it| it.servers.get(address));
                let in_use = afresh || server.is_some_and(|server| server.weight > 0);
                let start = if in_use { Start::InUse } else { Start::Out };
                group.add(*address, start, now);
            }
        }
        self.policy = policy(&frontend);
        self.frontend = frontend;
    }

    /// Takes note of what a probe saw. Returns what is known anew, for each service with that server.
    pub fn observe(
        &mut self,
        address: SocketAddr,
        outcome: &Outcome,
        now: Moment,
    ) -> Vec<(ServiceKey, Transition)> {
        let policy = self.policy;
        let groups = self.groups.iter_mut();
        let changes = groups.filter_map(|(key, group)| {
            Some((*key, group.observe(address, outcome, now, &policy)?))
        });
        changes.collect()
    }

    /// Puts the kernel right.
    ///
    /// # Errors
    /// The kernel refused; what was done is found again the next time.
    pub fn reconcile(&mut self, now: Moment) -> Result<Done, CareError> {
        let probe = wanted(&self.frontend, self.plane(), BTreeMap::new());
        let kernel = self.data_plane.observe(&self.owned, probe.sysctls.keys())?;
        let mut done = Done::default();
        let share = self.share(&kernel, now, &mut done);
        // Without a way to any server, the source of before is as good as any.
        if let Ok(sources) = self.data_plane.sources(&share) {
            self.sources = sources;
        }
        let wanted = wanted(&share, self.plane(), self.sources.clone());
        let mut owned = self.owned.clone();
        if self.plane() == PlaneChoice::Nft {
            owned.extend(kernel.services.keys());
        }
        done.others = kernel
            .services
            .keys()
            .filter(|key| !owned.contains(key))
            .count();
        let operations = plan(&wanted, &kernel, &owned);
        self.data_plane.apply(kernel, &operations)?;
        if self.held.as_ref() == Some(&share) && !operations.is_empty() {
            self.repairs += 1;
            done.repairs = operations;
        } else {
            done.changes = operations;
        }
        self.held = Some(share);
        self.owned = self.frontend.services.keys().copied().collect();
        Ok(done)
    }

    /// The front end with the servers and weights that health gives them.
    fn share(&mut self, kernel: &KernelState, now: Moment, done: &mut Done) -> Frontend {
        let mut share = self.frontend.clone();
        let counts = self.plane() == PlaneChoice::Ipvs;
        for (key, service) in &mut share.services {
            let Some(group) = self.groups.get_mut(key) else {
                continue;
            };
            let declared = service
                .servers
                .iter()
                .map(|(address, server)| (*address, server.weight))
                .collect();
            let there = kernel
                .services
                .get(key)
                .into_iter()
                .flat_map(|it| &it.servers);
            let active = there
                .filter(|_| counts)
                .map(|(address, server)| (*address, server.active))
                .collect();
            let shares = group.shares(&declared, &active, now, &self.policy);
            service
                .servers
                .retain(|address, _| shares.weights.contains_key(address));
            for (address, server) in &mut service.servers {
                server.weight = shares.weights.get(address).copied().unwrap_or_default();
            }
            done.failed_open.extend(shares.failed_open.then_some(*key));
        }
        share
    }
}

fn policy(frontend: &Frontend) -> Policy {
    Policy {
        fall: frontend.probe.fall,
        drain: frontend.drain,
        fail_closed: frontend.fail_closed,
        ..Policy::default()
    }
}
