//! How the hosts of a bed are wired, and what everything is called.
//!
//! Each host has one link into a bridge that lives in a namespace of its own: a bridge in the
//! machine's own namespace loses every frame between hosts once Docker runs there. The machine
//! joins by one more link.
//!
//! Invariant: every name starts with the slot's, so a sweep finds it without any record.

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::Result;

use crate::exec::ip_batch;

/// The bridge's name within its namespace.
const BRIDGE: &str = "br0";
/// The name of a host's only link, as seen on the host.
const HOST_LINK: &str = "eth0";
/// The last part of the first host's addresses, so that m1 is .11, m2 .12 and so on.
const FIRST_HOST: u8 = 11;

/// The names of what belongs to one slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    slot: u8,
}

impl Names {
    pub(crate) fn of(slot: u8) -> Names {
        Names { slot }
    }

    /// The namespace that holds the bridge.
    pub(crate) fn switch(self) -> String {
        format!("{}sw", self.prefix())
    }

    /// The namespace of a host.
    pub(crate) fn host(self, name: &str) -> String {
        format!("{}h-{name}", self.prefix())
    }

    /// The control group, in each hierarchy, that is a host's root group.
    pub(crate) fn cgroup(self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }

    pub(crate) fn owns_cgroup(self, group: &str) -> bool {
        group.starts_with(&self.prefix())
    }

    /// The machine's end of the link that joins it to the bridge.
    fn machine_link(self) -> String {
        format!("{}m", self.prefix())
    }

    /// The bridge's end of a host's link.
    pub(crate) fn port(self, index: u8) -> String {
        format!("{}p{index}", self.prefix())
    }

    /// Interface names have 15 characters at most, which leaves no room for more.
    fn prefix(self) -> String {
        format!("eha{}-", self.slot)
    }

    pub(crate) fn owns_link(self, link: &str) -> bool {
        link.starts_with(&self.prefix())
    }

    pub(crate) fn owns_netns(self, netns: &str) -> bool {
        netns.starts_with(&self.prefix())
    }

    /// The address of the `index`th host. 198.18.0.0/15 is set aside for tests of network devices
    /// (RFC 2544), so no machine's real network is hidden.
    pub(crate) fn address(self, index: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.slot, FIRST_HOST + index)
    }

    /// The IPv6 address of the `index`th host, in a unique local network (RFC 4193).
    pub(crate) fn address6(self, index: u8) -> Ipv6Addr {
        self.network6(u16::from(index) + 0x11)
    }

    fn network6(self, interface: u16) -> Ipv6Addr {
        Ipv6Addr::new(0xfd98, 0xac5a, u16::from(self.slot), 0, 0, 0, 0, interface)
    }

    /// Makes the bridge and joins the machine to it.
    pub(crate) fn make_switch(self) -> Result<()> {
        let (switch, machine) = (self.switch(), self.machine_link());
        let address = Ipv4Addr::new(198, 18, self.slot, 1);
        ip_batch(
            None,
            &[
                format!("netns add {switch}"),
                format!("link add {machine} type veth peer name m0 netns {switch}"),
                format!("addr add {address}/24 dev {machine}"),
                format!("addr add {}/64 dev {machine} nodad", self.network6(1)),
                format!("link set {machine} up"),
            ],
        )?;
        ip_batch(
            Some(&switch),
            &[
                format!("link add {BRIDGE} type bridge mcast_snooping 0"),
                format!("link set {BRIDGE} up"),
                format!("link set m0 master {BRIDGE} up"),
            ],
        )
    }

    /// Makes a host's namespace and joins it to the bridge.
    pub(crate) fn make_host(self, name: &str, index: u8) -> Result<()> {
        let (switch, host, port) = (self.switch(), self.host(name), self.port(index));
        ip_batch(None, &[format!("netns add {host}")])?;
        ip_batch(
            Some(&switch),
            &[
                format!("link add {port} type veth peer name {HOST_LINK} netns {host}"),
                format!("link set {port} master {BRIDGE} up"),
            ],
        )?;
        ip_batch(
            Some(&host),
            &[
                "link set lo up".to_owned(),
                format!("addr add {}/24 dev {HOST_LINK}", self.address(index)),
                // Without duplicate address detection the address is usable at once.
                format!("addr add {}/64 dev {HOST_LINK} nodad", self.address6(index)),
                format!("link set {HOST_LINK} up"),
            ],
        )
    }

    /// Pulls a host's cable, or plugs it in again.
    pub(crate) fn set_port(self, index: u8, up: bool) -> Result<()> {
        let state = if up { "up" } else { "down" };
        ip_batch(
            Some(&self.switch()),
            &[format!("link set {} {state}", self.port(index))],
        )
    }

    /// Makes a host lose whatever it sends to another: the neighbour gets a hardware address that
    /// nobody has, so frames vanish silently, as on a broken path.
    pub(crate) fn lose_towards(self, name: &str, other: u8) -> Result<()> {
        let neighbours = self.neighbours(other).map(|address| {
            format!(
                "neigh replace {address} lladdr 02:00:00:00:00:fe nud permanent dev {HOST_LINK}"
            )
        });
        ip_batch(Some(&self.host(name)), &neighbours)
    }

    /// Undoes [`Names::lose_towards`].
    pub(crate) fn find_again(self, name: &str, other: u8) -> Result<()> {
        let neighbours = self
            .neighbours(other)
            .map(|address| format!("neigh del {address} dev {HOST_LINK}"));
        ip_batch(Some(&self.host(name)), &neighbours)
    }

    fn neighbours(self, index: u8) -> [String; 2] {
        [
            self.address(index).to_string(),
            self.address6(index).to_string(),
        ]
    }
}
