//! Changes of membership: add a learner, promote it, remove a member.
//!
//! Each change is asked of the endpoints in turn. One whose outcome is unknown (the connection was
//! lost after sending) is never sent twice blindly: the member list is read first.

use std::time::Duration;

use etcd_client::MemberAddOptions;

use crate::model::{MemberId, PeerUrl};

use super::access::ClusterAccess;
use super::connection::Connection;
use super::error::ClusterError;
use super::member_list::MemberInfo;

/// The server's text while a learner may not vote yet (etcd's `api/v3rpc/rpctypes/error.go`).
pub const LEARNER_NOT_READY: &str =
    "can only promote a learner member which is in sync with leader";

/// How often a change is tried again while the cluster has no leader or a connection fails.
const ATTEMPTS: u32 = 20;

/// Pause between two attempts. With [`ATTEMPTS`] it outlasts several elections.
const PAUSE: Duration = Duration::from_millis(500);

/// Makes changes of membership through whichever endpoint answers.
#[derive(Clone, Copy, Debug)]
pub struct Membership<'a> {
    access: &'a ClusterAccess,
}

enum Change<'a> {
    AddLearner(&'a PeerUrl),
    Promote(MemberId),
    Remove(MemberId),
}

impl<'a> Membership<'a> {
    /// Membership of the cluster behind `access`.
    pub fn new(access: &'a ClusterAccess) -> Self {
        Self { access }
    }

    /// Reads the member list through consensus from the first endpoint that can.
    pub async fn list(&self) -> Result<Vec<MemberInfo>, ClusterError> {
        let mut tried = Vec::new();
        for endpoint in &self.access.endpoints {
            match self.list_from(endpoint).await {
                Ok(members) => return Ok(members),
                Err(error) => tried.push(error.to_string()),
            }
        }
        Err(ClusterError::NoneAnswers { tried })
    }

    async fn list_from(
        &self,
        endpoint: &crate::model::ClientUrl,
    ) -> Result<Vec<MemberInfo>, ClusterError> {
        let connection = Connection::open(endpoint, self.access).await?;
        Ok(connection.member_list().await?.1)
    }

    /// Adds a learner (`etcdctl member add --learner`), or finds the member that has the URL.
    pub async fn add_learner(&self, peer_url: &PeerUrl) -> Result<MemberId, ClusterError> {
        self.settle(&Change::AddLearner(peer_url)).await?;
        let members = self.list().await?;
        let added = members
            .iter()
            .find(|member| member.peer_urls.contains(peer_url));
        added
            .map(|member| member.id)
            .ok_or_else(|| ClusterError::Incomplete {
                endpoint: self.access.endpoints[0].clone(),
                call: "MemberAdd",
                missing: "the new member in the member list",
            })
    }

    /// Makes a learner a voter (`etcdctl member promote`). That it already votes is fine.
    ///
    /// # Errors
    /// A [`ClusterError::Call`] with [`LEARNER_NOT_READY`] while it has not caught up.
    pub async fn promote(&self, id: MemberId) -> Result<(), ClusterError> {
        self.settle(&Change::Promote(id)).await
    }

    /// Removes a member (`etcdctl member remove`). That it is not there is fine.
    pub async fn remove(&self, id: MemberId) -> Result<(), ClusterError> {
        self.settle(&Change::Remove(id)).await
    }

    /// Tries until the change is made or refused for good.
    async fn settle(&self, change: &Change<'_>) -> Result<(), ClusterError> {
        let mut attempt = 0;
        loop {
            let error = match self.try_once(change).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            attempt += 1;
            // Whatever the error says, the list tells whether the change was made.
            if let Ok(members) = self.list().await
                && change.is_made(&members)
            {
                return Ok(());
            }
            if attempt >= ATTEMPTS || !(error.is_transient() || change.will_pass(&error)) {
                return Err(error);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn try_once(&self, change: &Change<'_>) -> Result<(), ClusterError> {
        let mut tried = Vec::new();
        for endpoint in &self.access.endpoints {
            match Connection::open(endpoint, self.access).await {
                Ok(connection) => return change.send(&connection).await,
                Err(error) => tried.push(error.to_string()),
            }
        }
        Err(ClusterError::NoneAnswers { tried })
    }
}

/// Refusals that pass by themselves: an election, or the five seconds for which etcd wants every
/// voter to have been connected before it accepts a change. A learner that was asked because nobody
/// else answered can't tell: the voters may be back in a moment.
const PASSING: &[&str] = &[
    "unhealthy cluster",
    "no leader",
    "leader changed",
    "not started",
    "timed out",
    "not supported for learner",
];

/// What etcd answers to an addition whose member ID was removed before. The ID is a digest of the
/// peer URLs, the cluster token and the second on the server's clock (`NewMember` in etcd's
/// `server/etcdserver/api/membership/member.go`), so a member that was removed and is added again
/// within that second meets its own tombstone. A second later it gets another ID.
const ID_WAS_REMOVED: &str = "member not found";

impl Change<'_> {
    async fn send(&self, connection: &Connection) -> Result<(), ClusterError> {
        let mut client = connection.client.cluster_client();
        match self {
            Self::AddLearner(url) => {
                let options = Some(MemberAddOptions::new().with_is_learner());
                let call = client.member_add([url.to_string()], options);
                connection.call("MemberAdd", call).await.map(drop)
            }
            Self::Promote(id) => connection
                .call("MemberPromote", client.member_promote(id.0))
                .await
                .map(drop),
            Self::Remove(id) => connection
                .call("MemberRemove", client.member_remove(id.0))
                .await
                .map(drop),
        }
    }

    /// Whether the refusal passes by itself.
    fn will_pass(&self, error: &ClusterError) -> bool {
        error.server_message().is_some_and(|message| {
            let tombstone = matches!(self, Self::AddLearner(_)) && message.contains(ID_WAS_REMOVED);
            tombstone || PASSING.iter().any(|passing| message.contains(passing))
        })
    }

    fn is_made(&self, members: &[MemberInfo]) -> bool {
        match self {
            Self::AddLearner(url) => members.iter().any(|member| member.peer_urls.contains(url)),
            Self::Promote(id) => members
                .iter()
                .any(|member| member.id == *id && !member.is_learner),
            Self::Remove(id) => members.iter().all(|member| member.id != *id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_a_change_was_made_is_read_from_the_list() {
        let url: PeerUrl = "https://10.0.0.2:2380".parse().unwrap();
        let learner = MemberInfo {
            id: MemberId(2),
            name: String::new(),
            peer_urls: vec![url.clone()],
            client_urls: vec![],
            is_learner: true,
        };
        let members = [learner.clone()];
        assert!(Change::AddLearner(&url).is_made(&members));
        assert!(!Change::Promote(MemberId(2)).is_made(&members));
        assert!(!Change::Remove(MemberId(2)).is_made(&members));
        assert!(Change::Promote(MemberId(2)).is_made(&[MemberInfo {
            is_learner: false,
            ..learner
        }]));
        assert!(Change::Remove(MemberId(2)).is_made(&[]));
    }
}
