//! PEM: text with blocks between `BEGIN` and `END` lines (RFC 7468).

mod block;
mod encode;
mod split;

pub use block::{DamagedBlock, PemBlock, PemError, PemFault, Place, StrayText, pem_blocks};
pub use encode::pem_encode;
pub(crate) use split::split;
