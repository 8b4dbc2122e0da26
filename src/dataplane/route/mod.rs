//! How a node reaches a virtual address that no link has: a route of the kind `local`.
//!
//! The kernel balances what this node sends (in its OUTPUT hook), so the address need not be on a link. With
//! a local route, connections get the node's own source address, and packets that match no service or no
//! connection any more are answered with a reset at once instead of vanishing. Format: rtnetlink(7).

pub mod codec;
mod handle;
#[cfg(test)]
mod tests;

pub use handle::{RouteError, Routes};
