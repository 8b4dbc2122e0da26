//! Waits, each with a deadline and with news of how far it has come.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cluster::{ClusterAccess, Connection, Lag, LagLimit, MemberInfo, Membership, observe};
use crate::plan::action::JoinTarget;
use crate::plan::engine::Progress;
use crate::plan::step::{Outcome, StepError};

/// Pause between two looks at the cluster.
const INTERVAL: Duration = Duration::from_millis(250);

/// How many looks in a row must find the learner close behind: one alone may be a lucky moment.
const STEADY_LOOKS: u32 = 2;

/// Waits until the member list shows the member's name and it answers its clients.
pub(in crate::plan) async fn started(
    access: &ClusterAccess,
    member: &JoinTarget,
    deadline_seconds: u64,
    progress: &dyn Fn(Progress),
) -> Result<Outcome, StepError> {
    let begin = Instant::now();
    loop {
        let last = match look_for_start(access, member).await {
            Ok(()) => return Ok(Outcome::Plain),
            Err(last) => last,
        };
        let waited = begin.elapsed().as_secs();
        if waited >= deadline_seconds {
            return Err(StepError::NotStarted {
                member: member.name.clone(),
                seconds: deadline_seconds,
                last,
            });
        }
        progress(Progress {
            done: 0,
            total: 0,
            message: last,
        });
        sleep(INTERVAL).await;
    }
}

async fn look_for_start(access: &ClusterAccess, member: &JoinTarget) -> Result<(), String> {
    let listed = find(access, member)
        .await
        .map_err(|error| error.to_string())?;
    if !listed.has_started() {
        // Its own port tells more than the list: refused, or why the handshake fails.
        return Err(match Connection::open(&member.client_url, access).await {
            Ok(_) => "it answers but has not published its name".to_owned(),
            Err(error) => error.to_string(),
        });
    }
    open_listed(access, &listed).await.map(drop)
}

async fn find(access: &ClusterAccess, member: &JoinTarget) -> Result<MemberInfo, StepError> {
    let members = Membership::new(access).list().await?;
    let found = members
        .into_iter()
        .find(|m| m.peer_urls.contains(&member.peer_url));
    found.ok_or_else(|| StepError::Moved {
        what: member.name.to_string(),
        expected: format!("a member with {}", member.peer_url),
        found: "none".into(),
    })
}

async fn open_listed(access: &ClusterAccess, listed: &MemberInfo) -> Result<Connection, String> {
    let mut last = "it publishes no client URL".to_owned();
    for url in &listed.client_urls {
        match Connection::open(url, access).await {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

/// What a learner is waited for.
#[derive(Clone, Copy, Debug)]
pub(in crate::plan) struct CatchUp {
    /// Most raft entries it may be behind.
    pub(in crate::plan) max_lag: u64,
    /// Longest wait without progress.
    pub(in crate::plan) deadline: Duration,
    /// Shortest wait.
    pub(in crate::plan) settle: Duration,
}

/// Waits until the learner is close behind the leader, in ratio and in entries.
pub(in crate::plan) async fn caught_up(
    access: &ClusterAccess,
    member: &JoinTarget,
    wait: CatchUp,
    progress: &dyn Fn(Progress),
) -> Result<Outcome, StepError> {
    let limit = LagLimit {
        max_entries: wait.max_lag,
    };
    let begun = Instant::now();
    let mut steady = 0;
    let mut best = 0;
    let mut moved = Instant::now();
    loop {
        let found = measure(access, member).await;
        let mut last = String::new();
        match &found {
            Ok(lag) => {
                steady = if lag.within(limit) { steady + 1 } else { 0 };
                if lag.applied_index > best {
                    (best, moved) = (lag.applied_index, Instant::now());
                }
                progress(lag_progress(*lag));
            }
            Err(why) => {
                steady = 0;
                last.clone_from(why);
            }
        }
        if steady >= STEADY_LOOKS && begun.elapsed() >= wait.settle {
            return Ok(Outcome::Plain);
        }
        if steady == 0 && moved.elapsed() >= wait.deadline {
            let what = format!("progress of {}", member.name);
            if let Ok(lag) = found {
                last = format!("applied {} of {}", lag.applied_index, lag.leader_index);
            }
            return Err(StepError::Deadline {
                what,
                seconds: wait.deadline.as_secs(),
                last,
            });
        }
        sleep(INTERVAL).await;
    }
}

fn lag_progress(lag: Lag) -> Progress {
    let message = format!("index {} of {}", lag.applied_index, lag.leader_index);
    Progress {
        done: lag.applied_index,
        total: lag.leader_index,
        message,
    }
}

/// Reads the leader's and the learner's index at about the same time.
async fn measure(access: &ClusterAccess, member: &JoinTarget) -> Result<Lag, String> {
    let view = observe(access).await.map_err(|error| error.to_string())?;
    let leader = view.leader().ok_or("the cluster has no leader")?;
    let leader_index = leader.status.as_ref().map_err(Clone::clone)?.raft_index;
    let learner = view
        .members
        .iter()
        .find(|m| m.info.peer_urls.contains(&member.peer_url));
    let learner = learner.ok_or_else(|| format!("{} is no longer a member", member.name))?;
    let applied_index = learner.status.as_ref().map_err(Clone::clone)?.applied_index;
    Ok(Lag {
        leader_index,
        applied_index,
    })
}
