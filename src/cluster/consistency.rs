//! Proof that all members hold the same data: linearizable reads through each, and equal HashKV
//! at one revision.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::model::{ClientUrl, Revision};

use super::access::ClusterAccess;
use super::connection::Connection;
use super::error::ClusterError;

/// The outcome of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Consistency {
    /// The revision that was compared.
    pub revision: Revision,
    /// The hash every member gave.
    pub hash: u32,
    /// How many members were compared.
    pub members: usize,
}

impl std::fmt::Display for Consistency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "HashKV {} equal at revision {}",
            self.hash, self.revision
        )
    }
}

/// Hashes are only comparable between members compacted alike, and a member may compact between
/// two answers: then the comparison starts over.
const ATTEMPTS: u32 = 10;

/// Pause before the comparison starts over; a compaction reaches all members well within it.
const PAUSE: Duration = Duration::from_millis(200);

/// Compares the members behind `endpoints`.
///
/// # Errors
/// A failed call to any of them, or [`ClusterError::Inconsistent`].
pub async fn verify_consistency(
    access: &ClusterAccess,
    endpoints: &[ClientUrl],
) -> Result<Consistency, ClusterError> {
    let connections = connect_all(access, endpoints).await?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let last = attempt == ATTEMPTS;
        match compare(&connections).await {
            Ok(Some(consistency)) => return Ok(consistency),
            // A compaction passed the revision between choosing and hashing it.
            Err(ClusterError::Call { ref message, .. })
                if !last && message.contains("compacted") => {}
            Err(error) => return Err(error),
            Ok(None) if last => return Err(disagreement(&connections).await),
            Ok(None) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn connect_all(
    access: &ClusterAccess,
    endpoints: &[ClientUrl],
) -> Result<Vec<Connection>, ClusterError> {
    let mut opening = JoinSet::new();
    for endpoint in endpoints {
        let (access, endpoint) = (access.clone(), endpoint.clone());
        opening.spawn(async move { Connection::open(&endpoint, &access).await });
    }
    opening.join_all().await.into_iter().collect()
}

/// One comparison: `None` where compaction differs or the hashes do.
async fn compare(connections: &[Connection]) -> Result<Option<Consistency>, ClusterError> {
    let mut revision = Revision(i64::MAX);
    for connection in connections {
        // The linearizable read also makes the member apply all that was acknowledged before it.
        revision = revision.min(connection.linearizable_read().await?);
    }
    let mut hashes = Vec::with_capacity(connections.len());
    for connection in connections {
        hashes.push(connection.hash_kv(revision).await?);
    }
    let equal = hashes.windows(2).all(|pair| pair[0] == pair[1]);
    let members = connections.len();
    Ok(hashes
        .first()
        .filter(|_| equal)
        .map(|(hash, _)| Consistency {
            revision,
            hash: *hash,
            members,
        }))
}

async fn disagreement(connections: &[Connection]) -> ClusterError {
    let mut revision = Revision(i64::MAX);
    let mut found = Vec::new();
    for connection in connections {
        if let Ok(read) = connection.linearizable_read().await {
            revision = revision.min(read);
        }
    }
    for connection in connections {
        found.push(match connection.hash_kv(revision).await {
            Ok((hash, compacted)) => {
                format!(
                    "{} hash {hash} (compacted to {compacted})",
                    connection.endpoint
                )
            }
            Err(error) => error.to_string(),
        });
    }
    ClusterError::Inconsistent {
        revision: revision.0,
        found,
    }
}
