//! The virtual address in the kernel: what it should hold, what it holds, and how one becomes the other.
//!
//! `plan` is pure: wanted services and the kernel's state in, ordered operations out, the same for both planes.
//! `ipvs` and `nft` carry operations out, `route` makes the virtual address reachable from this node;
//! each has a codec that is pure and a handle that owns a socket. Nothing here touches what is not its own: other
//! virtual services, other tables, other routes.

mod handle;
pub mod ipvs;
pub mod netlink;
pub mod nft;
pub mod plan;
pub mod route;
mod state;
mod wanted;

pub use handle::{DataPlane, DataPlaneError};
pub use state::{Counters, KernelServer, KernelService, KernelState, RouteOwner, VipRoute};
pub use wanted::{holdable, wanted};
