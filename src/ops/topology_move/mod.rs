//! `topology move`: etcd moves between control plane nodes and hosts of its own, made of the steps of
//! `member add` and `apiserver repoint`.
//!
//! Members of the cluster's topology are added, the apiservers are pointed at them, and the members
//! on their way out are left alone: they vote until a person removes them.

mod plan;
#[cfg(test)]
mod tests;

pub use plan::{plan, still_voting};

use jiff::Timestamp;

use crate::cluster::ClusterAccess;

use super::apiserver_repoint::{self, RepointRequest};
use super::member_add::{self, MemberAddRequest};

/// What the operator wishes. Both parts are about one cluster file.
#[derive(Clone, Debug)]
pub struct TopologyMoveRequest {
    /// The members that stay.
    pub add: MemberAddRequest,
    /// The apiservers that are to use them.
    pub repoint: RepointRequest,
}

/// What was found.
#[derive(Debug)]
pub struct Looked {
    /// About the members.
    pub members: member_add::Looked,
    /// About the apiservers.
    pub apiservers: apiserver_repoint::Observed,
}

/// Why looking failed.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// At the members.
    #[error(transparent)]
    Members(#[from] member_add::ObserveError),
    /// At the apiservers.
    #[error(transparent)]
    Apiservers(#[from] apiserver_repoint::ObserveError),
}

/// Looks at everything the move decides on.
///
/// # Errors
/// As looking for `member add` and for `apiserver repoint`.
pub async fn observe(
    request: &TopologyMoveRequest,
    access: &ClusterAccess,
    now: Timestamp,
) -> Result<Looked, ObserveError> {
    let members = member_add::observe(&request.add, access, now).await?;
    let apiservers = apiserver_repoint::observe(&request.repoint, access).await?;
    Ok(Looked {
        members,
        apiservers,
    })
}
