//! Has a program really ended?
//!
//! A member holds its database locked (flock, as bbolt does) and its peer port open for as long as it
//! lives; either alone can mislead, since data may be deleted under a living member, and a starting
//! one opens its database before its port. An apiserver is gone when its port is closed and no
//! process of it is seen.

use std::fs::{File, TryLockError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::model::{EtcdUrl, Host};
use crate::node::LocalNode;
use crate::plan::apiserver::ApiserverTarget;
use crate::plan::apply::apiserver::running;
use crate::plan::cluster_restore::{DataSwap, WaitStopped};
use crate::plan::engine::Progress;
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::sys::files::FileError;
use crate::sys::tcp::{TcpAnswer, probe};

/// Pause between two looks.
const INTERVAL: Duration = Duration::from_millis(300);

/// How many looks in a row must find nothing: what crashes and is started again is away for moments.
const STEADY_LOOKS: u32 = 3;

/// Longest time of one connection attempt.
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);

/// How long a member may take to end when it is stopped on the way back: the kubelet's grace period
/// of 30 s and some slack.
const STOP_PATIENCE: Duration = Duration::from_secs(45);

/// Waits until all have ended.
pub(in crate::plan) async fn wait(
    world: &World,
    wait: &WaitStopped,
    progress: &dyn Fn(Progress),
) -> Result<Outcome, StepError> {
    let begin = Instant::now();
    let mut steady = 0;
    loop {
        let last = match first_running(world, wait).await? {
            None => {
                steady += 1;
                "nothing runs any more".to_owned()
            }
            Some(why) => {
                steady = 0;
                why
            }
        };
        if steady >= STEADY_LOOKS {
            return Ok(Outcome::Plain);
        }
        if begin.elapsed().as_secs() >= wait.deadline_seconds {
            return Err(StepError::Deadline {
                what: "their end".to_owned(),
                seconds: wait.deadline_seconds,
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

async fn first_running(world: &World, wait: &WaitStopped) -> Result<Option<String>, StepError> {
    for target in &wait.apiservers {
        let node = world.node(target.name.as_str())?;
        if let Some(why) = apiserver_runs(node, target).await {
            return Ok(Some(format!(
                "{}: the apiserver still runs: {why}",
                node.name
            )));
        }
    }
    for (on, member) in &wait.members {
        let node = world.node(on.as_str())?;
        if let Some(why) = member_runs(node, member).await? {
            return Ok(Some(format!("{on}: etcd still runs: {why}")));
        }
    }
    Ok(None)
}

async fn apiserver_runs(node: &LocalNode, target: &ApiserverTarget) -> Option<String> {
    if is_open(&target.url.0).await {
        return Some(format!("{} is open", target.url));
    }
    let process = running(node, target).into_iter().next()?;
    Some(format!("process {}", process.pid))
}

async fn is_open(url: &EtcdUrl) -> bool {
    match url.host {
        Host::Ip(ip) => probe(ip, url.port, CONNECT_PATIENCE).await == TcpAnswer::Open,
        // Whoever is known by name only is known by its process.
        Host::Dns(_) => false,
    }
}

/// Why a member counts as running; none where it does not run.
pub(super) async fn member_runs(
    node: &LocalNode,
    member: &DataSwap,
) -> Result<Option<String>, FileError> {
    if is_locked(node, member)? {
        let path = member.data_dir.place.display();
        return Ok(Some(format!("its database in {path} is in use")));
    }
    Ok(match is_open(&member.peer_url.0).await {
        true => Some(format!("{} is open", member.peer_url)),
        false => None,
    })
}

/// True where a process holds the database.
fn is_locked(node: &LocalNode, member: &DataSwap) -> Result<bool, FileError> {
    let path = node.local(&member.data_dir.place.join("member/snap/db"));
    let fail = |doing, source| FileError {
        doing,
        path: path.clone(),
        source,
    };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(fail("open", error)),
    };
    match file.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(fail("lock", error)),
    }
}

/// Waits for the member's end, and fails where it goes on.
pub(super) async fn demand(node: &LocalNode, member: &DataSwap) -> Result<(), StepError> {
    let begin = Instant::now();
    let mut steady = 0;
    loop {
        match member_runs(node, member).await? {
            None => steady += 1,
            Some(why) if begin.elapsed() >= STOP_PATIENCE => {
                let how = match member.is_service {
                    true => "; stop its service, then: etcdha undo",
                    false => "",
                };
                return Err(StepError::Deadline {
                    what: format!("the end of etcd on {}", node.name),
                    seconds: STOP_PATIENCE.as_secs(),
                    last: format!("{why}{how}"),
                });
            }
            Some(_) => steady = 0,
        }
        if steady >= STEADY_LOOKS {
            return Ok(());
        }
        sleep(INTERVAL).await;
    }
}
