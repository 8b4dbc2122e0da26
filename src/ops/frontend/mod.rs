//! The front end of this node, by hand: set it up, look at it, check it, take it away.
//!
//! Invariant: whatever is done, is planned from a fresh look at the kernel, and looked at again afterwards.

mod check;
mod file;
mod setup;
mod status;
mod trust;

pub use crate::sys::tcp::TcpAnswer as Answer;
pub use check::{Check, Finding, check};
pub use file::{FrontendFile, PLACES, load};
pub use setup::{
    Change, FrontendError, Reach, apply, change_to, nothing, reach, reach_vips, without,
};
pub use status::{ServerRow, ServerState, ServiceStatus, Status, look};
pub use trust::{TrustFileError, trust};
