//! What has to change on this node, and doing it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::dataplane::plan::{self, Operation, Wanted};
use crate::dataplane::{DataPlane, DataPlaneError, KernelState, wanted};
use crate::model::{Frontend, PlaneChoice, ServiceKey};
use crate::ops::Refusal;
use crate::sys::tcp::{self, TcpAnswer};

/// Changes of the kernel, from the state that they were planned for.
pub struct Change {
    /// The plane that carries them out.
    pub plane: PlaneChoice,
    /// What is to be true.
    pub wanted: Wanted,
    /// What was found.
    pub kernel: KernelState,
    /// In their order; none where everything is so already.
    pub operations: Vec<Operation>,
    owned: BTreeSet<ServiceKey>,
    data_plane: DataPlane,
}

/// Why a front end could not be set up or looked at.
#[derive(Debug, thiserror::Error)]
pub enum FrontendError {
    /// The kernel could not be asked or changed.
    #[error(transparent)]
    DataPlane(#[from] DataPlaneError),
    /// We looked and chose not to act.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What was set up is not there.
    #[error("the kernel does not hold what was set up: {0} is still to do")]
    NotHeld(String),
}

/// Which of some addresses answer.
pub type Reach = BTreeMap<SocketAddr, TcpAnswer>;

/// Plans what makes a front end true on this node.
///
/// # Errors
/// The kernel can't be asked; refusals `no-services`, `vip-is-an-address` and `vip-in-node-network`.
pub fn change_to(frontend: &Frontend) -> Result<Change, FrontendError> {
    if frontend.services.is_empty() {
        let fix = format!(
            "set frontend.vip in the cluster file, such as {}",
            crate::model::DEFAULT_VIP
        );
        return Err(Refusal::new(
            "no-services",
            "There is no virtual address to balance.",
            fix,
        )
        .into());
    }
    let mut data_plane = DataPlane::open(frontend.plane)?;
    let sources = data_plane.sources(frontend)?;
    let wanted = wanted(frontend, data_plane.plane(), sources);
    let mut change = planned(
        data_plane,
        wanted,
        frontend.services.keys().copied().collect(),
    )?;
    if let Some((vip, link)) = plan::conflicts(&change.wanted, &change.kernel).first() {
        let what = format!(
            "{vip} is an address of this node's link {link}: connections to it never leave the node."
        );
        let fix = format!("ip address delete {vip} dev {link}, or choose another virtual address");
        return Err(Refusal::new("vip-is-an-address", what, fix).into());
    }
    refuse_node_networks(frontend, &mut change.data_plane)?;
    Ok(change)
}

/// Plans what takes a front end away.
///
/// # Errors
/// The kernel can't be asked.
pub fn nothing(frontend: &Frontend, plane: PlaneChoice) -> Result<Change, FrontendError> {
    let data_plane = DataPlane::open(plane)?;
    planned(
        data_plane,
        Wanted::default(),
        frontend.services.keys().copied().collect(),
    )
}

fn planned(
    mut data_plane: DataPlane,
    wanted: Wanted,
    mut owned: BTreeSet<ServiceKey>,
) -> Result<Change, FrontendError> {
    let kernel = data_plane.observe(&owned, wanted.sysctls.keys())?;
    if data_plane.plane() == PlaneChoice::Nft {
        // Whatever is in our own table is ours.
        owned.extend(kernel.services.keys());
    }
    Ok(Change {
        plane: data_plane.plane(),
        operations: plan::plan(&wanted, &kernel, &owned),
        wanted,
        kernel,
        owned,
        data_plane,
    })
}

/// Carries the operations out and looks whether the kernel holds what is wanted.
///
/// # Errors
/// The kernel refused an operation, or does not hold what it accepted.
pub fn apply(mut change: Change) -> Result<(), FrontendError> {
    if change.operations.is_empty() {
        return Ok(());
    }
    change.data_plane.apply(change.kernel, &change.operations)?;
    let held = change
        .data_plane
        .observe(&change.owned, change.wanted.sysctls.keys())?;
    match plan::plan(&change.wanted, &held, &change.owned).first() {
        None => Ok(()),
        Some(operation) => Err(FrontendError::NotHeld(operation.to_string())),
    }
}

/// A virtual address that a link's network holds may be given to a host, and neighbours are asked for it.
fn refuse_node_networks(
    frontend: &Frontend,
    data_plane: &mut DataPlane,
) -> Result<(), FrontendError> {
    let networks = data_plane.networks()?;
    for vip in frontend.services.keys().map(|key| key.vip) {
        // A network of one address is that address: another refusal tells.
        let Some((network, link)) = networks.iter().find(|(network, _)| {
            network.prefix_len() < network.max_prefix_len() && network.contains(&vip)
        }) else {
            continue;
        };
        let what = format!(
            "{vip} lies in {network}, the network of this node's link {link}: a host may have it."
        );
        let free: IpAddr = match vip {
            IpAddr::V4(_) => crate::model::DEFAULT_VIP.into(),
            IpAddr::V6(_) => crate::model::DEFAULT_VIP6.into(),
        };
        let fix = format!("choose a virtual address that no network has, such as {free}");
        return Err(Refusal::new("vip-in-node-network", what, fix).into());
    }
    Ok(())
}

/// Tries every real server once.
pub async fn reach(frontend: &Frontend, patience: Duration) -> Reach {
    let servers = frontend
        .services
        .values()
        .flat_map(|service| service.servers.keys());
    connect(servers.copied().collect(), patience).await
}

/// Tries every virtual address once.
pub async fn reach_vips(frontend: &Frontend, patience: Duration) -> Reach {
    let vips = frontend
        .services
        .keys()
        .map(|key| SocketAddr::new(key.vip, key.port));
    connect(vips.collect(), patience).await
}

async fn connect(addresses: BTreeSet<SocketAddr>, patience: Duration) -> Reach {
    let mut attempts = JoinSet::new();
    for address in addresses {
        attempts.spawn(async move {
            (
                address,
                tcp::probe(address.ip(), address.port(), patience).await,
            )
        });
    }
    attempts.join_all().await.into_iter().collect()
}

/// The front end without the servers that refuse connections; with all of them where none would be left.
#[must_use]
pub fn without(frontend: &Frontend, reach: &Reach) -> Frontend {
    let mut less = frontend.clone();
    for service in less.services.values_mut() {
        let all = service.servers.clone();
        service
            .servers
            .retain(|address, _| reach.get(address) != Some(&TcpAnswer::Refused));
        if service.servers.is_empty() {
            service.servers = all;
        }
    }
    less
}
