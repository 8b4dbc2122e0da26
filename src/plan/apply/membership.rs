//! Changes of etcd's membership, and the proof that they went well.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cluster::{
    ClusterAccess, ClusterError, Consistency, LEARNER_NOT_READY, Membership, observe,
    verify_consistency,
};
use crate::model::MemberId;
use crate::plan::action::JoinTarget;
use crate::plan::step::{Outcome, StepError};

/// Pause between two attempts to promote.
const PROMOTE_INTERVAL: Duration = Duration::from_millis(200);

/// How often a promotion is tried again while nobody answers: with the pauses between, that
/// outlasts an election and a leader that is started again.
const LOST_ANSWERS: u32 = 50;

/// A member that was just promoted may need an election and a moment to answer.
const VERIFY_PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two verifications.
const VERIFY_INTERVAL: Duration = Duration::from_millis(500);

pub(in crate::plan) async fn add_learner(
    access: &ClusterAccess,
    member: &JoinTarget,
) -> Result<Outcome, StepError> {
    let id = Membership::new(access)
        .add_learner(&member.peer_url)
        .await?;
    Ok(Outcome::Learner { id })
}

/// Removes the learner with this peer URL; never a voter.
pub(in crate::plan) async fn remove_learner(
    access: &ClusterAccess,
    member: &JoinTarget,
) -> Result<(), StepError> {
    match listed_learner(access, member).await? {
        Some(id) => Ok(Membership::new(access).remove(id).await?),
        None => Ok(()),
    }
}

/// Fails where the member votes, or where that can't be told.
pub(in crate::plan) async fn demand_no_vote(
    access: &ClusterAccess,
    member: &JoinTarget,
) -> Result<(), StepError> {
    listed_learner(access, member).await.map(drop)
}

/// The learner with this peer URL; `None` where nobody has it.
async fn listed_learner(
    access: &ClusterAccess,
    member: &JoinTarget,
) -> Result<Option<MemberId>, StepError> {
    let members = Membership::new(access).list().await?;
    let listed = members
        .iter()
        .find(|m| m.peer_urls.contains(&member.peer_url));
    match listed {
        None => Ok(None),
        Some(listed) if listed.is_learner => Ok(Some(listed.id)),
        Some(_) => Err(StepError::Moved {
            what: member.name.to_string(),
            expected: "a learner".into(),
            found: "a voting member".into(),
        }),
    }
}

/// Promotes the learner, again and again while etcd finds it not in sync.
pub(in crate::plan) async fn promote(
    access: &ClusterAccess,
    member: &JoinTarget,
    deadline_seconds: u64,
) -> Result<Outcome, StepError> {
    let end = Instant::now() + Duration::from_secs(deadline_seconds);
    let mut lost = 0;
    loop {
        let error = match promote_once(access, member).await {
            Ok(id) => return Ok(Outcome::Learner { id }),
            Err(StepError::Cluster(error)) => error,
            Err(error) => return Err(error),
        };
        let not_yet = error
            .server_message()
            .is_some_and(|text| text.contains(LEARNER_NOT_READY));
        if error.is_transient() && lost < LOST_ANSWERS {
            lost += 1;
        } else if !not_yet {
            return Err(error.into());
        } else if Instant::now() >= end {
            return Err(StepError::Deadline {
                what: format!("promotion of {}", member.name),
                seconds: deadline_seconds,
                last: error.to_string(),
            });
        }
        sleep(PROMOTE_INTERVAL).await;
    }
}

async fn promote_once(access: &ClusterAccess, member: &JoinTarget) -> Result<MemberId, StepError> {
    let membership = Membership::new(access);
    let members = membership.list().await?;
    let listed = members
        .iter()
        .find(|m| m.peer_urls.contains(&member.peer_url));
    let id = listed
        .map(|listed| listed.id)
        .ok_or_else(|| StepError::Moved {
            what: member.name.to_string(),
            expected: "a learner in the member list".into(),
            found: "none".into(),
        })?;
    membership.promote(id).await?;
    Ok(id)
}

/// Proves that `voters` members vote, answer through consensus and hold the same data.
pub(in crate::plan) async fn verify(
    access: &ClusterAccess,
    voters: usize,
) -> Result<Outcome, StepError> {
    let end = Instant::now() + VERIFY_PATIENCE;
    loop {
        let error = match verify_once(access, voters).await {
            Ok(found) => {
                return Ok(Outcome::Noted {
                    text: found.to_string(),
                });
            }
            // Different data never becomes equal by waiting.
            Err(error @ StepError::Cluster(ClusterError::Inconsistent { .. })) => {
                return Err(error);
            }
            Err(error) => error,
        };
        if Instant::now() >= end {
            return Err(error);
        }
        sleep(VERIFY_INTERVAL).await;
    }
}

async fn verify_once(access: &ClusterAccess, voters: usize) -> Result<Consistency, StepError> {
    let view = observe(access).await?;
    let mut unhealthy = view.members.iter().filter_map(|member| {
        member
            .complaint()
            .map(|why| format!("{}: {why}", member.info.display_name()))
    });
    if let Some(complaint) = unhealthy.next() {
        return Err(StepError::Deadline {
            what: "an answer from every member".into(),
            seconds: VERIFY_PATIENCE.as_secs(),
            last: complaint,
        });
    }
    let found = view.voters().count();
    if found != voters {
        return Err(StepError::Moved {
            what: "the number of voting members".into(),
            expected: voters.to_string(),
            found: found.to_string(),
        });
    }
    Ok(verify_consistency(access, &view.live_endpoints()).await?)
}
