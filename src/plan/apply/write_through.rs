//! The proof that a kube-apiserver writes to the etcd it should: an object through it is looked for in
//! etcd, one through another apiserver is looked for through it.

use std::time::Duration;

use aws_lc_rs::rand;
use tokio::time::{Instant, sleep};

use crate::apiserver::{ApiAccess, ProbeObject, StoredForm};
use crate::cluster::{ClusterError, Connection};
use crate::node::LocalNode;
use crate::plan::apiserver::{ApiserverTarget, EtcdUse};
use crate::plan::engine::Progress;
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;

use super::apiserver::{INTERVAL, REQUEST_PATIENCE};

/// How long a write through an apiserver that says it is ready is tried again.
const PROOF_PATIENCE: Duration = Duration::from_secs(60);

/// How often a refused write is tried again before a key of our own stands in for it.
const REFUSALS: u32 = 10;

/// Where a key of our own is written, outside anything of Kubernetes.
const OWN_KEY: &str = "/etcdha/write-through";

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
    fn only_what_stays_denied_counts_as_denied() {
        assert!(is_denied(401) && is_denied(403) && is_denied(400));
        assert!(![404, 409, 429, 500, 503].into_iter().any(is_denied));
        assert_ne!(token().unwrap(), token().unwrap());
    }
}
