//! A kube-apiserver's manifest, and the wait for its pod.

use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use crate::apiserver::{RunningApiserver, demand_ready};
use crate::cluster::Connection;
use crate::node::LocalNode;
use crate::plan::action::{FileExpectation, sha256};
use crate::plan::apiserver::{ApiserverTarget, EtcdUse, Repoint};
use crate::plan::engine::Progress;
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::sys::files;

use super::files as node_files;

/// Pause between two looks.
pub(super) const INTERVAL: Duration = Duration::from_millis(300);

/// Longest time of one request. A starting apiserver may accept connections before it answers.
pub(super) const REQUEST_PATIENCE: Duration = Duration::from_secs(5);

/// How many looks in a row must be good: one alone may be a lucky moment.
const STEADY_LOOKS: u32 = 2;

/// After this the process of a replaced manifest is gone: the kubelet's grace period of 30 s and
/// some slack. Counts where neither the process nor its end can be seen.
const SURELY_REPLACED: Duration = Duration::from_secs(45);

/// Writes the manifest, unless its etcd has become out of reach since the plan was made: an apiserver
/// that starts with the wrong CA takes 20 s to say so.
pub(in crate::plan) async fn repoint(
    world: &World,
    on: &str,
    repoint: &Repoint,
) -> Result<Outcome, StepError> {
    let access = repoint.etcd.access(world.node(on)?, REQUEST_PATIENCE)?;
    for endpoint in &access.endpoints {
        Connection::open(endpoint, &access).await?.status().await?;
    }
    node_files::write(world, on, &repoint.file)
}

/// Puts the manifest back that stood there before, and waits until its apiserver is ready again.
pub(in crate::plan) async fn put_back(
    world: &World,
    on: &str,
    repoint: &Repoint,
    outcome: &Outcome,
) -> Result<(), StepError> {
    let (node, file) = (world.node(on)?, &repoint.file);
    let path = node.local(&file.path);
    let found = files::read_optional(&path)?;
    let FileExpectation::Sha256 { hash } = &file.expect else {
        return Ok(());
    };
    // Somebody else's work by now, or nothing was written.
    if found.as_deref() != Some(file.contents.as_bytes())
        || *hash == sha256(&found.unwrap_or_default())
    {
        return Ok(());
    }
    let backup = match outcome {
        Outcome::Replaced { backup, .. } => backup.clone(),
        // Killed before it was recorded, or written by an earlier run: known by its hash.
        _ => world.backup_dir.join(backup_name(&file.path, hash)),
    };
    let old = files::read(&node.local(&backup))?;
    remember_crash(world, node, &file.path, &file.contents)?;
    files::write_atomic(&path, &old, file.mode)?;
    if !repoint.was_ready {
        return Ok(());
    }
    let seconds = repoint.deadline_seconds;
    let wait = Wait {
        target: &repoint.target,
        etcd: repoint.before.as_ref(),
        file: &file.path,
    };
    wait.run(world, seconds, &|_| {}).await.map(drop)
}

fn backup_name(path: &Path, hash: &str) -> String {
    let name = path.file_name().unwrap_or_default().display();
    format!("{name}.{}", &hash[..16.min(hash.len())])
}

/// Keeps a text that did not come up. The kubelet remembers how often a pod of this text crashed, so
/// the next attempt must write another one.
fn remember_crash(
    world: &World,
    node: &LocalNode,
    path: &Path,
    text: &str,
) -> Result<(), StepError> {
    let name = path.file_name().unwrap_or_default().display().to_string();
    let name = backup_name(
        Path::new(&format!("{name}.crashed")),
        &sha256(text.as_bytes()),
    );
    let kept = node.local(&world.backup_dir.join(name));
    if let Some(parent) = kept.parent() {
        files::ensure_dir(parent, 0o700)?;
    }
    Ok(files::write_atomic(&kept, text.as_bytes(), 0o600)?)
}

/// A wait for an apiserver.
pub(in crate::plan) struct Wait<'a> {
    /// The apiserver.
    pub(in crate::plan) target: &'a ApiserverTarget,
    /// The etcd it is to run with; anything will do where that is not known.
    pub(in crate::plan) etcd: Option<&'a EtcdUse>,
    /// Its manifest.
    pub(in crate::plan) file: &'a Path,
}

impl Wait<'_> {
    /// Waits until the pod of the manifest runs, is live and ready, and reaches its etcd.
    pub(in crate::plan) async fn run(
        &self,
        world: &World,
        deadline_seconds: u64,
        progress: &dyn Fn(Progress),
    ) -> Result<Outcome, StepError> {
        let node = world.node(self.target.name.as_str())?;
        let access = self.target.access(&world.nodes, REQUEST_PATIENCE)?;
        let begin = Instant::now();
        let (mut steady, mut seen_down) = (0, false);
        loop {
            let ready = demand_ready(&access).await;
            seen_down |= ready.as_ref().is_err_and(|why| is_down(why));
            let state = match self.is_replaced(node, seen_down) {
                Ok(()) => ready,
                Err(why) => Err(why),
            };
            let last = match state {
                Ok(()) => {
                    steady += 1;
                    "ready".to_owned()
                }
                Err(why) => {
                    steady = 0;
                    why
                }
            };
            if steady >= STEADY_LOOKS {
                return Ok(Outcome::Plain);
            }
            if begin.elapsed().as_secs() >= deadline_seconds {
                return Err(StepError::Deadline {
                    what: format!("readiness of the apiserver of {}", self.target.name),
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

    /// The kubelet takes a moment to stop the old pod, which answers as if nothing had happened.
    fn is_replaced(&self, node: &LocalNode, seen_down: bool) -> Result<(), String> {
        let found = running(node, self.target);
        if let Some(etcd) = self.etcd
            && !found.is_empty()
        {
            let is_new = |process: &&RunningApiserver| process.etcd == etcd.flags;
            let new = found.iter().filter(is_new).count();
            return takes_over(new, found.len() - new, seen_down);
        }
        let age = node
            .modified(self.file)
            .and_then(|at| SystemTime::now().duration_since(at).ok());
        match seen_down || age.is_some_and(|age| age > SURELY_REPLACED) {
            true => Ok(()),
            false => Err("the old process has not been seen to end".to_owned()),
        }
    }
}

/// Whether it is the new manifest's process that answers. Kubelets before 1.22 start it beside the old
/// one, which has closed its port for good when it is told to end, and for up to 30 s only serves the
/// watches that are open: once the port was seen closed, it is not the old one that answers there.
fn takes_over(new: usize, old: usize, seen_down: bool) -> Result<(), String> {
    match old == 0 || (new > 0 && seen_down) {
        true => Ok(()),
        false => Err("the process of the old manifest still runs".to_owned()),
    }
}

/// True where nothing answers at that address.
fn is_down(why: &str) -> bool {
    let why = why.to_lowercase();
    ["refused", "reset", "broken pipe", "closed", "eof"]
        .iter()
        .any(|word| why.contains(word))
}

/// The processes of this apiserver that can be seen.
pub(super) fn running(node: &LocalNode, target: &ApiserverTarget) -> Vec<RunningApiserver> {
    let processes = node.processes("kube-apiserver");
    let apiservers = processes
        .iter()
        .filter_map(|process| RunningApiserver::of(process.pid, &process.argv));
    apiservers
        .filter(|running| running.mark == target.process)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_process_that_only_drains_is_not_waited_for() {
        for (new, old, seen_down, replaced) in [
            (1, 0, false, true),
            (0, 1, false, false),
            (0, 1, true, false),
            (1, 1, false, false),
            (1, 1, true, true),
        ] {
            assert_eq!(takes_over(new, old, seen_down).is_ok(), replaced);
        }
    }

    #[test]
    fn what_is_down_is_told_from_what_answers() {
        assert!(is_down(
            "GET https://x/livez: Connection refused (os error 111)"
        ));
        assert!(!is_down("/livez answers 500"));
    }
}
