//! etcd as an apiserver meets it: with the files on its node, server by server.

use crate::cluster::{self, ClusterAccess, ClusterError, Connection};
use crate::model::{ClientUrl, Revision};
use crate::node::LocalNode;
use crate::ops::apiserver_nodes::LOOK_PATIENCE;
use crate::plan::EtcdUse;

use super::observed::{Answer, Migration};

/// Kinds of keys that their writers renew by themselves within seconds or that nobody relies on.
const RENEWING: [&str; 3] = ["leases/", "masterleases/", "events/"];

/// Most changed keys that are looked through.
const MAX_CHANGES: i64 = 10_000;

/// Asks every server with the files that the apiserver uses. `stand_in` names the server that answers
/// for one that is no member yet.
pub(super) async fn answers(
    node: &LocalNode,
    etcd: &EtcdUse,
    urls: &[ClientUrl],
    stand_in: impl Fn(&ClientUrl) -> Option<ClientUrl>,
) -> Vec<(ClientUrl, Result<Answer, String>)> {
    let access = etcd.access(node, LOOK_PATIENCE);
    let mut found = Vec::new();
    for url in urls {
        let other = stand_in(url);
        let answer = match &access {
            Ok(access) => {
                let answer = ask(other.as_ref().unwrap_or(url), access).await;
                let promised = |answer| Answer {
                    is_promised: other.is_some(),
                    ..answer
                };
                answer.map(promised).map_err(|error| error.to_string())
            }
            Err(error) => Err(format!("{error}: {}", error.source)),
        };
        found.push((url.clone(), answer));
    }
    found
}

async fn ask(url: &ClientUrl, access: &ClusterAccess) -> Result<Answer, ClusterError> {
    let connection = Connection::open(url, access).await?;
    let status = connection.status().await?;
    if !status.is_learner {
        // Without a quorum it answers for itself alone.
        connection.linearizable_read().await?;
    }
    Ok(Answer {
        cluster_id: status.cluster_id,
        is_promised: false,
        is_learner: status.is_learner,
    })
}

/// Client URLs of every member of an etcd.
pub(super) async fn listed_urls(node: &LocalNode, etcd: &EtcdUse) -> Vec<ClientUrl> {
    let Ok(access) = etcd.access(node, LOOK_PATIENCE) else {
        return Vec::new();
    };
    let view = cluster::observe(&access).await;
    let members = view.map(|view| view.members).unwrap_or_default();
    members
        .into_iter()
        .flat_map(|member| member.info.client_urls)
        .collect()
}

/// Compares the data of two clusters at the newer one's revision; nothing for one and the same.
pub(super) async fn migration(
    node: &LocalNode,
    now: &EtcdUse,
    wanted: &EtcdUse,
) -> Option<Result<Migration, String>> {
    let old = first_connection(node, now).await;
    let new = first_connection(node, wanted).await;
    let (old, new) = match (old, new) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(why), _) | (_, Err(why)) => return Some(Err(why)),
    };
    Some(
        compare(&old, &new, &now.prefix)
            .await
            .map_err(|error| error.to_string()),
    )
}

async fn first_connection(node: &LocalNode, etcd: &EtcdUse) -> Result<Connection, String> {
    let access = etcd
        .access(node, LOOK_PATIENCE)
        .map_err(|error| error.to_string())?;
    let mut last = "it has no etcd server".to_owned();
    for url in &access.endpoints {
        match Connection::open(url, &access).await {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

async fn compare(
    old: &Connection,
    new: &Connection,
    prefix: &str,
) -> Result<Migration, ClusterError> {
    let revision = new.linearizable_read().await?;
    let ahead = old.linearizable_read().await?;
    let is_equal = match ahead >= revision {
        true => old.hash_kv(revision).await? == new.hash_kv(revision).await?,
        false => false,
    };
    let lost = match is_equal {
        true => lost(old, prefix, revision).await?,
        false => Vec::new(),
    };
    Ok(Migration {
        revision,
        is_equal,
        left_behind: ahead.0.saturating_sub(revision.0).max(0),
        lost,
    })
}

/// What the old cluster has beyond `revision`, apart from what renews itself. Two clusters are always
/// equal at a revision at which both were empty.
async fn lost(
    old: &Connection,
    prefix: &str,
    revision: Revision,
) -> Result<Vec<String>, ClusterError> {
    let prefix = format!("/{}/", prefix.trim_matches('/'));
    let changed = old.changed_since(&prefix, revision, MAX_CHANGES).await?;
    let renews = |key: &String| {
        let rest = key.strip_prefix(&prefix);
        rest.is_some_and(|rest| RENEWING.iter().any(|kind| rest.starts_with(kind)))
    };
    let mut lost: Vec<String> = changed.into_iter().filter(|key| !renews(key)).collect();
    let mut removed = old.removed_since(&prefix, revision).await?;
    for kind in RENEWING {
        let below = format!("{prefix}{kind}");
        removed -= old.removed_since(&below, revision).await?;
    }
    if removed > 0 {
        lost.push(format!("{removed} removed keys"));
    }
    Ok(lost)
}
