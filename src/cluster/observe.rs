//! The state of a whole cluster, asked of every member at once.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::model::{ClientUrl, ClusterId, MemberId, Revision};

use super::access::ClusterAccess;
use super::connection::{Connection, MemberStatus};
use super::error::ClusterError;
use super::member_list::MemberInfo;
use super::quorum::Quorum;

/// What the cluster and each of its members say.
#[derive(Clone, Debug)]
pub struct ClusterView {
    /// The cluster's id.
    pub cluster_id: ClusterId,
    /// Every listed member, in the order of names, nameless ones last.
    pub members: Vec<MemberView>,
    /// Raised alarms.
    pub alarms: Vec<Alarm>,
    /// False where the list could only be read from one member's own view: there is no quorum.
    pub has_quorum: bool,
}

/// A raised alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The member that raised it.
    pub member: MemberId,
    /// `NOSPACE` or `CORRUPT`.
    pub kind: String,
}

/// A listed member and what it answers.
#[derive(Clone, Debug)]
pub struct MemberView {
    /// The member as listed.
    pub info: MemberInfo,
    /// Its own status, or why there is none.
    pub status: Result<MemberStatus, String>,
    /// How long a linearizable read through it took, or why it failed. A learner serves none.
    pub read: Result<Duration, String>,
}

impl MemberView {
    /// True where the member answers and, as a voter, reaches a quorum.
    pub fn is_healthy(&self) -> bool {
        self.status
            .as_ref()
            .is_ok_and(|status| status.errors.is_empty())
            && (self.info.is_learner || self.read.is_ok())
    }

    /// Why the member is not healthy.
    pub fn complaint(&self) -> Option<String> {
        match (&self.status, &self.read) {
            (Err(why), _) => Some(why.clone()),
            (Ok(status), _) if !status.errors.is_empty() => Some(status.errors.join(", ")),
            (Ok(_), Err(why)) if !self.info.is_learner => Some(why.clone()),
            _ => None,
        }
    }
}

impl ClusterView {
    /// The members that vote.
    pub fn voters(&self) -> impl Iterator<Item = &MemberView> {
        self.members.iter().filter(|member| !member.info.is_learner)
    }

    /// The members that do not vote yet.
    pub fn learners(&self) -> impl Iterator<Item = &MemberView> {
        self.members.iter().filter(|member| member.info.is_learner)
    }

    /// The majority arithmetic of this cluster.
    pub fn quorum(&self) -> Quorum {
        Quorum {
            voters: self.voters().count(),
        }
    }

    /// The leader that the answering members follow.
    pub fn leader(&self) -> Option<&MemberView> {
        let id = self
            .members
            .iter()
            .find_map(|member| member.status.as_ref().ok()?.leader)?;
        self.members.iter().find(|member| member.info.id == id)
    }

    /// The highest revision any member reports.
    pub fn revision(&self) -> Option<Revision> {
        self.members
            .iter()
            .filter_map(|member| Some(member.status.as_ref().ok()?.revision))
            .max()
    }

    /// Client URLs of all members that answer, the leader's first.
    pub fn live_endpoints(&self) -> Vec<ClientUrl> {
        let leader = self.leader().map(|member| member.info.id);
        let mut live: Vec<_> = self
            .voters()
            .filter(|member| member.status.is_ok())
            .collect();
        live.sort_by_key(|member| Some(member.info.id) != leader);
        live.iter()
            .filter_map(|member| member.info.client_urls.first().cloned())
            .collect()
    }
}

/// Asks every member of the cluster behind `access`.
///
/// # Errors
/// [`ClusterError::NoneAnswers`] where no endpoint gives a member list at all.
pub async fn observe(access: &ClusterAccess) -> Result<ClusterView, ClusterError> {
    let (cluster_id, infos, has_quorum, endpoint) = list_from_any(access).await?;
    let alarms = list_alarms(&endpoint, access).await;
    let mut asking = JoinSet::new();
    for info in infos {
        let access = access.clone();
        asking.spawn(async move { ask(info, &access).await });
    }
    let mut members = asking.join_all().await;
    members.sort_by_key(|member| (!member.info.has_started(), member.info.name.clone()));
    Ok(ClusterView {
        cluster_id,
        members,
        alarms,
        has_quorum,
    })
}

type Listed = (ClusterId, Vec<MemberInfo>, bool, ClientUrl);

/// The list through consensus from the first endpoint that can give it; failing that, one member's
/// own view, so that a cluster without quorum can still be looked at.
async fn list_from_any(access: &ClusterAccess) -> Result<Listed, ClusterError> {
    let mut tried = Vec::new();
    let mut stale = None;
    for endpoint in &access.endpoints {
        let connection = match Connection::open(endpoint, access).await {
            Ok(connection) => connection,
            Err(error) => {
                tried.push(error.to_string());
                continue;
            }
        };
        match connection.member_list().await {
            Ok((id, members)) => return Ok((id, members, true, endpoint.clone())),
            Err(error) => tried.push(error.to_string()),
        }
        if stale.is_none() {
            stale = connection
                .member_list_own_view()
                .await
                .ok()
                .map(|list| (list, endpoint));
        }
    }
    match stale {
        Some(((id, members), endpoint)) => Ok((id, members, false, endpoint.clone())),
        None => Err(ClusterError::NoneAnswers { tried }),
    }
}

async fn list_alarms(endpoint: &ClientUrl, access: &ClusterAccess) -> Vec<Alarm> {
    let Ok(connection) = Connection::open(endpoint, access).await else {
        return Vec::new();
    };
    let alarms = connection.alarms().await.unwrap_or_default();
    alarms
        .into_iter()
        .map(|(member, kind)| Alarm { member, kind })
        .collect()
}

async fn ask(info: MemberInfo, access: &ClusterAccess) -> MemberView {
    let connection = match open_member(&info, access).await {
        Ok(connection) => connection,
        Err(why) => {
            return MemberView {
                info,
                status: Err(why.clone()),
                read: Err(why),
            };
        }
    };
    let status = connection.status().await.map_err(|error| error.to_string());
    let read = if info.is_learner {
        Err("a learner serves no linearizable reads".to_owned())
    } else {
        let start = Instant::now();
        connection
            .linearizable_read()
            .await
            .map(|_| start.elapsed())
            .map_err(|e| e.to_string())
    };
    MemberView { info, status, read }
}

/// Connects to the first of a member's client URLs that answers.
async fn open_member(info: &MemberInfo, access: &ClusterAccess) -> Result<Connection, String> {
    let mut why = "it has not started: it has published no client URL".to_owned();
    for url in &info.client_urls {
        match Connection::open(url, access).await {
            Ok(connection) => return Ok(connection),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u64, is_learner: bool, status: Result<MemberStatus, String>) -> MemberView {
        let info = MemberInfo {
            id: MemberId(id),
            name: format!("m{id}"),
            peer_urls: vec![],
            client_urls: vec![format!("https://10.0.0.{id}:2379").parse().unwrap()],
            is_learner,
        };
        MemberView {
            info,
            read: Ok(Duration::ZERO),
            status,
        }
    }

    fn status(id: u64, leader: u64) -> Result<MemberStatus, String> {
        Ok(MemberStatus {
            cluster_id: ClusterId(1),
            member_id: MemberId(id),
            version: "3.5.16".into(),
            db_size: 0,
            db_in_use: 0,
            leader: Some(MemberId(leader)),
            is_learner: false,
            raft_index: 0,
            applied_index: 0,
            raft_term: 0,
            revision: Revision(7),
            errors: vec![],
        })
    }

    #[test]
    fn the_leader_is_asked_first_and_the_dead_not_at_all() {
        let view = ClusterView {
            cluster_id: ClusterId(1),
            members: vec![
                member(1, false, status(1, 3)),
                member(2, false, Err("connection refused".into())),
                member(3, false, status(3, 3)),
                member(4, true, status(4, 3)),
            ],
            alarms: vec![],
            has_quorum: true,
        };
        let urls: Vec<_> = view
            .live_endpoints()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(urls, ["https://10.0.0.3:2379", "https://10.0.0.1:2379"]);
        assert_eq!(view.quorum(), Quorum { voters: 3 });
        assert_eq!(
            view.members[1].complaint().as_deref(),
            Some("connection refused")
        );
        assert!(!view.members[1].is_healthy() && view.members[3].is_healthy());
    }
}
