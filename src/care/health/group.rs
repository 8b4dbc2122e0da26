//! The servers of a service together: who gets connections when not all can.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::server::{Deserved, Health, Outcome, Server, Start, Transition};
use super::{Moment, Policy};

/// The servers of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    servers: BTreeMap<SocketAddr, Server>,
}

/// What the kernel should hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Servers that stay in the table, with their weights; 0 gets no new connections.
    pub weights: BTreeMap<SocketAddr, u32>,
    /// True when nobody is good and therefore everybody is in.
    pub failed_open: bool,
}

impl Group {
    /// Takes a server in; one that is there stays as it is.
    pub fn add(&mut self, address: SocketAddr, start: Start, now: Moment) {
        self.servers
            .entry(address)
            .or_insert_with(|| Server::new(start, now));
    }

    /// Lets a server go.
    pub fn remove(&mut self, address: SocketAddr) {
        self.servers.remove(&address);
    }

    /// A server.
    pub fn server(&self, address: SocketAddr) -> Option<&Server> {
        self.servers.get(&address)
    }

    /// Every server.
    pub fn servers(&self) -> impl Iterator<Item = (SocketAddr, &Server)> {
        self.servers
            .iter()
            .map(|(address, server)| (*address, server))
    }

    /// Takes note of a probe.
    pub fn observe(
        &mut self,
        address: SocketAddr,
        outcome: &Outcome,
        now: Moment,
        policy: &Policy,
    ) -> Option<Transition> {
        self.servers
            .get_mut(&address)?
            .observe(outcome, now, policy)
    }

    /// Takes a server out of use by hand.
    pub fn drain(&mut self, address: SocketAddr, now: Moment) {
        if let Some(server) = self.servers.get_mut(&address) {
            server.drain(now);
        }
    }

    /// Ends that.
    pub fn undrain(&mut self, address: SocketAddr) {
        if let Some(server) = self.servers.get_mut(&address) {
            server.undrain();
        }
    }

    /// What the kernel should hold now. `weights` are the declared ones, `active` how many connections each server has,
    /// where that is known.
    pub fn shares(
        &mut self,
        weights: &BTreeMap<SocketAddr, u32>,
        active: &BTreeMap<SocketAddr, u32>,
        now: Moment,
        policy: &Policy,
    ) -> Shares {
        let mut shares = Shares::default();
        for (address, server) in &mut self.servers {
            server.tick(active.get(address).copied(), now, policy);
            let declared = weights.get(address).copied().unwrap_or(1);
            match server.deserves() {
                Deserved::Connections => shares.weights.insert(*address, declared),
                Deserved::Keep => shares.weights.insert(*address, 0),
                Deserved::Nothing => None,
            };
        }
        if shares.weights.values().all(|weight| *weight == 0) && !policy.fail_closed {
            self.fail_open(&mut shares);
        }
        shares
    }

    /// Better a server that may work than none: one of which nothing is known rather than one that is bad. Those that a
    /// person took out stay out while there is another.
    fn fail_open(&self, shares: &mut Shares) {
        let willing = |by_hand: bool| {
            let servers = self.servers.iter();
            servers.filter(move |(_, server)| server.is_by_hand() == by_hand)
        };
        let mut chosen: Vec<_> = willing(false).collect();
        if chosen.is_empty() {
            chosen = willing(true).collect();
        }
        let unknown = |server: &Server| server.health() == Health::Unknown;
        shares.failed_open = !chosen.iter().any(|(_, server)| unknown(server));
        if !shares.failed_open {
            chosen.retain(|(_, server)| unknown(server));
        }
        let weights = chosen.into_iter().map(|(address, _)| (*address, 1));
        shares.weights.extend(weights);
    }
}
