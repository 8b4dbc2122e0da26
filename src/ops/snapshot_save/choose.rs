//! Which member is asked for the snapshot, and who comes next should it fail. Pure.

use std::cmp::Reverse;

use crate::cluster::{ClusterView, MemberView};
use crate::model::{ClientUrl, MemberId};
use crate::ops::Refusal;

/// A member that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: MemberId,
    /// Its name.
    pub name: String,
    /// Where it is asked.
    pub endpoint: ClientUrl,
    /// Size of its database file in bytes: the snapshot has this size at most.
    pub db_size: u64,
    /// True where it leads: sending a database costs it time that writes wait for.
    pub leads: bool,
}

/// Orders the members: those that lead nothing first, then those that have applied the most.
///
/// # Errors
/// Nobody is fit to be asked.
pub(super) fn candidates(view: &ClusterView) -> Result<Vec<Candidate>, Refusal> {
    let mut able: Vec<_> = view
        .voters()
        .filter(|member| is_able(view, member))
        .filter_map(|member| {
            let endpoint = member.info.client_urls.first()?;
            let applied = member.status.as_ref().ok()?.applied_index;
            Some((applied, candidate(view, member, endpoint.clone())?))
        })
        .collect();
    able.sort_by_key(|(applied, candidate)| (candidate.leads, Reverse(*applied)));
    if able.is_empty() {
        return Err(nobody(view));
    }
    Ok(able.into_iter().map(|(_, candidate)| candidate).collect())
}

/// The member that answers at an endpoint that was named: the name it is reached by need not be one
/// that it has published.
///
/// # Errors
/// It is not a voting member of this cluster that is fit to be asked.
pub(super) fn pinned(
    view: &ClusterView,
    endpoint: &ClientUrl,
    member: MemberId,
) -> Result<Vec<Candidate>, Refusal> {
    let mut found = view.voters().filter(|voter| voter.info.id == member);
    let found = found.find(|voter| is_able(view, voter));
    match found.and_then(|member| candidate(view, member, endpoint.clone())) {
        Some(candidate) => Ok(vec![candidate]),
        None if is_denied(view) => Err(nobody(view)),
        None => Err(Refusal::new(
            "no-healthy-member",
            format!(
                "the member {member} at {endpoint} is no healthy voting member of this cluster"
            ),
            "leave --endpoint out: etcdha then chooses one that is",
        )),
    }
}

fn candidate(view: &ClusterView, member: &MemberView, endpoint: ClientUrl) -> Option<Candidate> {
    let leader = view.leader().map(|member| member.info.id);
    Some(Candidate {
        id: member.info.id,
        name: member.info.name.clone(),
        endpoint,
        db_size: member.status.as_ref().ok()?.db_size,
        leads: Some(member.info.id) == leader,
    })
}

/// One that reaches a quorum. Without a quorum nobody does, and what is left is worth saving all the
/// more. A full member (NOSPACE) can be saved; a corrupt one is not worth it.
fn is_able(view: &ClusterView, member: &MemberView) -> bool {
    let is_corrupt = view
        .alarms
        .iter()
        .any(|alarm| alarm.member == member.info.id && alarm.kind == "CORRUPT");
    let reaches = member.read.is_ok() || !view.has_quorum;
    member.status.is_ok() && reaches && !is_corrupt
}

/// What a member says to somebody whom it does not let read (`etcdserver/api/v3rpc/rpctypes/error.go`).
const DENIALS: &[&str] = &["permission denied", "user name is empty"];

/// True where authentication is on, and this user may not read.
fn is_denied(view: &ClusterView) -> bool {
    let mut complaints = view.members.iter().filter_map(MemberView::complaint);
    complaints.any(|why| DENIALS.iter().any(|denial| why.contains(denial)))
}

fn nobody(view: &ClusterView) -> Refusal {
    let why: Vec<_> = view
        .members
        .iter()
        .map(|member| {
            let why = member
                .complaint()
                .unwrap_or_else(|| "it can't be asked".to_owned());
            format!("{}: {why}", member.info.name)
        })
        .collect();
    if is_denied(view) {
        let what = format!(
            "authentication is on, and this user may not read: {}",
            why.join("; ")
        );
        let fix = "set ETCDHA_USER=NAME:PASSWORD for a user with the role root (or --user), or show a \
                   certificate with such a user's name as its CN: --cert FILE --key FILE";
        return Refusal::new("user-needed", what, fix);
    }
    Refusal::new(
        "no-healthy-member",
        format!("no voting member is fit to be asked: {}", why.join("; ")),
        "look at etcdha status; the database of a stopped member can be copied, and etcdha \
         snapshot verify tells what it is worth",
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::cluster::{Alarm, MemberInfo, MemberStatus};
    use crate::model::{ClusterId, Revision};

    use super::*;

    fn member(id: u64, applied: u64, is_up: bool) -> MemberView {
        let down = || "connection refused".to_owned();
        let status = MemberStatus {
            cluster_id: ClusterId(1),
            member_id: MemberId(id),
            version: "3.5.16".into(),
            db_size: 4096,
            db_in_use: 4096,
            leader: Some(MemberId(1)),
            is_learner: false,
            raft_index: applied,
            applied_index: applied,
            raft_term: 2,
            revision: Revision(7),
            errors: vec![],
        };
        MemberView {
            info: MemberInfo {
                id: MemberId(id),
                name: format!("m{id}"),
                peer_urls: vec![],
                client_urls: vec![format!("https://10.0.0.{id}:2379").parse().unwrap()],
                is_learner: false,
            },
            status: is_up.then_some(status).ok_or_else(down),
            read: is_up.then_some(Duration::ZERO).ok_or_else(down),
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

    fn names(found: &[Candidate]) -> Vec<&str> {
        found.iter().map(|one| one.name.as_str()).collect()
    }

    #[test]
    fn followers_come_before_the_leader_and_the_furthest_of_them_first() {
        let view = view(vec![
            member(1, 90, true),
            member(2, 80, true),
            member(3, 88, true),
            member(4, 90, false),
        ]);
        assert_eq!(names(&candidates(&view).unwrap()), ["m3", "m2", "m1"]);
    }

    #[test]
    fn a_corrupt_member_is_never_asked_and_a_full_one_is() {
        let mut view = view(vec![member(1, 90, true), member(2, 90, true)]);
        let alarm = |id, kind: &str| Alarm {
            member: MemberId(id),
            kind: kind.into(),
        };
        view.alarms = vec![alarm(1, "NOSPACE"), alarm(2, "CORRUPT")];
        assert_eq!(names(&candidates(&view).unwrap()), ["m1"]);
    }

    #[test]
    fn without_a_quorum_what_answers_is_saved() {
        let mut alone = member(2, 90, true);
        alone.read = Err("no leader".into());
        let mut view = view(vec![member(1, 90, false), alone]);
        assert_eq!(candidates(&view).unwrap_err().id, "no-healthy-member");
        view.has_quorum = false;
        assert_eq!(names(&candidates(&view).unwrap()), ["m2"]);
    }

    #[test]
    fn an_endpoint_is_one_members() {
        let view = view(vec![member(1, 90, true), member(2, 90, false)]);
        let loopback: ClientUrl = "https://127.0.0.1:2379".parse().unwrap();
        let found = pinned(&view, &loopback, MemberId(1)).unwrap();
        assert_eq!(found[0].endpoint, loopback);
        for other in [2, 7] {
            let refusal = pinned(&view, &loopback, MemberId(other)).unwrap_err();
            assert_eq!(refusal.id, "no-healthy-member");
        }
    }
}
