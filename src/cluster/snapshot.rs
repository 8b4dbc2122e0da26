//! The stream of a member's database: `etcdctl snapshot save`'s call.
//!
//! Source: `Maintenance/Snapshot` of etcd's `rpc.proto`. The image comes in pieces of 32 KiB;
//! `remaining_bytes` is 0 on the last of them, and one more message follows with the SHA-256 of all:
//! the end of the stream is the end, not the first 0.

use std::time::Duration;

use etcd_client::SnapshotStreaming;

use super::connection::Connection;
use super::error::ClusterError;

const CALL: &str = "Snapshot";

/// Shortest time to wait for the next piece: a member with a slow disk pauses, and is well.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(15);

/// A member's database on its way.
pub struct SnapshotStream<'a> {
    connection: &'a Connection,
    stream: SnapshotStreaming,
    patience: Duration,
}

/// A message of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotPiece {
    /// The next bytes of the file.
    pub bytes: Vec<u8>,
    /// Bytes of the image that are still to come.
    pub remaining: u64,
}

impl Connection {
    /// Asks for a snapshot of this member's database.
    ///
    /// # Errors
    /// The call is refused or not answered in time.
    pub async fn snapshot(&self) -> Result<SnapshotStream<'_>, ClusterError> {
        let mut client = self.client.maintenance_client();
        let patience = self.timeout.max(SHORTEST_PATIENCE);
        let stream = self.call_within(CALL, patience, client.snapshot()).await?;
        Ok(SnapshotStream {
            connection: self,
            stream,
            patience,
        })
    }
}

impl SnapshotStream<'_> {
    /// The next message; none at the end.
    ///
    /// # Errors
    /// The connection broke, the member gave up, or nothing came for a while.
    pub async fn next(&mut self) -> Result<Option<SnapshotPiece>, ClusterError> {
        let next = self.stream.message();
        let message = self
            .connection
            .call_within(CALL, self.patience, next)
            .await?;
        Ok(message.map(|message| SnapshotPiece {
            remaining: message.0.remaining_bytes,
            bytes: message.0.blob,
        }))
    }
}
