//! `status` and `member list`: what the cluster is, and what is wrong with it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cluster::{ClusterView, MemberView};
use crate::model::{ClusterId, MemberId, Revision};

/// Certificates that end sooner than this are a problem, in days: a month is enough to notice,
/// to plan and to renew.
pub const WARN_DAYS: i64 = 30;

/// Entries by which a voter may be behind the leader before it is worth a word. etcd itself sends
/// a snapshot instead of entries to a follower that is further behind than it keeps (5000).
const LAG_WARNING: u64 = 5000;

/// The share of the database file in use below which defragmenting pays, in percent.
const IN_USE_WARNING: u64 = 25;

/// Database files smaller than this are not worth defragmenting, in bytes.
const SMALL_DB: u64 = 100 * 1024 * 1024;

/// The cluster at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterStatus {
    /// The name in the cluster file, where there is one.
    pub name: Option<String>,
    /// The cluster's id.
    pub cluster_id: ClusterId,
    /// Releases the members run, lowest first.
    pub versions: Vec<String>,
    /// Highest revision any member reports.
    pub revision: Option<Revision>,
    /// Members that may fail while writes go on, counting those that have failed already.
    pub tolerates: usize,
    /// Every member.
    pub members: Vec<MemberRow>,
    /// What is wrong, one line each; nothing is wrong where this is empty.
    pub problems: Vec<String>,
}

/// One member at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberRow {
    /// Its name, or its id while it has not started.
    pub name: String,
    /// Its id.
    pub id: MemberId,
    /// Peer URLs.
    pub peer_urls: Vec<String>,
    /// Client URLs.
    pub client_urls: Vec<String>,
    /// What it is.
    pub role: MemberRole,
    /// True once it has started and published its name.
    pub started: bool,
    /// What it says about itself, where it answers.
    pub live: Option<LiveMember>,
    /// Raised alarms.
    pub alarms: Vec<String>,
    /// Days until its serving certificate ends.
    pub certificate_days: Option<i64>,
    /// Why it is not healthy.
    pub complaint: Option<String>,
}

/// What a member is to its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberRole {
    /// It leads.
    Leader,
    /// It votes.
    Voter,
    /// It does not vote yet.
    Learner,
}

impl MemberRole {
    /// The word for people and machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Voter => "voter",
            Self::Learner => "learner",
        }
    }
}

/// Facts of a member that answers.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveMember {
    /// Its release.
    pub version: String,
    /// Size of the database file in bytes.
    pub db_size: u64,
    /// Bytes of it in use.
    pub db_in_use: u64,
    /// Last raft index it knows of.
    pub raft_index: u64,
    /// Raft term.
    pub raft_term: u64,
    /// Entries it has to apply to be where the leader is.
    pub lag: u64,
    /// How long a linearizable read through it took; learners serve none.
    pub read: Option<Duration>,
}

/// Judges what was observed. `certificate_days` is keyed by member.
pub fn cluster_status(
    name: Option<String>,
    view: &ClusterView,
    certificate_days: &BTreeMap<MemberId, i64>,
) -> ClusterStatus {
    let leader = view.leader();
    let leader_index = leader
        .and_then(|leader| Some(leader.status.as_ref().ok()?.raft_index))
        .unwrap_or(0);
    let leader_id = leader.map(|leader| leader.info.id);
    let members: Vec<_> = view
        .members
        .iter()
        .map(|member| {
            let alarms = view
                .alarms
                .iter()
                .filter(|alarm| alarm.member == member.info.id);
            let alarms = alarms.map(|alarm| alarm.kind.clone()).collect();
            let days = certificate_days.get(&member.info.id).copied();
            row(member, leader_id, leader_index, alarms, days)
        })
        .collect();
    let mut versions: Vec<_> = members
        .iter()
        .filter_map(|row| Some(row.live.as_ref()?.version.clone()))
        .collect();
    versions.sort();
    versions.dedup();
    let healthy = view.voters().filter(|member| member.is_healthy()).count();
    let mut status = ClusterStatus {
        name,
        cluster_id: view.cluster_id,
        versions,
        revision: view.revision(),
        tolerates: healthy.saturating_sub(view.quorum().needed()),
        members,
        problems: Vec::new(),
    };
    status.problems = problems(view, &status);
    status
}

fn row(
    member: &MemberView,
    leader: Option<MemberId>,
    leader_index: u64,
    alarms: Vec<String>,
    certificate_days: Option<i64>,
) -> MemberRow {
    let info = &member.info;
    let role = match info.is_learner {
        true => MemberRole::Learner,
        false if leader == Some(info.id) => MemberRole::Leader,
        false => MemberRole::Voter,
    };
    let live = member.status.as_ref().ok().map(|status| LiveMember {
        version: status.version.clone(),
        db_size: status.db_size,
        db_in_use: status.db_in_use,
        raft_index: status.raft_index,
        raft_term: status.raft_term,
        lag: leader_index.saturating_sub(status.applied_index),
        read: member.read.as_ref().ok().copied(),
    });
    MemberRow {
        name: info.display_name(),
        id: info.id,
        peer_urls: info.peer_urls.iter().map(ToString::to_string).collect(),
        client_urls: info.client_urls.iter().map(ToString::to_string).collect(),
        role,
        started: info.has_started(),
        live,
        alarms,
        certificate_days,
        complaint: member.complaint(),
    }
}

fn problems(view: &ClusterView, status: &ClusterStatus) -> Vec<String> {
    let mut problems = Vec::new();
    if !view.has_quorum {
        problems.push("no quorum: the cluster accepts no writes".to_owned());
    }
    if view.leader().is_none() {
        problems.push("no leader".to_owned());
    }
    for row in &status.members {
        problems.extend(member_problems(row));
    }
    if status.versions.len() > 1 {
        problems.push(format!(
            "members run different releases: {}",
            status.versions.join(", ")
        ));
    }
    let voters = view.quorum().voters;
    if voters.is_multiple_of(2) {
        problems.push(format!(
            "{voters} voting members tolerate no more failures than {} would",
            voters - 1
        ));
    }
    problems
}

fn member_problems(row: &MemberRow) -> Vec<String> {
    let mut problems = Vec::new();
    let name = &row.name;
    if let Some(why) = &row.complaint {
        problems.push(format!("{name} is not healthy: {why}"));
    }
    if row.role == MemberRole::Learner {
        problems.push(format!("{name} is a learner: it does not vote yet"));
    }
    problems.extend(
        row.alarms
            .iter()
            .map(|alarm| format!("{name} has raised {alarm}")),
    );
    match row.certificate_days {
        Some(days) if days < 0 => {
            problems.push(format!(
                "the certificate of {name} expired {} days ago",
                -days
            ));
        }
        Some(days) if days < WARN_DAYS => {
            problems.push(format!("the certificate of {name} expires in {days} days"));
        }
        _ => {}
    }
    let Some(live) = &row.live else {
        return problems;
    };
    if live.lag > LAG_WARNING && row.role != MemberRole::Learner {
        problems.push(format!(
            "{name} is {} raft entries behind the leader",
            live.lag
        ));
    }
    if live.db_size > SMALL_DB && live.db_in_use * 100 < live.db_size * IN_USE_WARNING {
        let percent = live.db_in_use * 100 / live.db_size;
        problems.push(format!(
            "{name} uses {percent} % of its database file: defragment it"
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Alarm, MemberInfo, MemberStatus};

    fn member(id: u64, applied_index: u64) -> MemberView {
        let info = MemberInfo {
            id: MemberId(id),
            name: format!("m{id}"),
            peer_urls: vec![format!("https://10.0.0.{id}:2380").parse().unwrap()],
            client_urls: vec![format!("https://10.0.0.{id}:2379").parse().unwrap()],
            is_learner: false,
        };
        let status = MemberStatus {
            cluster_id: ClusterId(1),
            member_id: MemberId(id),
            version: "3.5.16".into(),
            db_size: 10,
            db_in_use: 1,
            leader: Some(MemberId(1)),
            is_learner: false,
            raft_index: 10_000,
            applied_index,
            raft_term: 2,
            revision: Revision(5),
            errors: vec![],
        };
        MemberView {
            info,
            status: Ok(status),
            read: Ok(Duration::from_millis(2)),
        }
    }

    fn view(members: Vec<MemberView>) -> ClusterView {
        ClusterView {
            cluster_id: ClusterId(1),
            members,
            alarms: vec![],
            has_quorum: true,
        }
    }

    fn problems_of(view: &ClusterView, days: &[(u64, i64)]) -> Vec<String> {
        let days = days
            .iter()
            .map(|(id, days)| (MemberId(*id), *days))
            .collect();
        cluster_status(None, view, &days).problems
    }

    #[test]
    fn a_sound_cluster_has_no_problem() {
        let view = view(vec![member(1, 10_000), member(2, 9_990), member(3, 10_000)]);
        assert_eq!(problems_of(&view, &[(1, 364)]), Vec::<String>::new());
        let status = cluster_status(None, &view, &BTreeMap::new());
        assert_eq!(
            (
                status.tolerates,
                status.members[1].live.as_ref().unwrap().lag
            ),
            (1, 10)
        );
        assert_eq!(status.members[0].role, MemberRole::Leader);
    }

    #[test]
    fn every_defect_is_named() {
        let mut dead = member(2, 0);
        dead.status = Err("connect to https://10.0.0.2:2379: connection refused".into());
        let mut learner = member(3, 10_000);
        learner.info.is_learner = true;
        let mut view = view(vec![member(1, 10_000), dead, learner, member(4, 10)]);
        view.alarms.push(Alarm {
            member: MemberId(1),
            kind: "NOSPACE".into(),
        });
        let found = problems_of(&view, &[(1, 12), (4, -3)]);
        assert_eq!(
            found,
            [
                "m1 has raised NOSPACE",
                "the certificate of m1 expires in 12 days",
                "m2 is not healthy: connect to https://10.0.0.2:2379: connection refused",
                "m3 is a learner: it does not vote yet",
                "the certificate of m4 expired 3 days ago",
                "m4 is 9990 raft entries behind the leader",
            ]
        );
        let status = cluster_status(None, &view, &BTreeMap::new());
        assert_eq!(status.tolerates, 0);
    }

    #[test]
    fn an_even_number_of_voters_and_a_lost_quorum_are_problems() {
        let mut view = view(vec![member(1, 10_000), member(2, 10_000)]);
        view.has_quorum = false;
        let found = problems_of(&view, &[]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("no quorum"));
        assert!(found[1].starts_with("2 voting members tolerate no more"));
    }
}
