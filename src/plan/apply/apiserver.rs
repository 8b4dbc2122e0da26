//! A kube-apiserver's manifest, the wait for its pod, and the proof that it writes where it should.

use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand;
use tokio::time::{Instant, sleep};

use crate::apiserver::{ApiAccess, ProbeObject, RunningApiserver, StoredForm, demand_ready};
use crate::cluster::{ClusterError, Connection};
use crate::node::LocalNode;
use crate::plan::action::{FileExpectation, sha256};
use crate::plan::apiserver::{ApiserverTarget, EtcdUse, Repoint};
use crate::plan::engine::Progress;
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::sys::files;

use super::files as node_files;

/// Pause between two looks.
const INTERVAL: Duration = Duration::from_millis(300);

/// Longest time of one request. A starting apiserver may accept connections before it answers.
const REQUEST_PATIENCE: Duration = Duration::from_secs(5);

/// How many looks in a row must be good: one alone may be a lucky moment.
const STEADY_LOOKS: u32 = 2;

/// After this the process of a replaced manifest is gone: the kubelet's grace period of 30 s and
/// some slack. Counts where neither the process nor its end can be seen.
const SURELY_REPLACED: Duration = Duration::from_secs(45);

/// How long a write through an apiserver that says it is ready is tried again.
const PROOF_PATIENCE: Duration = Duration::from_secs(60);

/// How often a refused write is tried again before a key of our own stands in for it.
const REFUSALS: u32 = 10;

/// Where a key of our own is written, outside anything of Kubernetes.
const OWN_KEY: &str = "/etcdha/write-through";

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
        match self.etcd {
            Some(etcd) if found.iter().any(|process| process.etcd != etcd.flags) => {
                return Err("the process of the old manifest still runs".to_owned());
            }
            Some(_) if !found.is_empty() => return Ok(()),
            _ => {}
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

/// True where nothing answers at that address.
fn is_down(why: &str) -> bool {
    let why = why.to_lowercase();
    ["refused", "reset", "broken pipe", "closed", "eof"]
        .iter()
        .any(|word| why.contains(word))
}

/// The processes of this apiserver that can be seen.
fn running(node: &LocalNode, target: &ApiserverTarget) -> Vec<RunningApiserver> {
    let processes = node.processes("kube-apiserver");
    let apiservers = processes
        .iter()
        .filter_map(|process| RunningApiserver::of(process.pid, &process.argv));
    apiservers
        .filter(|running| running.mark == target.process)
        .collect()
}

/// How an attempt at a proof ended.
enum Attempt {
    Proven(String),
    /// It may be otherwise in a moment.
    Again(String),
    /// The apiserver lets us write nothing.
    Forbidden(String),
}

/// Proves that what is written through the apiserver is in its etcd, and the other way round.
pub(in crate::plan) async fn prove(
    world: &World,
    target: &ApiserverTarget,
    others: &[ApiserverTarget],
    etcd: &EtcdUse,
    progress: &dyn Fn(Progress),
) -> Result<Outcome, StepError> {
    let node = world.node(target.name.as_str())?;
    let access = target.access(&world.nodes, REQUEST_PATIENCE)?;
    if !access.credentials.has_identity() {
        return own_key(node, etcd, "there is no kubeconfig").await;
    }
    let others: Vec<_> = others
        .iter()
        .filter_map(|other| Some((other, other.access(&world.nodes, REQUEST_PATIENCE).ok()?)))
        .collect();
    let object = ProbeObject::of(target.name.as_str());
    let begin = Instant::now();
    let mut refused = 0;
    let last = loop {
        let last = match attempt(&object, &access, &others, node, etcd).await? {
            Attempt::Proven(text) => {
                return Ok(Outcome::Noted {
                    text: format!("{}: {text}", target.name),
                });
            }
            Attempt::Forbidden(why) => {
                refused += 1;
                if refused >= REFUSALS {
                    return own_key(node, etcd, &why).await;
                }
                why
            }
            Attempt::Again(why) => why,
        };
        if begin.elapsed() >= PROOF_PATIENCE {
            break last;
        }
        progress(Progress {
            done: 0,
            total: 0,
            message: last,
        });
        sleep(INTERVAL).await;
    };
    // Best effort: the next run removes it as well.
    let _ = object.remove(&access).await;
    Err(StepError::Deadline {
        what: format!("a write through the apiserver of {}", target.name),
        seconds: PROOF_PATIENCE.as_secs(),
        last,
    })
}

async fn attempt(
    object: &ProbeObject,
    access: &ApiAccess,
    others: &[(&ApiserverTarget, ApiAccess)],
    node: &LocalNode,
    etcd: &EtcdUse,
) -> Result<Attempt, StepError> {
    let token = token()?;
    if let Err(error) = object.write(access, &token).await {
        return Ok(match error.status() {
            Some(status) if is_denied(status) => Attempt::Forbidden(error.to_string()),
            _ => Attempt::Again(error.to_string()),
        });
    }
    let key = object.key(&etcd.prefix);
    let stored = match read_stored(node, etcd, &key).await? {
        Ok(Some(value)) => ProbeObject::stored_form(&value, &token),
        Ok(None) => StoredForm::Other,
        Err(why) => return Ok(Attempt::Again(why)),
    };
    let form = match stored {
        StoredForm::Plain => "is in etcd",
        StoredForm::Encrypted => "is in etcd, encrypted",
        StoredForm::Other => {
            let _ = object.remove(access).await;
            // Through consensus on both sides: it will not appear later.
            return Err(StepError::Moved {
                what: format!("{key} in etcd"),
                expected: "the object just written through the apiserver".into(),
                found: "none: it writes to another etcd".into(),
            });
        }
    };
    let back = match seen_back(object, access, others).await {
        Ok(back) => back,
        Err(why) => return Ok(Attempt::Again(why)),
    };
    if let Err(error) = object.remove(access).await {
        return Ok(Attempt::Again(error.to_string()));
    }
    Ok(Attempt::Proven(format!(
        "an object written through it {form}; {back}"
    )))
}

/// True for the answers with which roles or admission deny a write for good. What is missing (404, the
/// namespace of a new cluster), in the way (409) or too much (429) may be otherwise in a moment.
fn is_denied(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 404 | 409 | 429)
}

/// Writes through another apiserver and reads through this one.
async fn seen_back(
    object: &ProbeObject,
    access: &ApiAccess,
    others: &[(&ApiserverTarget, ApiAccess)],
) -> Result<String, String> {
    let mut silent = Vec::new();
    for (other, other_access) in others {
        let token = token().map_err(|error| error.to_string())?;
        if let Err(error) = object.write(other_access, &token).await {
            silent.push(format!("{} ({error})", other.name));
            continue;
        }
        return match object.read(access).await {
            Ok(Some(found)) if found == token => {
                Ok(format!("one written through {} is seen by it", other.name))
            }
            Ok(_) => {
                // Wherever it went, it must not stay there.
                let _ = object.remove(other_access).await;
                Err(format!(
                    "an object written through {} is not seen by it",
                    other.name
                ))
            }
            Err(error) => Err(error.to_string()),
        };
    }
    Ok(match silent.is_empty() {
        true => "there is no other apiserver to compare it with".to_owned(),
        false => format!("no other apiserver takes a write: {}", silent.join(", ")),
    })
}

/// Reads a key from whichever server of the apiserver's etcd answers.
async fn read_stored(
    node: &LocalNode,
    etcd: &EtcdUse,
    key: &str,
) -> Result<Result<Option<Vec<u8>>, String>, StepError> {
    let access = etcd.access(node, REQUEST_PATIENCE)?;
    let mut last = "it has no etcd server".to_owned();
    for endpoint in &access.endpoints {
        let read = async {
            Connection::open(endpoint, &access)
                .await?
                .read_key(key)
                .await
        };
        match read.await {
            Ok(value) => return Ok(Ok(value)),
            Err(error) => last = error.to_string(),
        }
    }
    Ok(Err(last))
}

/// Writes a key of our own with the apiserver's own pair and reads it through every server.
async fn own_key(node: &LocalNode, etcd: &EtcdUse, why: &str) -> Result<Outcome, StepError> {
    let begin = Instant::now();
    loop {
        match own_key_once(node, etcd).await {
            Ok(servers) => {
                let text = format!(
                    "{}: {why}, so a key of our own stood in: written and read through {servers} \
                     etcd servers with the apiserver's own certificate",
                    node.name
                );
                return Ok(Outcome::Noted { text });
            }
            Err(StepError::Cluster(error))
                if error.is_transient() && begin.elapsed() < PROOF_PATIENCE => {}
            Err(error) => return Err(error),
        }
        sleep(INTERVAL).await;
    }
}

async fn own_key_once(node: &LocalNode, etcd: &EtcdUse) -> Result<usize, StepError> {
    let access = etcd.access(node, REQUEST_PATIENCE)?;
    let key = format!("{OWN_KEY}/{}", node.name);
    let token = token()?;
    let mut connections = Vec::new();
    for endpoint in &access.endpoints {
        connections.push(Connection::open(endpoint, &access).await?);
    }
    let Some(first) = connections.first() else {
        return Err(ClusterError::NoneAnswers { tried: Vec::new() }.into());
    };
    first.write_key(&key, &token).await?;
    for connection in &connections {
        let found = connection.read_key(&key).await?;
        if found.as_deref() != Some(token.as_bytes()) {
            first.remove_key(&key).await?;
            return Err(StepError::Moved {
                what: format!("{key} at {}", connection.endpoint),
                expected: format!("what was written at {}", first.endpoint),
                found: "another value: it is another cluster".into(),
            });
        }
    }
    first.remove_key(&key).await?;
    Ok(connections.len())
}

/// A text that nobody else writes.
fn token() -> Result<String, StepError> {
    let mut bytes = [0_u8; 16];
    rand::fill(&mut bytes)
        .map_err(|_| StepError::Missing("the system gives no random numbers".into()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_down_is_told_from_what_answers() {
        assert!(is_down(
            "GET https://x/livez: Connection refused (os error 111)"
        ));
        assert!(!is_down("/livez answers 500"));
        assert_ne!(token().unwrap(), token().unwrap());
    }
}
