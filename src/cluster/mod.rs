//! etcd over gRPC: what its members are and say, and the changes of membership.
//!
//! Invariant: one connection is one endpoint. The client library spreads calls over endpoints and
//! does not fail over, so which member answers is always decided here. There is no fake: the real
//! server takes part in every test of this folder's callers.

mod access;
mod connection;
mod consistency;
mod error;
mod inventory;
mod keys;
mod lag;
mod member;
mod member_list;
mod observe;
mod pulse;
mod quorum;
mod snapshot;

pub use access::{ClusterAccess, Credentials, TlsMaterial};
pub use connection::{Connection, MemberStatus};
pub use consistency::{Consistency, verify_consistency};
pub use error::ClusterError;
pub use inventory::KeyAt;
pub use lag::{Lag, LagLimit};
pub use member::{LEARNER_NOT_READY, Membership};
pub use member_list::MemberInfo;
pub use observe::{Alarm, ClusterView, MemberView, observe};
pub use pulse::{Pulse, PulseReport};
pub use quorum::Quorum;
pub use snapshot::{SnapshotPiece, SnapshotStream};
