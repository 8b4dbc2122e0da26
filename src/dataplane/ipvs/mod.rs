//! IPVS, the kernel's load balancer, over generic netlink.
//!
//! Invariant: commands name one service or one server; the one that flushes the whole table, other owners' services
//! with it, is not here. Formats: `include/uapi/linux/ip_vs.h`.

pub mod codec;
mod handle;
#[cfg(test)]
mod tests;

pub use handle::{Ipvs, IpvsError};
